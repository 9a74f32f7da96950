import type { SeqFile } from '../iter/seq-file.ts';
import type { Machine } from '../machine.ts';
import type { BpfMap } from '../maps/map.ts';
import type { FieldKind } from '../maps/value-fields.ts';
import type { LinearMemory } from '../memory.ts';
import type { Network } from '../net/network.ts';
import type { GraphNode, List, Tree } from '../objects/graphs.ts';
import type { BpfProg } from '../progs/prog.ts';
import type { Skb } from '../progs/skb.ts';
import type { Subject } from '../progs/subject.ts';
import type { XdpBuff } from '../progs/xdp-buff.ts';
import type { Socket } from '../sockets/socket.ts';

/**
 * What a helper takes in each of r1 to r5, and what its `call` gets for it. The verifier of Linux proves these facts before a program runs;
 * here they are checked when the helper is called, and a call that does not meet them ends the run with a fault.
 */
export interface ArgKinds {
  /** A map of `ld_imm64`. */
  const_map_ptr: BpfMap;
  /** Address of `keySize` bytes of the map that r1 names. */
  map_key: number;
  /** Address of `valueSize` bytes, likewise. */
  map_value: number;
  /** As `map_value`, or 0 where there is none. */
  map_value_or_null: number;
  /** The program's own context: the packet. */
  skb: Skb;
  xdp: XdpBuff;
  ctx: number;
  ctx_or_null: number;
  /** Address of as many bytes as the `mem_size` that follows says. */
  mem: number;
  /** As `mem`; 0 where there is none, which needs a size of 0. */
  mem_or_null: number;
  /** As `mem`; 0 where there is none, whatever the size. */
  buffer_or_null: number;
  /** Bytes, not negative. */
  mem_size: number;
  /** A text that does not change, with its NUL: the verifier of Linux knows it. */
  const_str: Uint8Array;
  /** Address of 8 bytes for a number. */
  out_64: number;
  /** Address of 16 bytes. */
  two_words: number;
  /** Address of a 32-bit number that is read and written. */
  inout_32: number;
  /** A register as it is. */
  wide: Wide;
  /** A socket, by the address of its struct bpf_sock. */
  sock: Socket;
  sock_or_null: Socket | undefined;
  /** What the program of an iterator writes to, by the address that its context has for it. */
  seq: SeqFile;
  /** A function of the program: its slot. */
  func: number;
  /** What a callback gets from whom it is set up by, whatever it is. */
  callback_ctx: Wide;
  /** Address of a struct bpf_dynptr. */
  dynptr: number;
  /** Address of such a field in a value of a map. */
  spin_lock: number;
  timer: number;
  kptr: number;
  wq: number;
  /** A list or tree in a value of a map or an object, and a node of an object. */
  list_head: List;
  rb_root: Tree;
  list_node: GraphNode;
  rb_node: GraphNode;
  /** An unsigned 64-bit number. Exact up to 2^53, which is far beyond any flag. */
  u64: number;
  /** The low 32 bits, signed. The high ones are `env.high[n]` for the n-th argument. */
  anything: number;
}
export type ArgKind = keyof ArgKinds;

/** A register as it is: two signed words. */
export interface Wide {
  readonly low: number;
  readonly high: number;
}

/** What `call` answers with, and what becomes of it in r0. */
export type ReturnKind =
  /** A signed 32-bit number: a result or -errno, sign-extended. */
  | 'integer'
  /** An unsigned 32-bit number. */
  | 'u32'
  /** The low word; the high one is left in `env.resultHigh`. */
  | 'u64'
  /** An address, or 0. */
  | 'map_value_or_null'
  /** r0 is 0. */
  | 'void';

/** Bytes of a struct bpf_dynptr. */
const DYNPTR_SIZE = 16;
/** A text that should not change is not looked through further for its NUL. Bytes. */
const MAX_CONST_STR = 4096;

/** What a helper can see and touch. */
export interface HelperEnv {
  readonly machine: Machine;
  readonly memory: LinearMemory;
  /** Address of the program's context. */
  readonly context: number;
  /** What the context describes. */
  readonly subject: Subject | undefined;
  /** The registers' high words; `high[1]` belongs to the first argument. */
  readonly high: Int32Array;
  /** The high word of a `u64` result. */
  resultHigh: number;
  /** The map that r1 names. */
  map: BpfMap | undefined;
  /** Address of the bpf_spin_lock that the program holds, or 0. */
  lock: number;
  /** The program that runs; `undefined` for code that no BPF_PROG_LOAD made. */
  readonly program: BpfProg | undefined;
  readonly fault: unknown;
  /** Address of 16 bytes for what a callback is given a pointer to; each function that is active has its own. */
  readonly scratch: number;
  /** Calls a function of the program: `args` in r1 and so on, each an unsigned 32-bit number, and behind them `context`. Returns 0 if r0 is 0. */
  callback(func: number, context: Wide, ...args: readonly number[]): number;
  /** Ends the run: the call broke a rule that a verifier would have proved. */
  fail(reason: string): 0;
  /** Ends the run as bpf_throw does: the program's exception callback, or the cookie itself, says with what result. */
  throw(cookie: Wide): 0;
}

