import { errno } from '../../../uapi/errno.ts';
import { AF_INET, AF_INET6, addressSize, type Family } from '../inet/address.ts';
import { NUD_VALID } from '../inet/neighbours.ts';
import { type Route, RT_TABLE_MAIN } from '../inet/routes.ts';
import { sourceFor } from '../inet/source-address.ts';
import { ETH_HLEN } from '../progs/frame.ts';
import { type HelperEnv, helper, netnsOf, packetOf } from './helper.ts';

/** `struct bpf_fib_lookup`: its size, and the offset of each field. Those that are asked with, and those of the answer, share bytes. */
const SIZE = 64;
// biome-ignore format: aligned table
const AT = {
  family: 0, totLen: 6, mtuResult: 6, ifindex: 8, metric: 12, source: 16, destination: 32, table: 48, vlan: 48, smac: 52, dmac: 58,
} as const;

/** BPF_FIB_LOOKUP_*. */
const DIRECT = 1;
const OUTPUT = 2;
const SKIP_NEIGH = 4;
const TBID = 8;
const SRC = 16;
const FLAGS = 0x3f;

/** BPF_FIB_LKUP_RET_*. */
// biome-ignore format: aligned table
const RET = {
  success: 0, blackhole: 1, unreachable: 2, prohibit: 3, notForwarded: 4, forwardingDisabled: 5, noNeighbour: 7, fragmentationNeeded: 8, noSource: 9,
} as const;

/** The way of a packet: through which device, to which neighbour. */
export const fib_lookup = helper({
  id: 69,
  name: 'fib_lookup',
  gplOnly: true,
  args: ['ctx', 'mem', 'mem_size', 'u64'],
  returns: 'integer',
  call(env, _context, params, size, flags) {
    if (size < SIZE || flags > FLAGS) return -errno.EINVAL;
    const family = env.memory.u8[params + AT.family];
    if (family !== AF_INET && family !== AF_INET6) return -errno.EAFNOSUPPORT;
    return lookup(env, params, family, flags);
  },
});

function lookup(env: HelperEnv, params: number, family: Family, flags: number): number {
  const { dv, u8 } = env.memory;
  const netns = netnsOf(env);
  const { inet } = netns;
  const device = netns.device(dv.getUint32(params + AT.ifindex, true));
  if (device === undefined) return -errno.ENODEV;
  if (!inet.forwarding[family]) return RET.forwardingDisabled;
  const length = addressSize(family);
  const destination = u8.slice(params + AT.destination, params + AT.destination + length);
  const table =
    (flags & DIRECT) === 0 ? undefined : (flags & TBID) === 0 ? RT_TABLE_MAIN : dv.getUint32(params + AT.table, true);
  if (table !== undefined && !inet.routes.has(table)) return RET.notForwarded;
  const only = (flags & OUTPUT) === 0 ? undefined : device;
  const route = inet.routes.lookup(destination, { device: only, table });
  const answer = route && REFUSED[route.type];
  if (route?.device === undefined || answer !== undefined) return answer ?? RET.notForwarded;
  // XDP programs know no length but the one that they ask with.
  const asked = dv.getUint16(params + AT.totLen, true);
  const checked = env.subject?.kind === 'xdp' || asked !== 0;
  const { mtu } = route.device;
  if (checked && asked > mtu) {
    dv.setUint16(params + AT.mtuResult, mtu, true);
    return RET.fragmentationNeeded;
  }
  return found(env, params, { route, destination, flags, mtu: checked ? mtu : 0 });
}

interface Found {
  readonly route: Route;
  readonly destination: Uint8Array;
  readonly flags: number;
  /** What the answer says of it; 0: nothing. */
  readonly mtu: number;
}

function found(env: HelperEnv, params: number, { route, destination, flags, mtu }: Found): number {
  const { dv, u8 } = env.memory;
  const { inet } = netnsOf(env);
  const { device } = route;
  if (device === undefined) return RET.notForwarded;
  const nextHop = route.gateway ?? destination;
  dv.setUint32(params + AT.metric, route.metric, true);
  dv.setUint32(params + AT.ifindex, device.ifindex, true);
  if ((flags & SRC) !== 0) {
    const source = sourceFor(inet.addresses, route, destination);
    if (source === undefined) return RET.noSource;
    u8.set(source, params + AT.source);
  }
  u8.set(nextHop, params + AT.destination);
  if ((flags & SKIP_NEIGH) === 0) {
    const neighbour = inet.neighbours.find(device, nextHop);
    if (neighbour?.hardware === undefined || (neighbour.state & NUD_VALID) === 0) return RET.noNeighbour;
    u8.set(neighbour.hardware, params + AT.dmac);
    u8.set(device.address, params + AT.smac);
  }
  dv.setUint32(params + AT.vlan, 0, true);
  dv.setUint16(params + AT.mtuResult, mtu || device.mtu, true);
  const packet = packetOf(env);
  const tooLong = mtu === 0 && packet !== undefined && packet.length - ETH_HLEN > device.mtu;
  return tooLong ? RET.fragmentationNeeded : RET.success;
}

/** The answers for routes that lead to no other host. */
const REFUSED: Readonly<Partial<Record<Route['type'], number>>> = {
  blackhole: RET.blackhole,
  unreachable: RET.unreachable,
  prohibit: RET.prohibit,
  local: RET.notForwarded,
  broadcast: RET.notForwarded,
  multicast: RET.notForwarded,
  anycast: RET.notForwarded,
};
