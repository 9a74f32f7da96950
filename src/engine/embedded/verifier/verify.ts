import { atomicOf, type Insn, insnSlots, type Operation } from '../../../isa/index.ts';
import { checkAlu, checkNegOrEnd } from './alu.ts';
import { closePath } from './branches.ts';
import { checkCall, isSubprogCall, leaveSubprog } from './calls.ts';
import { Env } from './env.ts';
import type { TargetFunction } from './extension.ts';
import { markFastcalls } from './fastcall.ts';
import { BPF_COMPLEXITY_LIMIT_INSNS, figuresText } from './figures.ts';
import { checkFlow, checkSubprogs, findSubprogs, findSuccessors, isKfuncCall } from './flow.ts';
import { checkHelperCall } from './helper-call.ts';
import { helperName } from './helper-facts.ts';
import { pushHistory } from './history.ts';
import { FASTCALL, JUMP_POINT, NARROWED, PRUNE_POINT, REPEATED, SEEN } from './insn-facts.ts';
import { checkJump, checkMayGoto } from './jumps.ts';
import { resolveKfuncs } from './kfunc.ts';
import { checkKfuncCall, checkNoCallLeft } from './kfunc-call.ts';
import { computeLiveRegs } from './live-regs.ts';
import { checkLoadImm, checkPacketLoad } from './load-imm.ts';
import { LogText } from './log.ts';
import { checkMemoryAccess, isProbed, notePointer } from './memory.ts';
import { forceAllPrecise, propagatePrecision } from './precision.ts';
import { printLiveRegs, printSubprogs } from './print-insn.ts';
import type { ProgramToVerify } from './program.ts';
import { checkAbnormalReturns, checkReferences, checkTarget, findExceptionCallback } from './program-checks.ts';
import { checkFuncInfo, checkFuncRecords, checkLineInfo } from './records.ts';
import { checkResources } from './references.ts';
import { Refusal } from './refusal.ts';
import { Reg, type RegKind, UNKNOWN } from './reg.ts';
import { readReg, writeReg } from './reg-access.ts';
import { checkReturnCode } from './return-code.ts';
import { computeLoops, SccVisits } from './scc.ts';
import { checkStackDepth } from './stack-depth.ts';
import { StackLiveness } from './stack-liveness.ts';
import { Frame, MAIN_FUNC, State } from './state.ts';
import { prepareArgs, registerOf } from './subprog-args.ts';
import { targetFunctions } from './target-functions.ts';
import { kindText } from './type-text.ts';
import { isVisited } from './visited.ts';

/** Characters of a log that are kept, at most. */
const MAX_LOG = 1 << 28;

/** What came of a verification. */
export interface Verdict {
  /** 0, or a positive errno. */
  readonly errno: number;
  /** Why not: the last line of the log before the statistics. */
  readonly message: string | undefined;
  /** The log, or what there is room for. */
  readonly log: string;
  /** Characters that it took at most, while paths that are safe were not forgotten yet. */
  readonly logSize: number;
  readonly insnsProcessed: number;
  readonly totalStates: number;
  readonly peakStates: number;
  /** 1: a slot of an instruction that some path comes to. */
  readonly live: Uint8Array;
  /** Instructions that save or restore a register around a call that is inlined, and for nothing. */
  readonly spills: ReadonlySet<number>;
  /** Where functions start, ascending. */
  readonly starts: readonly number[];
  /** Those that other programs may take the place of, unless something else is against it. Empty where nothing is said of their types. */
  readonly functions: readonly TargetFunction[];
  /** Instructions that load zero where their pointer leads nowhere. */
  readonly probed: ReadonlySet<number>;
  /** Instructions that read or write an arena, and arithmetic of 64 bits on pointers into it, which is done with 32. */
  readonly inArena: ReadonlySet<number>;
  readonly narrowed: ReadonlySet<number>;
  readonly bufferReach: { readonly rdonly: number; readonly rdwr: number };
  /** The result is such that the program may only be attached where it was loaded for. */
  readonly enforceAttachType: boolean;
}