/** The `u64` result of a helper: its low word, with the high one where it belongs. */
export function answer64(env: HelperEnv, value: bigint): number {
  env.resultHigh = Number(BigInt.asIntN(32, value >> 32n));
  return Number(BigInt.asIntN(32, value));
}

/** The network namespace that a program runs in: that of its packet, else of the process whose system call is running. */
export function netnsOf(env: HelperEnv): Network {
  const { subject, machine } = env;
  if (subject?.kind === 'cgroup') return subject.socket?.network ?? machine.netns;
  if (subject?.kind === 'sk_msg') return subject.socket.network;
  return packetOf(env)?.netns ?? machine.netns;
}

/** The packet that a program runs for, where there is one. */
export function packetOf({ subject }: HelperEnv): Skb | XdpBuff | undefined {
  return subject?.kind === 'skb' || subject?.kind === 'xdp' ? subject : undefined;
}

type ArgValues<A extends readonly ArgKind[]> = { [I in keyof A]: ArgKinds[A[I]] };

export interface HelperRow<A extends readonly ArgKind[]> {
  /** BPF_FUNC_*. */
  readonly id: number;
  /** As in enum bpf_func_id, without `bpf_`. */
  readonly name: string;
  /** Only for programs with a GPL-compatible license. */
  readonly gplOnly?: boolean;
  readonly args: A;
  readonly returns: ReturnKind;
  /** It may be called while the program holds a lock. */
  readonly underLock?: true;
  readonly call: (env: HelperEnv, ...args: ArgValues<A>) => number;
}

/** A row as the interpreter uses it. */
export interface Helper {
  readonly id: number;
  readonly name: string;
  readonly gplOnly: boolean;
  readonly underLock: boolean;
  readonly args: readonly ArgKind[];
  readonly returns: ReturnKind;
  /** Reads and checks the arguments in the registers and calls. The result is meaningless if `env.fault` is set. */
  readonly invoke: (env: HelperEnv, low: Int32Array, high: Int32Array) => number;
}

/** Declares a helper; `call` is checked against `args`. */
export function helper<const A extends readonly ArgKind[]>(row: HelperRow<A>): Helper {
  const { id, name, gplOnly = false, underLock = false, args, returns } = row;
  // Each value that `argument` returns is of the kind that its row says, which the tuple type cannot see.
  const call = row.call as unknown as (env: HelperEnv, ...values: readonly unknown[]) => number;
  return { id, name, gplOnly, underLock, args, returns, invoke: invoker(args, call) };
}

function invoker(
  args: readonly ArgKind[],
  call: (env: HelperEnv, ...values: readonly unknown[]) => number,
): Helper['invoke'] {
  const [k1, k2, k3, k4, k5] = args;
  // Written out by number of arguments: a spread would allocate on each call.
  switch (args.length) {
    case 0:
      return (env) => call(env);
    case 1:
      return (env, low, high) => {
        const v1 = argument(env, k1, 1, low, high);
        return env.fault === undefined ? call(env, v1) : 0;
      };
    case 2:
      return (env, low, high) => {
        const v1 = argument(env, k1, 1, low, high);
        const v2 = argument(env, k2, 2, low, high);
        return env.fault === undefined ? call(env, v1, v2) : 0;
      };
    case 3:
      return (env, low, high) => {
        const v1 = argument(env, k1, 1, low, high);
        const v2 = argument(env, k2, 2, low, high);
        const v3 = argument(env, k3, 3, low, high);
        return env.fault === undefined ? call(env, v1, v2, v3) : 0;
      };
    case 4:
      return (env, low, high) => {
        const v1 = argument(env, k1, 1, low, high);
        const v2 = argument(env, k2, 2, low, high);
        const v3 = argument(env, k3, 3, low, high);
        const v4 = argument(env, k4, 4, low, high);
        return env.fault === undefined ? call(env, v1, v2, v3, v4) : 0;
      };
    default:
      return (env, low, high) => {
        const v1 = argument(env, k1, 1, low, high);
        const v2 = argument(env, k2, 2, low, high);
        const v3 = argument(env, k3, 3, low, high);
        const v4 = argument(env, k4, 4, low, high);
        const v5 = argument(env, k5, 5, low, high);
        return env.fault === undefined ? call(env, v1, v2, v3, v4, v5) : 0;
      };
  }
}

