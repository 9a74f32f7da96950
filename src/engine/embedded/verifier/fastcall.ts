import { BPF_DW, BPF_LDX, BPF_MEM, BPF_REG_10, BPF_STX } from '../../../isa/index.ts';
import type { ProgType } from '../../../uapi/bpf.ts';
import type { Env } from './env.ts';
import { isHelperCall, isKfuncCall } from './flow.ts';
import { helperName } from './helper-facts.ts';
import { FASTCALL, JUMP_TARGET } from './insn-facts.ts';
import { CALLER_SAVED } from './live-regs.ts';
import { helperProto } from './prototypes.ts';

const STORE = BPF_STX | BPF_MEM | BPF_DW;
const LOAD = BPF_LDX | BPF_MEM | BPF_DW;

/**
 * Compilers save registers around calls that clobber fewer than others: to slots below all others, which are gone when the call is inlined. Those
 * instructions are marked, so that they may use the slots.
 */
export function markFastcalls(env: Env): void {
  for (const subprog of env.subprogs) {
    let lowest = 0;
    for (let i = subprog.start; i < subprog.end; i++) {
      const insn = env.insnAt(i);
      if (insn.opcode === STORE && insn.dst === BPF_REG_10) lowest = Math.min(lowest, insn.off);
    }
    for (let i = subprog.start; i < subprog.end; i++) {
      const used = clobbered(env, i);
      if (used !== undefined && used !== CALLER_SAVED) markAround(env, i, ~used & CALLER_SAVED, lowest);
    }
  }
}

/** Registers that a call changes; `undefined`: it is no call. Bits. */
function clobbered(env: Env, index: number): number | undefined {
  const insn = env.insnAt(index);
  if (isHelperCall(insn)) {
    const name = helperName(insn.imm);
    if (name === undefined || !env.allowedHelpers().has(name)) return CALLER_SAVED;
    const { args, returns } = helperProto(name, env.program.type, env.program.attachType);
    return (returns.base === 'void' ? 0 : 1) | (((1 << args.length) - 1) << 1);
  }
  if (!isKfuncCall(insn)) return undefined;
  const kfunc = env.kfuncs.get(index);
  return kfunc === undefined || !kfunc.allowed
    ? CALLER_SAVED
    : (kfunc.returns === 0 ? 0 : 1) | (((1 << kfunc.params.length) - 1) << 1);
}

function markAround(env: Env, call: number, saved: number, lowest: number): void {
  let left = saved;
  let offset = lowest;
  let pairs = 0;
  for (let i = 1; i <= 6; i++, offset += 8) {
    const store = env.insns[call - i];
    const load = env.insns[call + i];
    if (store === undefined || load === undefined) break;
    if (env.facts.has(call - i + 1, JUMP_TARGET) || env.facts.has(call + i, JUMP_TARGET)) break;
    const isPair =
      store.opcode === STORE &&
      load.opcode === LOAD &&
      store.dst === BPF_REG_10 &&
      load.src === BPF_REG_10 &&
      store.src === load.dst;
    if (!isPair || (left & (1 << store.src)) === 0 || store.off !== offset || load.off !== offset) break;
    left &= ~(1 << store.src);
    env.facts.mark(call - i, FASTCALL);
    env.facts.mark(call + i, FASTCALL);
    pairs++;
  }
  if (pairs === 0) return;
  const subprog = env.subprog(env.subprogOf(call));
  subprog.fastcallStack = Math.min(subprog.fastcallStack, lowest);
  if (isInlined(env, call)) env.facts.needlessSpills[call] = pairs;
  else subprog.keepFastcallStack = true;
}

/** Types for which bpf_get_smp_processor_id is the helper that is inlined; others have one of the same name that is not. */
const INLINES_CPU: ReadonlySet<ProgType> = new Set([
  'kprobe',
  'lsm',
  'lwt_in',
  'lwt_out',
  'lwt_seg6local',
  'lwt_xmit',
  'perf_event',
  'raw_tracepoint',
  'raw_tracepoint_writable',
  'sched_act',
  'sched_cls',
  'syscall',
  'tracepoint',
  'tracing',
  'xdp',
]);

/** Calls that the JIT of x86-64 puts into the program itself. */
function isInlined(env: Env, call: number): boolean {
  const insn = env.insnAt(call);
  if (isHelperCall(insn)) {
    return helperName(insn.imm) === 'get_smp_processor_id' && INLINES_CPU.has(env.program.type);
  }
  const name = env.kfuncs.get(call)?.name;
  return name === 'bpf_cast_to_kern_ctx' || name === 'bpf_rdonly_cast';
}
