import type { Cgroup } from '../cgroups/cgroup.ts';
import type { SeqFile } from '../iter/seq-file.ts';
import type { Machine } from '../machine.ts';
import type { BpfMap } from '../maps/map.ts';
import type { LinearMemory } from '../memory.ts';
import type { Network } from '../net/network.ts';
import type { GraphNode, List, Tree } from '../objects/graphs.ts';
import type { Process } from '../process.ts';
import type { BpfProg } from '../progs/prog.ts';
import type { Skb } from '../progs/skb.ts';
import type { Subject } from '../progs/subject.ts';
import type { XdpBuff } from '../progs/xdp-buff.ts';
import type { Socket } from '../sockets/socket.ts';
import { anything, READERS } from './read-argument.ts';

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
  /** A process, by the address of its struct task_struct. */
  task: Process;
  task_or_null: Process | undefined;
  cgroup: Cgroup;
  cgroup_or_null: Cgroup | undefined;
  /** Address of such a field in a value of a map. */
  spin_lock: number;
  res_spin_lock: number;
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
  // Each value that a reader returns is of the kind that its row says, which the tuple type cannot see.
  const call = row.call as unknown as (env: HelperEnv, ...values: readonly unknown[]) => number;
  return { id, name, gplOnly, underLock, args, returns, invoke: invoker(args, call) };
}

function invoker(
  args: readonly ArgKind[],
  call: (env: HelperEnv, ...values: readonly unknown[]) => number,
): Helper['invoke'] {
  const [r1 = anything, r2 = anything, r3 = anything, r4 = anything, r5 = anything] = args.map((kind) => READERS[kind]);
  // Written out by number of arguments: a spread would allocate on each call.
  switch (args.length) {
    case 0:
      return (env) => call(env);
    case 1:
      return (env, low, high) => {
        const v1 = r1(env, 1, low, high);
        return env.fault === undefined ? call(env, v1) : 0;
      };
    case 2:
      return (env, low, high) => {
        const v1 = r1(env, 1, low, high);
        const v2 = r2(env, 2, low, high);
        return env.fault === undefined ? call(env, v1, v2) : 0;
      };
    case 3:
      return (env, low, high) => {
        const v1 = r1(env, 1, low, high);
        const v2 = r2(env, 2, low, high);
        const v3 = r3(env, 3, low, high);
        return env.fault === undefined ? call(env, v1, v2, v3) : 0;
      };
    case 4:
      return (env, low, high) => {
        const v1 = r1(env, 1, low, high);
        const v2 = r2(env, 2, low, high);
        const v3 = r3(env, 3, low, high);
        const v4 = r4(env, 4, low, high);
        return env.fault === undefined ? call(env, v1, v2, v3, v4) : 0;
      };
    default:
      return (env, low, high) => {
        const v1 = r1(env, 1, low, high);
        const v2 = r2(env, 2, low, high);
        const v3 = r3(env, 3, low, high);
        const v4 = r4(env, 4, low, high);
        const v5 = r5(env, 5, low, high);
        return env.fault === undefined ? call(env, v1, v2, v3, v4, v5) : 0;
      };
  }
}
