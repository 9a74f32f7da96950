import * as bpfCall from './bpf-call.ts';
import * as btf from './btf.ts';
import * as cgroup from './cgroup.ts';
import * as congestion from './congestion.ts';
import * as csum from './csum.ts';
import * as dynptr from './dynptr.ts';
import * as ecn from './ecn.ts';
import * as fib from './fib-lookup.ts';
import * as funcArgs from './func-args.ts';
import * as headerOption from './header-option.ts';
import type { Helper } from './helper.ts';
import * as kptr from './kptr.ts';
import * as loops from './loop.ts';
import * as map from './map.ts';
import * as perf from './perf.ts';
import * as probe from './probe.ts';
import * as probeRead from './probe-read.ts';
import * as process from './process.ts';
import * as redirect from './redirect.ts';
import * as reuseport from './reuseport.ts';
import * as ringbuf from './ringbuf.ts';
import * as room from './room.ts';
import * as route from './route.ts';
import * as seq from './seq.ts';
import * as skRedirect from './sk-redirect.ts';
import * as skb from './skb.ts';
import * as sockOps from './sock-ops.ts';
import * as socket from './socket.ts';
import * as socketLookup from './socket-lookup.ts';
import * as socketOption from './socket-option.ts';
import * as spinLock from './spin-lock.ts';
import * as stack from './stack.ts';
import * as storage from './storage.ts';
import * as string from './string.ts';
import * as symbols from './symbols.ts';
import * as synCookie from './syn-cookie.ts';
import * as sysctl from './sysctl.ts';
import * as system from './system.ts';
import * as tail from './tail-call.ts';
import * as time from './time.ts';
import * as timer from './timer.ts';
import * as trace from './trace.ts';
import * as tunnel from './tunnel.ts';
import * as vlan from './vlan.ts';
import * as xdp from './xdp.ts';

/** Every helper of the embedded kernel. To add one is to add its row to a family's file and its name to the lists that allow it. */
const ALL: readonly Helper[] = [
  map,
  time,
  trace,
  storage,
  string,
  system,
  tail,
  cgroup,
  sysctl,
  sockOps,
  headerOption,
  skRedirect,
  skb,
  vlan,
  room,
  tunnel,
  socket,
  socketLookup,
  socketOption,
  reuseport,
  route,
  fib,
  funcArgs,
  congestion,
  csum,
  ecn,
  redirect,
  xdp,
  ringbuf,
  dynptr,
  loops,
  perf,
  probe,
  probeRead,
  spinLock,
  timer,
  kptr,
  seq,
  process,
  symbols,
  btf,
  bpfCall,
  stack,
  synCookie,
].flatMap((family) => Object.values(family).filter((value): value is Helper => typeof value === 'object'));

/** By id; `undefined` where there is none. */
export const HELPER_BY_ID: readonly (Helper | undefined)[] = (() => {
  const table: (Helper | undefined)[] = [];
  for (const row of ALL) table[row.id] = row;
  return table;
})();

/** Every helper that there is, without `bpf_`. */
export const HELPER_BY_NAME: ReadonlyMap<string, Helper> = new Map(ALL.map((row) => [row.name, row]));