/**
 * Whether a program is safe, as Linux 6.18 decides it for a privileged user. `logLevel`: BPF_LOG_LEVEL1, 2, BPF_LOG_STATS, BPF_LOG_FIXED; `logRoom`: characters
 * of the log that are wanted.
 */
export function verify(program: ProgramToVerify, logLevel = 0, logRoom = MAX_LOG): Verdict {
  const start = performance.now();
  const env = new Env(program, new LogText(logLevel, Math.min(logRoom, MAX_LOG)));
  let refusal: Refusal | undefined;
  try {
    prepare(env);
    run(env);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    refusal = error;
    if (error.message !== '') env.note(error.message);
  }
  const { insnsProcessed, totalStates, peakStates } = env;
  if (env.log.hasStats) {
    env.note(`verification time ${Math.round(1000 * (performance.now() - start))} usec`);
    env.note(`stack depth ${env.subprogs.map(({ stackDepth }) => stackDepth).join('+')}`);
  }
  env.note(figuresText(env));
  return {
    errno: refusal?.errno ?? 0,
    message: refusal?.message,
    log: env.log.text,
    logSize: env.log.longest,
    insnsProcessed,
    totalStates,
    peakStates,
    live: env.facts.marked(SEEN),
    spills: spillsOf(env),
    starts: env.subprogs.map(({ start }) => start),
    functions: refusal === undefined ? targetFunctions(env) : [],
    probed: slotsThrough(env, isProbed),
    inArena: slotsThrough(env, (kind) => kind === 'arena'),
    narrowed: slots(env.facts.marked(NARROWED)),
    bufferReach: env.bufferReach,
    enforceAttachType: env.enforceAttachType,
  };
}

/** Instructions that go through such pointers. */
function slotsThrough(env: Env, is: (kind: RegKind, flags: number) => boolean): ReadonlySet<number> {
  const found = new Set<number>();
  const { pointerKinds, pointerFlags } = env.facts;
  for (let i = 0; i < pointerKinds.length; i++) {
    const kind = pointerKinds[i];
    if (kind !== undefined && is(kind, pointerFlags[i] ?? 0)) found.add(i);
  }
  return found;
}

function slots(marked: Uint8Array): ReadonlySet<number> {
  const found = new Set<number>();
  for (let i = marked.indexOf(1); i >= 0; i = marked.indexOf(1, i + 1)) found.add(i);
  return found;
}

function spillsOf(env: Env): ReadonlySet<number> {
  const spills = new Set<number>();
  const { needlessSpills } = env.facts;
  for (let call = 0; call < needlessSpills.length; call++)
    for (let i = 1; i <= (needlessSpills[call] ?? 0); i++) spills.add(call - i).add(call + i);
  return spills;
}

function prepare(env: Env): void {
  checkFuncRecords(env);
  findExceptionCallback(env);
  findSubprogs(env, env.exceptionStart);
  if (env.exceptionStart !== undefined) {
    env.exceptionCallback = env.subprogAt(env.exceptionStart);
    const callback = env.subprog(env.exceptionCallback);
    callback.isExceptionCallback = true;
    callback.isAsyncCallback = true;
  }
  resolveKfuncs(env);
  printSubprogs(env);
  checkSubprogs(env);
  checkFuncInfo(env);
  checkLineInfo(env);
  env.nameSubprogs();
  checkAbnormalReturns(env);
  checkReferences(env);
  findSuccessors(env);
  checkFlow(env);
  checkTarget(env);
  env.liveness = new StackLiveness(env);
  env.sccs = new SccVisits(
    env,
    (from, to) => propagatePrecision(env, from, to, to.insn),
    (state) => forceAllPrecise(env, state),
  );
  computeLoops(env);
  computeLiveRegs(env);
  printLiveRegs(env);
  markFastcalls(env);
}

