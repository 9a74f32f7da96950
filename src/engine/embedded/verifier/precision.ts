import { atomicOf, BPF_PSEUDO_CALL, BPF_REG_10, type Insn } from '../../../isa/index.ts';
import type { Env } from './env.ts';
import { isCall } from './flow.ts';
import { helperName, syncCallbackCall } from './helper-facts.ts';
import { Backwards } from './history.ts';
import { Int64 } from './int64.ts';
import { insnText } from './print-insn.ts';
import { printFrame } from './print-state.ts';
import { isSpilled, isSpilledScalar, slotsText } from './stack-slot.ts';
import type { Frame, HistoryEntry, State } from './state.ts';
import { MAIN_FUNC } from './state.ts';

const ARGUMENTS = 0b11_1110;

/** What is looked for on the way back: registers and slots, by frame. */
class Wanted {
  frameno: number;
  readonly regs: number[] = [0, 0, 0, 0, 0, 0, 0, 0, 0];
  /** Of each frame the low and the high word. */
  readonly slots: number[] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

  /** The last frame in which something was. */
  #last = 0;

  constructor(frameno: number) {
    this.frameno = frameno;
  }

  get isEmpty(): boolean {
    for (let i = 0; i <= this.#last; i++) if (this.regs[i] !== 0 || this.hasSlots(i)) return false;
    return true;
  }

  get here(): number {
    return this.regs[this.frameno] ?? 0;
  }

  /** As the log has it: `regs=r1,r2 stack=-8`. */
  text(frameno = this.frameno): string {
    const regs: string[] = [];
    for (let reg = 0; reg < 11; reg++) if (this.hasReg(reg, frameno)) regs.push(`r${reg}`);
    return `regs=${regs.join()} stack=${slotsText(this.slotsOf(frameno))}`;
  }

  slotsOf(frameno: number): Int64 {
    return new Int64(this.slots[2 * frameno + 1] ?? 0, this.slots[2 * frameno] ?? 0);
  }

  /** Any. */
  hasSlots(frameno = this.frameno): boolean {
    return this.slots[2 * frameno] !== 0 || this.slots[2 * frameno + 1] !== 0;
  }

  hasReg(reg: number, frameno = this.frameno): boolean {
    return ((this.regs[frameno] ?? 0) & (1 << reg)) !== 0;
  }

  addReg(reg: number, frameno = this.frameno): void {
    this.regs[frameno] = (this.regs[frameno] ?? 0) | (1 << reg);
    this.#last = Math.max(this.#last, frameno);
  }

  dropReg(reg: number, frameno = this.frameno): void {
    this.regs[frameno] = (this.regs[frameno] ?? 0) & ~(1 << reg);
  }

  hasSlot(spi: number, frameno: number): boolean {
    return ((this.slots[2 * frameno + (spi >> 5)] ?? 0) & (1 << (spi & 31))) !== 0;
  }

  addSlot(spi: number, frameno: number): void {
    const word = 2 * frameno + (spi >> 5);
    this.slots[word] = (this.slots[word] ?? 0) | (1 << (spi & 31));
    this.#last = Math.max(this.#last, frameno);
  }

  dropSlot(spi: number, frameno: number): void {
    const word = 2 * frameno + (spi >> 5);
    this.slots[word] = (this.slots[word] ?? 0) & ~(1 << (spi & 31));
  }
}

/**
 * The number in a register decides whether the program is safe: what it was made of is marked so, in all states on the way here. Numbers without the
 * mark may be any others when states are compared.
 */
export function markPrecise(env: Env, regno: number): void {
  if (env.reg(regno).kind !== 'scalar') env.fail('EFAULT', 'backtracing misuse');
  const wanted = new Wanted(env.state.curframe);
  wanted.addReg(regno);
  goBack(env, env.state, env.insn, wanted);
}

/** The same of a number on the stack. */
export function markSlotPrecise(env: Env, frameno: number, spi: number): void {
  const wanted = new Wanted(env.state.curframe);
  wanted.addSlot(spi, frameno);
  goBack(env, env.state, env.insn, wanted);
}

/** The same for all that the kept state needs precise, on the way of a state equal to it; whether anything changed. */
export function propagatePrecision(env: Env, old: State, state: State, insn: number): boolean {
  const wanted = new Wanted(state.curframe);
  for (let frameno = old.curframe; frameno >= 0; frameno--) {
    const frame = old.frames[frameno];
    if (frame === undefined) continue;
    const names: string[] = [];
    for (let reg = 0; reg < BPF_REG_10; reg++) {
      const { kind, precise } = frame.reg(reg);
      if (kind !== 'scalar' || !precise) continue;
      wanted.addReg(reg, frameno);
      if (env.log.followsAll) names.push(`r${reg}`);
    }
    for (let spi = 0; spi < frame.stack.length; spi++) {
      const slot = frame.slot(spi);
      if (!isSpilled(slot) || slot.reg.kind !== 'scalar' || !slot.reg.precise) continue;
      wanted.addSlot(spi, frameno);
      if (env.log.followsAll) names.push(`fp${-8 * (spi + 1)}`);
    }
    if (names.length > 0) env.note(`frame ${frameno}: propagating ${names.join()}`);
  }
  return goBack(env, state, insn, wanted);
}

/** From before `fromInsn`, which the state has come to. */
function goBack(env: Env, start: State, fromInsn: number, wanted: Wanted): boolean {
  if (wanted.isEmpty) return false;
  let changed = false;
  let state: State | undefined = start;
  let last = fromInsn;
  let following = -1;
  let skipFirst = true;
  while (state !== undefined) {
    const { firstInsn } = state;
    if (env.log.followsAll)
      env.note(
        `mark_precise: frame${wanted.frameno}: last_idx ${last} first_idx ${firstInsn} subseq_idx ${following} `,
      );
    if (last < 0) return reachEntry(env, state, wanted) || changed;
    const back = new Backwards(state);
    for (let insn: number | undefined = last; insn !== undefined; ) {
      if (skipFirst) skipFirst = false;
      else if (!passBack(env, insn, following, back.entryOf(insn), wanted)) {
        forceAllPrecise(env, start);
        return true;
      }
      if (wanted.isEmpty) return changed;
      following = insn;
      insn = back.before(insn);
      if (insn !== undefined && insn >= env.insns.length) env.fail('EFAULT', `BUG backtracking idx ${insn}`);
    }
    state = state.parent;
    if (state === undefined) break;
    if (markState(env, state, wanted)) changed = true;
    if (wanted.isEmpty) return changed;
    following = firstInsn;
    last = state.lastInsn;
  }
  if (!wanted.isEmpty) {
    forceAllPrecise(env, start);
    changed = true;
  }
  return changed;
}

/** The start of a global function, or of a callback that runs later: its arguments are anything. */
function reachEntry(env: Env, state: State, wanted: Wanted): boolean {
  const [frame] = state.frames;
  if (
    frame === undefined ||
    state.curframe !== 0 ||
    frame.subprogno === 0 ||
    frame.callsite !== MAIN_FUNC ||
    wanted.hasSlots() ||
    (wanted.here & ~ARGUMENTS) !== 0
  )
    env.fail('EFAULT', 'BUG backtracking func entry');
  let changed = false;
  for (let reg = 1; reg <= 5; reg++) {
    const found = (frame as Frame).reg(reg);
    if (!wanted.hasReg(reg) || found.kind !== 'scalar') continue;
    (frame as Frame).regs[reg] = found.withPrecise(true);
    changed = true;
  }
  return changed;
}

function markState(env: Env, state: State, wanted: Wanted): boolean {
  let changed = false;
  for (let frameno = wanted.frameno; frameno >= 0; frameno--) {
    const frame = state.frames[frameno];
    if (frame === undefined) continue;
    for (let reg = 0; wanted.regs[frameno] !== 0 && reg < BPF_REG_10; reg++) {
      if (!wanted.hasReg(reg, frameno)) continue;
      const found = frame.reg(reg);
      if (found.kind !== 'scalar' || found.precise) wanted.dropReg(reg, frameno);
      else {
        frame.regs[reg] = found.withPrecise(true);
        changed = true;
      }
    }
    for (let spi = 0; wanted.hasSlots(frameno) && spi < 64; spi++) {
      if (!wanted.hasSlot(spi, frameno)) continue;
      if (spi >= frame.stack.length) env.fail('EFAULT', `BUG backtracking (stack slot ${spi})`);
      const slot = frame.slot(spi);
      if (!isSpilledScalar(slot) || slot.reg.precise) wanted.dropSlot(spi, frameno);
      else {
        frame.stack[spi] = { ...slot, reg: slot.reg.withPrecise(true) };
        changed = true;
      }
    }
    if (env.log.followsAll) {
      const marked = printFrame(state, frame);
      env.note(`mark_precise: frame${frameno}: parent state ${wanted.text(frameno)}: ${marked}`);
    }
  }
  return changed;
}

/** Where the way back is lost: all that are before `start`. */
export function forceAllPrecise(env: Env, start: State): void {
  env.log.detail(() => `mark_precise: frame${start.curframe}: falling back to forcing all scalars precise`);
  for (let state = start.parent; state !== undefined; state = state.parent)
    state.mapRegs((reg, frameno, place) => {
      if (reg.kind !== 'scalar' || reg.precise) return reg;
      const name = place < 0 ? `fp${place}` : `r${place}`;
      env.log.detail(() => `force_precise: frame${frameno}: forcing ${name} to be precise`);
      return reg.withPrecise(true);
    });
}

/** Passes an instruction on the way back. False: what it made cannot be told. */
function passBack(
  env: Env,
  index: number,
  following: number,
  entry: HistoryEntry | undefined,
  wanted: Wanted,
): boolean {
  const insn = env.insnAt(index);
  const operation = env.operations[index];
  if (operation === undefined) return true;
  if (env.log.followsAll)
    env.note(`mark_precise: frame${wanted.frameno}: ${wanted.text()} before ${index}: ${insnText(env, index)}`);
  syncLinked(wanted, entry);
  const { dst, src } = insn;
  const access = entry?.stackAccess;
  switch (operation.kind) {
    case 'alu':
      if (!wanted.hasReg(dst)) return true;
      if (operation.op === 'mov') wanted.dropReg(dst);
      if (operation.source === 'reg' && src !== BPF_REG_10) wanted.addReg(src);
      break;
    case 'neg':
    case 'end':
      return true;
    case 'load':
      if (!wanted.hasReg(dst)) return true;
      wanted.dropReg(dst);
      if (access === undefined) return true;
      wanted.addSlot(access.spi, access.frameno);
      break;
    case 'atomic': {
      const atomic = atomicOf(insn.imm);
      const loaded = atomic?.op === 'load' ? dst : atomic?.op === 'cmpxchg' ? 0 : src;
      if (atomic?.fetch === true) {
        if (!wanted.hasReg(loaded)) return true;
        wanted.dropReg(loaded);
        if (access === undefined) return true;
        wanted.addSlot(access.spi, access.frameno);
        break;
      }
      return passStore(insn, true, entry, wanted) && afterwards(wanted, entry);
    }
    case 'store':
      if (!passStore(insn, operation.source === 'reg', entry, wanted)) return false;
      break;
    case 'call':
      return passCall(env, index, following, wanted);
    case 'exit':
      return passExit(env, following, wanted);
    case 'jump':
      if (operation.source === 'imm') break;
      if (!wanted.hasReg(dst) && !wanted.hasReg(src)) return true;
      if (entry?.srcIsStack !== true) wanted.addReg(src);
      if (entry?.dstIsStack !== true) wanted.addReg(dst);
      break;
    case 'ld_imm64':
      wanted.dropReg(dst);
      return true;
    case 'ld_abs':
    case 'ld_ind':
      if (wanted.hasReg(dst)) return false;
      // In a function it may also return.
      if (following !== index + 1) wanted.frameno++;
      return true;
    default:
      break;
  }
  return afterwards(wanted, entry);
}

function afterwards(wanted: Wanted, entry: HistoryEntry | undefined): true {
  syncLinked(wanted, entry);
  return true;
}

function passStore(insn: Insn, ofReg: boolean, entry: HistoryEntry | undefined, wanted: Wanted): boolean {
  if (wanted.hasReg(insn.dst)) return false;
  const access = entry?.stackAccess;
  if (access === undefined || !wanted.hasSlot(access.spi, access.frameno)) return true;
  wanted.dropSlot(access.spi, access.frameno);
  if (ofReg) wanted.addReg(insn.src);
  return true;
}

function passCall(env: Env, index: number, following: number, wanted: Wanted): boolean {
  const insn = env.insnAt(index);
  if (insn.src === BPF_PSEUDO_CALL) {
    const subprog = env.subprog(env.subprogAt(index + insn.imm + 1));
    if (subprog.isGlobal) {
      if ((wanted.here & ARGUMENTS) !== 0) bug(env, wanted);
      wanted.dropReg(0);
      return true;
    }
    leaveCallee(env, wanted, true);
    return true;
  }
  if (syncCallbackCall(insn, env.kfuncs.get(index)) && index !== following - 1) {
    leaveCallee(env, wanted, false);
    return true;
  }
  wanted.dropReg(0);
  if ((wanted.here & ARGUMENTS) !== 0) bug(env, wanted);
  // A tail call in a function may also have returned to its caller.
  if (insn.src === 0 && helperName(insn.imm) === 'tail_call' && following !== index + 1) wanted.frameno++;
  return true;
}

/** From the start of a function to the call of it. Arguments of a callback come from nowhere. */
function leaveCallee(env: Env, wanted: Wanted, keepArguments: boolean): void {
  if ((wanted.here & ~ARGUMENTS) !== 0 || wanted.hasSlots()) bug(env, wanted);
  for (let reg = 1; reg <= 5; reg++) {
    if (!wanted.hasReg(reg)) continue;
    wanted.dropReg(reg);
    if (keepArguments) wanted.addReg(reg, wanted.frameno - 1);
  }
  if (wanted.frameno === 0) bug(env, wanted);
  wanted.frameno--;
}

function passExit(env: Env, following: number, wanted: Wanted): boolean {
  const call = env.insns[following - 1];
  const fromCall = call !== undefined && isCall(call) && call.src === BPF_PSEUDO_CALL;
  const resultWanted = fromCall && wanted.hasReg(0);
  if (fromCall && (wanted.here & ARGUMENTS) !== 0) bug(env, wanted);
  wanted.dropReg(0);
  wanted.frameno++;
  if (wanted.frameno > 8) bug(env, wanted);
  if (resultWanted) wanted.addReg(0);
  return true;
}

function bug(env: Env, wanted: Wanted): never {
  env.fail('EFAULT', `BUG regs ${wanted.here.toString(16)}`);
}

/** Numbers that were the same, or apart by a constant: if one of them matters, all do. */
function syncLinked(wanted: Wanted, entry: HistoryEntry | undefined): void {
  if (entry?.linked === undefined) return;
  const some = entry.linked.some(({ isReg, number, frameno }) =>
    isReg ? wanted.hasReg(number, frameno) : wanted.hasSlot(number, frameno),
  );
  if (!some) return;
  for (const { isReg, number, frameno } of entry.linked) {
    if (isReg) wanted.addReg(number, frameno);
    else wanted.addSlot(number, frameno);
  }
}