function argument(
  env: HelperEnv,
  kind: ArgKind | undefined,
  n: number,
  low: Int32Array,
  high: Int32Array,
): number | BpfMap | Subject | Socket | SeqFile | Wide | Uint8Array | List | Tree | GraphNode | undefined {
  const value = low[n] ?? 0;
  const top = high[n] ?? 0;
  switch (kind) {
    case 'anything':
    case undefined:
      return value;
    case 'u64':
      return (top >>> 0) * 0x1_0000_0000 + (value >>> 0);
    case 'const_map_ptr': {
      const map = top === 0 ? env.machine.mapAt(value) : undefined;
      env.map = map;
      return map ?? env.fail(`R${n} of the call is no map`);
    }
    case 'map_key':
      return memory(env, n, value, top, env.map?.attr.keySize ?? 0);
    case 'map_value':
      return memory(env, n, value, top, env.map?.attr.valueSize ?? 0);
    case 'map_value_or_null':
      return value === 0 && top === 0 ? 0 : memory(env, n, value, top, env.map?.attr.valueSize ?? 0);
    case 'mem':
      return memory(env, n, value, top, low[n + 1] ?? 0);
    case 'mem_or_null':
      return value === 0 && top === 0 && low[n + 1] === 0 ? 0 : memory(env, n, value, top, low[n + 1] ?? 0);
    case 'buffer_or_null':
      return value === 0 && top === 0 ? 0 : memory(env, n, value, top, low[n + 1] ?? 0);
    case 'mem_size':
      return top === 0 && value >= 0 ? value : env.fail(`R${n} of the call is no size: it is negative or too large`);
    case 'const_str':
      return constString(env, n, memory(env, n, value, top, 1));
    case 'out_64':
      return memory(env, n, value, top, 8);
    case 'two_words':
      return memory(env, n, value, top, 16);
    case 'inout_32':
      return memory(env, n, value, top, 4);
    case 'func':
      return top === 0 && value >= 0 ? value : env.fail(`R${n} of the call is no function of the program`);
    case 'wide':
    case 'callback_ctx':
      return { low: value, high: top };
    case 'dynptr':
      return memory(env, n, value, top, DYNPTR_SIZE);
    case 'spin_lock':
    case 'timer':
    case 'wq':
    case 'kptr':
      return top === 0 && hasField(env, value, kind)
        ? value
        : env.fail(
            `R${n} of the call is no ${kind === 'kptr' ? kind : `bpf_${kind}`} in a value of a map or an object`,
          );
    case 'list_head':
    case 'rb_root': {
      const root = top === 0 ? env.machine.objects.graphs.root(value, kind) : undefined;
      return root ?? env.fail(`R${n} of the call is no bpf_${kind} in a value of a map or an object`);
    }
    case 'list_node':
    case 'rb_node': {
      const node = top === 0 ? env.machine.objects.graphs.node(value, kind) : undefined;
      return node ?? env.fail(`R${n} of the call is no bpf_${kind} of an object`);
    }
    case 'seq':
      return top === 0 && env.subject?.kind === 'iter' && env.subject.seq === value
        ? env.subject.file
        : env.fail(`R${n} of the call is no seq_file`);
    case 'sock':
      return socket(env, n, value, top);
    case 'sock_or_null':
      return value === 0 && top === 0 ? undefined : socket(env, n, value, top);
    case 'ctx_or_null':
      return (value === 0 && top === 0) || isContext(env, value, top)
        ? value
        : env.fail(`R${n} of the call is not the context`);
    case 'ctx':
      return isContext(env, value, top) ? value : env.fail(`R${n} of the call is not the context`);
    case 'skb':
      return isContext(env, value, top) && env.subject?.kind === 'skb'
        ? env.subject
        : env.fail(`R${n} of the call is not the context of a packet`);
    case 'xdp':
      return isContext(env, value, top) && env.subject?.kind === 'xdp'
        ? env.subject
        : env.fail(`R${n} of the call is not the context of an XDP program`);
  }
}

function socket(env: HelperEnv, n: number, address: number, top: number): Socket | 0 {
  const found = top === 0 ? socketAt(env, address) : undefined;
  return found ?? env.fail(`R${n} of the call is no socket`);
}

/** The socket whose struct bpf_sock is at an address: of those that helpers show, and of the context. */
export function socketAt({ machine, subject }: HelperEnv, address: number): Socket | undefined {
  const ofContext = subject?.kind === 'cgroup' && subject.skAt === address ? subject.socket : undefined;
  return ofContext ?? machine.socketViews.at(address);
}

function hasField({ machine }: HelperEnv, address: number, kind: FieldKind): boolean {
  return machine.objects.hasField(address, kind) || machine.fieldAt(address, kind) !== undefined;
}

function isContext(env: HelperEnv, value: number, top: number): boolean {
  return top === 0 && value === env.context;
}

function memory(env: HelperEnv, n: number, address: number, top: number, size: number): number {
  if (top === 0 && size >= 0 && env.memory.check(address >>> 0, size)) return address;
  return env.fail(`R${n} of the call does not lead to ${size} bytes of memory`);
}

function constString(env: HelperEnv, n: number, address: number): Uint8Array | 0 {
  const bytes = env.memory.u8.subarray(address, address + MAX_CONST_STR);
  const end = bytes.indexOf(0);
  return end < 0
    ? env.fail(`R${n} of the call does not lead to a text that ends within ${MAX_CONST_STR} bytes`)
    : bytes.subarray(0, end + 1);
}