function run(env: Env): void {
  if (env.program.extension !== undefined) env.note(`Validating ${env.subprog(0).name}() func#0...`);
  runFunction(env, 0);
  // Global functions are checked by themselves, those that are called by what is checked.
  for (let again = env.program.funcInfo !== undefined; again; ) {
    again = false;
    for (let i = 1; i < env.subprogs.length; i++) {
      const subprog = env.subprog(i);
      const needed = subprog.called || (subprog.isExceptionCallback && env.exceptionCallback === i);
      if (!subprog.isGlobal || !needed || subprog.verified) continue;
      env.note(`Validating ${subprog.name}() func#${i}...`);
      runFunction(env, i);
      subprog.verified = true;
      env.log.trace(() => `Func#${i} ('${subprog.name}') is safe for any args that match its prototype`);
      again = true;
    }
  }
  removeFastcallStack(env);
  checkStackDepth(env);
  checkNoCallLeft(env);
}

function removeFastcallStack(env: Env): void {
  for (const subprog of env.subprogs) {
    if (subprog.fastcallStack === 0 || subprog.keepFastcallStack || subprog.fastcallStack === -0x8000) continue;
    subprog.stackDepth = Math.max(0, subprog.stackDepth - fastcallBytes(env, subprog.start, subprog.end));
  }
}

/** Bytes of the slots that only save registers around calls that are inlined. */
function fastcallBytes(env: Env, start: number, end: number): number {
  const offsets = new Set<number>();
  for (let i = start; i < end; i++) if (env.facts.has(i, FASTCALL)) offsets.add(env.insnAt(i).off);
  return 8 * offsets.size;
}

function runFunction(env: Env, subprogno: number): void {
  const frame = Frame.enter(MAIN_FUNC, 0, subprogno);
  env.state = new State([frame]);
  env.waiting.length = 0;
  env.explored.length = 0;
  env.insn = env.subprog(subprogno).start;
  env.previousInsn = -1;
  env.liveness.leave();
  env.pathBegins = false;
  env.log.touchAll();
  setArguments(env, frame, subprogno);
  do followPath(env);
  while (nextPath(env));
  env.log.leavePath(0);
}

function setArguments(env: Env, frame: Frame, subprogno: number): void {
  if (subprogno === 0 && env.program.extension === undefined) {
    if (env.program.funcInfo !== undefined) noteArguments(env);
    frame.regs[1] = Reg.pointer('ctx');
    return;
  }
  const subprog = env.subprog(subprogno);
  if (subprog.isExceptionCallback) {
    frame.inExceptionCallback = true;
    subprog.isCallback = true;
  }
  for (const [i, arg] of prepareArgs(env, subprogno).entries()) frame.regs[i + 1] = registerOf(env, arg);
}

/** What the types of the program itself say counts for nothing, but the log says what is wrong with them. */
function noteArguments(env: Env): void {
  try {
    prepareArgs(env, 0);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    env.note(error.message);
  }
}

function nextPath(env: Env): boolean {
  env.log.touchAll();
  closePath(env);
  env.liveness.update();
  const next = env.waiting.pop();
  if (next === undefined) return false;
  env.state = next.state;
  env.insn = next.insn;
  env.previousInsn = next.previous;
  env.log.leavePath(next.logLength);
  env.pathBegins = true;
  return true;
}

/** Follows one path to its end, or to where all that follows was found safe before. */
function followPath(env: Env): void {
  for (;;) {
    env.historyEntry = undefined;
    const insn = env.insnAt(env.insn);
    if (++env.insnsProcessed > BPF_COMPLEXITY_LIMIT_INSNS)
      env.fail('E2BIG', `BPF program is too large. Processed ${env.insnsProcessed} insn`);
    env.state.lastInsn = env.previousInsn;
    if (env.facts.has(env.insn, PRUNE_POINT) && isVisited(env, env.insn)) {
      env.log.trace(() => (env.pathBegins ? `\nfrom ${env.previousInsn} to ${env.insn}: safe` : `${env.insn}: safe`));
      return;
    }
    if (env.facts.has(env.insn, JUMP_POINT)) pushHistory(env);
    env.printer.print();
    env.facts.mark(env.insn, env.facts.has(env.insn, SEEN) ? REPEATED : SEEN);
    const here = env.insn;
    env.liveness.startWrites(here);
    const next = step(env, insn);
    env.liveness.endWrites();
    env.previousInsn = here;
    if (next === undefined) return;
    env.insn = next;
  }
}

