import { type Env, MAX_BPF_STACK, MAX_CALL_FRAMES } from './env.ts';
import { calledAt, isKfuncCall, namedAt } from './flow.ts';

/** Bytes of stack that a function uses, as the JIT rounds it. */
function rounded(depth: number): number {
  return Math.ceil(depth / 16) * 16;
}

/** A stack of a program's own per CPU, so that each function may use 512 bytes of it. Bytes from which on it is worth it. */
const PRIVATE_STACK_MIN = 64;

/** Program types that can run with a stack of their own. */
function hasPrivateStack(env: Env): boolean {
  const { type, attachType } = env.program;
  if (env.subprogs.some(({ hasTailCall }) => hasTailCall)) return false;
  switch (type) {
    case 'kprobe':
    case 'tracepoint':
    case 'perf_event':
    case 'raw_tracepoint':
      return true;
    case 'tracing':
      // Iterators are not run by trampolines.
      return attachType !== 28;
    case 'lsm':
      return attachType === 27;
    default:
      return false;
  }
}

interface Level {
  readonly subprogno: number;
  readonly resume: number;
}

/** All chains of calls fit into 512 bytes and 8 frames. */
export function checkStackDepth(env: Env): void {
  for (let subprogno = env.subprogs.length - 1; subprogno >= 0; subprogno--) {
    if (subprogno === 0 || env.subprog(subprogno).isAsyncCallback)
      follow(env, subprogno, subprogno === 0 && hasPrivateStack(env));
  }
}

function follow(env: Env, start: number, privateStack: boolean): void {
  const levels: Level[] = [];
  const isPrivate = new Map<number, boolean>();
  let subprogno = start;
  let depth = 0;
  const used = (number: number): number =>
    isPrivate.get(number) === true ? 0 : rounded(env.subprog(number).stackDepth);
  const enter = (number: number): void => {
    const subprog = env.subprog(number);
    if (subprog.hasPacketLoad) {
      const inCallback = subprog.isCallback || levels.some((level) => env.subprog(level.subprogno).isCallback);
      if (inCallback) env.fail('EINVAL', 'cannot use BPF_LD_[ABS|IND] within callback');
    }
    if (number !== 0 && subprog.hasTailCall && depth >= 256)
      env.fail('EACCES', `tail_calls are not allowed when call stack of previous frames is ${depth} bytes. Too large`);
    const size = rounded(subprog.stackDepth);
    if (privateStack && size >= PRIVATE_STACK_MIN) isPrivate.set(number, true);
    if (isPrivate.get(number) === true) {
      if (size > MAX_BPF_STACK) env.fail('EACCES', `stack size of subprog ${number} is ${size}. Too large`);
      return;
    }
    depth += size;
    if (depth > MAX_BPF_STACK)
      env.fail('EACCES', `combined stack size of ${levels.length + 1} calls is ${depth}. Too large`);
  };
  enter(subprogno);
  let insn = env.subprog(subprogno).start;
  for (;;) {
    const { end } = env.subprog(subprogno);
    let callee: number | undefined;
    for (; insn < end && callee === undefined; insn++) callee = calleeAt(env, insn, subprogno, levels);
    if (callee !== undefined) {
      levels.push({ subprogno, resume: insn });
      if (levels.length >= MAX_CALL_FRAMES)
        env.fail('E2BIG', `the call stack of ${levels.length} frames is too deep !`);
      subprogno = callee;
      enter(subprogno);
      insn = env.subprog(subprogno).start;
      continue;
    }
    const back = levels.pop();
    if (back === undefined) return;
    depth -= used(subprogno);
    ({ subprogno, resume: insn } = back);
  }
}

/** The function that an instruction calls, or has called. */
function calleeAt(env: Env, index: number, subprogno: number, levels: readonly Level[]): number | undefined {
  const insn = env.insnAt(index);
  if (isKfuncCall(insn)) {
    const throws = env.kfuncs.get(index)?.name === 'bpf_throw';
    const inCallback =
      env.subprog(subprogno).isCallback || levels.some((level) => env.subprog(level.subprogno).isCallback);
    if (throws && inCallback)
      env.fail('EINVAL', `bpf_throw kfunc (insn ${index}) cannot be called from callback subprog ${subprogno}`);
    return undefined;
  }
  const direct = calledAt(insn, index);
  const start = direct ?? namedAt(env, index);
  if (start === undefined) return undefined;
  const number = env.subprogAt(start);
  const callee = env.subprog(number);
  if (callee.isAsyncCallback) {
    if (direct === undefined) return undefined;
    if (callee.isExceptionCallback) env.fail('EINVAL', `insn ${index} cannot call exception cb directly`);
  }
  return number;
}
