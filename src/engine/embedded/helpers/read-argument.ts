import type { FieldKind } from '../maps/value-fields.ts';
import type { Owners } from '../objects/objects.ts';
import type { Skb } from '../progs/skb.ts';
import type { Socket } from '../sockets/socket.ts';
import type { ArgKind, ArgKinds, HelperEnv, Wide } from './helper.ts';

/** Reads and checks the n-th argument; after `env.fail` the result is meaningless. */
export type Reader<V> = (env: HelperEnv, n: number, low: Int32Array, high: Int32Array) => V | 0;

/** Bytes of a struct bpf_dynptr. */
const DYNPTR_SIZE = 16;
/** A text that should not change is not looked through further for its NUL. Bytes. */
const MAX_CONST_STR = 4096;

export const anything: Reader<number> = (_env, n, low) => low[n] ?? 0;
const wide: Reader<Wide> = (_env, n, low, high) => ({ low: low[n] ?? 0, high: high[n] ?? 0 });

/** How each kind of argument is read: one function a kind, since a call of a helper takes hardly longer than choosing among so many. */
export const READERS: { readonly [K in ArgKind]: Reader<ArgKinds[K]> } = {
  anything,
  u64: (_env, n, low, high) => ((high[n] ?? 0) >>> 0) * 0x1_0000_0000 + ((low[n] ?? 0) >>> 0),
  const_map_ptr(env, n, low, high) {
    const map = high[n] === 0 ? env.machine.mapAt(low[n] ?? 0) : undefined;
    env.map = map;
    return map ?? env.fail(`R${n} of the call is no map`);
  },
  map_key: (env, n, low, high) => memory(env, n, low, high, env.map?.attr.keySize ?? 0),
  map_value: (env, n, low, high) => memory(env, n, low, high, env.map?.attr.valueSize ?? 0),
  map_value_or_null: (env, n, low, high) =>
    isNull(n, low, high) ? 0 : memory(env, n, low, high, env.map?.attr.valueSize ?? 0),
  mem: (env, n, low, high) => memory(env, n, low, high, low[n + 1] ?? 0),
  mem_or_null: (env, n, low, high) =>
    isNull(n, low, high) && low[n + 1] === 0 ? 0 : memory(env, n, low, high, low[n + 1] ?? 0),
  buffer_or_null: (env, n, low, high) => (isNull(n, low, high) ? 0 : memory(env, n, low, high, low[n + 1] ?? 0)),
  mem_size: (env, n, low, high) =>
    high[n] === 0 && (low[n] ?? 0) >= 0
      ? (low[n] ?? 0)
      : env.fail(`R${n} of the call is no size: it is negative or too large`),
  const_str: (env, n, low, high) => constString(env, n, memory(env, n, low, high, 1)),
  out_64: (env, n, low, high) => memory(env, n, low, high, 8),
  two_words: (env, n, low, high) => memory(env, n, low, high, 16),
  inout_32: (env, n, low, high) => memory(env, n, low, high, 4),
  func: (env, n, low, high) =>
    high[n] === 0 && (low[n] ?? 0) >= 0 ? (low[n] ?? 0) : env.fail(`R${n} of the call is no function of the program`),
  wide,
  callback_ctx: wide,
  dynptr: (env, n, low, high) => memory(env, n, low, high, DYNPTR_SIZE),
  task: (env, n, low, high) => owner(env, n, low, high, 'task') ?? env.fail(`R${n} of the call is no task`),
  task_or_null: (env, n, low, high) => owner(env, n, low, high, 'task'),
  cgroup: (env, n, low, high) => owner(env, n, low, high, 'cgroup') ?? env.fail(`R${n} of the call is no cgroup`),
  cgroup_or_null: (env, n, low, high) => owner(env, n, low, high, 'cgroup'),
  spin_lock: fieldReader('spin_lock', 'bpf_spin_lock'),
  res_spin_lock: fieldReader('res_spin_lock', 'bpf_res_spin_lock'),
  timer: fieldReader('timer', 'bpf_timer'),
  wq: fieldReader('wq', 'bpf_wq'),
  kptr: fieldReader('kptr', 'kptr'),
  list_head: (env, n, low, high) =>
    (high[n] === 0 ? env.machine.objects.graphs.root(low[n] ?? 0, 'list_head') : undefined) ??
    env.fail(`R${n} of the call is no bpf_list_head in a value of a map or an object`),
  rb_root: (env, n, low, high) =>
    (high[n] === 0 ? env.machine.objects.graphs.root(low[n] ?? 0, 'rb_root') : undefined) ??
    env.fail(`R${n} of the call is no bpf_rb_root in a value of a map or an object`),
  list_node: (env, n, low, high) =>
    (high[n] === 0 ? env.machine.objects.graphs.node(low[n] ?? 0, 'list_node') : undefined) ??
    env.fail(`R${n} of the call is no bpf_list_node of an object`),
  rb_node: (env, n, low, high) =>
    (high[n] === 0 ? env.machine.objects.graphs.node(low[n] ?? 0, 'rb_node') : undefined) ??
    env.fail(`R${n} of the call is no bpf_rb_node of an object`),
  seq: (env, n, low, high) =>
    high[n] === 0 && env.subject?.kind === 'iter' && env.subject.seq === low[n]
      ? env.subject.file
      : env.fail(`R${n} of the call is no seq_file`),
  sock,
  sock_or_null: (env, n, low, high) => (isNull(n, low, high) ? undefined : sock(env, n, low, high)),
  ctx_or_null: (env, n, low, high) => (isNull(n, low, high) ? 0 : context(env, n, low, high)),
  ctx: context,
  skb: (env, n, low, high) =>
    env.subject?.kind === 'skb' && isPacket(env, n, low, high, env.subject)
      ? env.subject
      : env.fail(`R${n} of the call is not the context of a packet`),
  xdp: (env, n, low, high) =>
    isContext(env, n, low, high) && env.subject?.kind === 'xdp'
      ? env.subject
      : env.fail(`R${n} of the call is not the context of an XDP program`),
};