/** Of these something else is asked first. */
const FIELDS_LATER: ReadonlySet<Operation['kind']> = new Set(['ld_abs', 'ld_ind', 'jump']);

/** Checks one instruction: which one comes next on this path; `undefined`: it ends. */
function step(env: Env, insn: Insn): number | undefined {
  const operation = env.operations[env.insn];
  if (!FIELDS_LATER.has(operation?.kind ?? 'exit')) env.checkFields();
  const next = env.insn + insnSlots(insn);
  switch (operation?.kind) {
    case 'alu':
      checkAlu(env, insn, operation);
      return next;
    case 'neg':
    case 'end':
      checkNegOrEnd(env, insn, operation);
      return next;
    case 'load': {
      const reg = readReg(env, insn.src);
      const { size, signed } = operation;
      writeReg(env, insn.dst);
      checkMemoryAccess(env, { regno: insn.src, offset: insn.off, size, write: false, value: insn.dst, signed, insn });
      notePointer(env, reg, true);
      return next;
    }
    case 'store': {
      if (operation.source === 'reg') readReg(env, insn.src);
      const reg = readReg(env, insn.dst);
      const value = operation.source === 'reg' ? insn.src : -1;
      checkMemoryAccess(env, {
        regno: insn.dst,
        offset: insn.off,
        size: operation.size,
        write: true,
        value,
        imm: value < 0 ? insn.imm : undefined,
        insn,
      });
      notePointer(env, reg, false);
      return next;
    }
    case 'atomic':
      checkAtomic(env, insn, operation.size);
      return next;
    case 'ld_imm64':
      env.facts.mark(env.insn + 1, SEEN);
      checkLoadImm(env, insn);
      return next;
    case 'ld_abs':
    case 'ld_ind':
      return checkPacketLoad(env, insn, operation.kind === 'ld_ind');
    case 'jump':
      env.jumpsProcessed++;
      return checkJump(env, insn, operation);
    case 'may_goto':
      env.jumpsProcessed++;
      return checkMayGoto(env, insn);
    case 'goto':
      env.jumpsProcessed++;
      return env.insn + 1 + (operation.wide ? insn.imm : insn.off);
    case 'call':
      env.jumpsProcessed++;
      return checkAnyCall(env, insn);
    case 'exit':
      env.jumpsProcessed++;
      return checkExit(env);
    default:
      return env.fail('EINVAL', `unknown opcode ${insn.opcode.toString(16).padStart(2, '0')}`);
  }
}

function checkAnyCall(env: Env, insn: Insn): number | undefined {
  if (env.state.activeLocks > 0 && !allowedUnderLock(env, insn))
    env.fail('EINVAL', 'function calls are not allowed while holding a lock');
  if (isSubprogCall(insn)) return checkCall(env, insn);
  if (isKfuncCall(insn)) {
    const throws = checkKfuncCall(env);
    if (!throws) return env.insn + 1;
    checkResources(env, 'bpf_throw', { exception: true, locks: true });
    return undefined;
  }
  return checkHelperCall(env, insn);
}

const UNDER_LOCK: ReadonlySet<string> = new Set([
  'bpf_list_push_front_impl',
  'bpf_list_push_back_impl',
  'bpf_list_pop_front',
  'bpf_list_pop_back',
  'bpf_list_front',
  'bpf_list_back',
  'bpf_rbtree_add_impl',
  'bpf_rbtree_remove',
  'bpf_rbtree_first',
  'bpf_rbtree_root',
  'bpf_rbtree_left',
  'bpf_rbtree_right',
  'bpf_refcount_acquire_impl',
  'bpf_iter_num_new',
  'bpf_iter_num_next',
  'bpf_iter_num_destroy',
  'bpf_res_spin_lock',
  'bpf_res_spin_unlock',
  'bpf_res_spin_lock_irqsave',
  'bpf_res_spin_unlock_irqrestore',
]);