/** What the kernel's struct at an address shows. */
function owner<K extends keyof Owners>(
  { machine }: HelperEnv,
  n: number,
  low: Int32Array,
  high: Int32Array,
  kind: K,
): Owners[K] | undefined {
  return high[n] === 0 ? machine.objects.owner(low[n] ?? 0, kind) : undefined;
}

function isNull(n: number, low: Int32Array, high: Int32Array): boolean {
  return low[n] === 0 && high[n] === 0;
}

function isContext(env: HelperEnv, n: number, low: Int32Array, high: Int32Array): boolean {
  return high[n] === 0 && low[n] === env.context;
}

function isPacket(env: HelperEnv, n: number, low: Int32Array, high: Int32Array, { skBuff }: Skb): boolean {
  return isContext(env, n, low, high) || (skBuff !== 0 && high[n] === 0 && low[n] === skBuff);
}

function context(env: HelperEnv, n: number, low: Int32Array, high: Int32Array): number {
  return isContext(env, n, low, high) ? (low[n] ?? 0) : env.fail(`R${n} of the call is not the context`);
}

function sock(env: HelperEnv, n: number, low: Int32Array, high: Int32Array): Socket | 0 {
  return (high[n] === 0 ? socketAt(env, low[n] ?? 0) : undefined) ?? env.fail(`R${n} of the call is no socket`);
}

/** The socket whose struct bpf_sock is at an address: of those that helpers show, and of the context. */
export function socketAt({ machine, subject }: HelperEnv, address: number): Socket | undefined {
  const ofContext = subject?.kind === 'cgroup' && subject.skAt === address ? subject.socket : undefined;
  return ofContext ?? machine.socketViews.at(address);
}

function memory(env: HelperEnv, n: number, low: Int32Array, high: Int32Array, size: number): number {
  const address = low[n] ?? 0;
  if (high[n] === 0 && size >= 0 && env.memory.check(address >>> 0, size)) return address;
  return env.fail(`R${n} of the call does not lead to ${size} bytes of memory`);
}

function fieldReader(kind: FieldKind, name: string): Reader<number> {
  return (env, n, low, high) => {
    const address = low[n] ?? 0;
    const { machine } = env;
    if (high[n] === 0 && (machine.objects.hasField(address, kind) || machine.fieldAt(address, kind) !== undefined))
      return address;
    return env.fail(`R${n} of the call is no ${name} in a value of a map or an object`);
  };
}

function constString(env: HelperEnv, n: number, address: number): Uint8Array | 0 {
  const bytes = env.memory.u8.subarray(address, address + MAX_CONST_STR);
  const end = bytes.indexOf(0);
  return end < 0
    ? env.fail(`R${n} of the call does not lead to a text that ends within ${MAX_CONST_STR} bytes`)
    : bytes.subarray(0, end + 1);
}