function allowedUnderLock(env: Env, insn: Insn): boolean {
  if (isKfuncCall(insn)) return UNDER_LOCK.has(env.kfuncs.get(env.insn)?.name ?? '');
  // Functions are looked into.
  const helper = helperName(insn.imm);
  return insn.src !== 0 || helper === 'spin_unlock' || helper === 'kptr_xchg';
}

function checkExit(env: Env): number | undefined {
  const { state } = env;
  if (state.curframe > 0) {
    checkResources(env, 'BPF_EXIT instruction in main prog', { exception: false, locks: false });
    env.pathBegins = true;
    return leaveSubprog(env);
  }
  checkResources(env, 'BPF_EXIT instruction in main prog', { exception: false, locks: true });
  checkReturnCode(env, 0, 'R0');
  return undefined;
}

function checkAtomic(env: Env, insn: Insn, size: number): void {
  const atomic = atomicOf(insn.imm);
  if (atomic === undefined)
    env.fail('EINVAL', `BPF_ATOMIC uses invalid atomic opcode ${(insn.imm >>> 0).toString(16).padStart(2, '0')}`);
  const access = { offset: insn.off, size, strict: true, insn };
  if (atomic.op === 'load') {
    const reg = readReg(env, insn.src);
    if (!atomicAllowed(reg)) refuseAtomic(env, insn.src, 'loads from');
    writeReg(env, insn.dst);
    checkMemoryAccess(env, { ...access, regno: insn.src, write: false, value: insn.dst });
    notePointer(env, reg, false);
    return;
  }
  if (atomic.op === 'store') {
    readReg(env, insn.src);
    const reg = readReg(env, insn.dst);
    if (!atomicAllowed(reg)) refuseAtomic(env, insn.dst, 'stores into');
    checkMemoryAccess(env, { ...access, regno: insn.dst, write: true, value: insn.src });
    notePointer(env, reg, false);
    return;
  }
  if (size !== 4 && size !== 8) env.fail('EINVAL', 'invalid atomic operand size');
  readReg(env, insn.src);
  const reg = readReg(env, insn.dst);
  if (atomic.op === 'cmpxchg') readReg(env, 0);
  if (!atomicAllowed(reg) || (reg.kind === 'arena' && atomic.fetch && LOOPED.has(atomic.op)))
    refuseAtomic(env, insn.dst, 'stores into');
  const loaded = atomic.fetch ? (atomic.op === 'cmpxchg' ? 0 : insn.src) : -1;
  if (loaded >= 0) writeReg(env, loaded);
  checkMemoryAccess(env, { ...access, regno: insn.dst, write: false, value: -1 });
  const pointer = env.reg(insn.dst);
  if (loaded >= 0) {
    env.setReg(loaded, UNKNOWN);
    if (insn.dst !== loaded) checkMemoryAccess(env, { ...access, regno: insn.dst, write: false, value: loaded });
  }
  notePointer(env, reg, false);
  if (loaded !== insn.dst) checkMemoryAccess(env, { ...access, regno: insn.dst, write: true, value: -1 });
  else {
    const result = env.reg(loaded);
    env.frame.regs[insn.dst] = pointer;
    checkMemoryAccess(env, { ...access, regno: insn.dst, write: true, value: -1 });
    env.setReg(loaded, result);
  }
}

/** What compilers for x86-64 make a loop of if its result counts, which cannot be where the memory may not be there. */
const LOOPED: ReadonlySet<string> = new Set(['and', 'or', 'xor']);

/** Memory that is not rewritten on its way. */
function atomicAllowed(reg: Reg): boolean {
  return reg.kind !== 'ctx' && !reg.isPacket && reg.kind !== 'flow_keys' && !reg.isSocket;
}

function refuseAtomic(env: Env, regno: number, what: string): never {
  const { kind, flags } = env.reg(regno);
  return env.fail('EACCES', `BPF_ATOMIC ${what} R${regno} ${kindText(kind, flags)} is not allowed`);
}
