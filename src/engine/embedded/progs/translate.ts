import {
  BPF_EXIT,
  BPF_JA,
  BPF_JMP,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  INSN_SIZE,
  type Insn,
  jumpTarget,
  LD_IMM64,
  operationOf,
} from '../../../isa/index.ts';
import { RECORDS, type Records } from './info-records.ts';

/** What the verifier has found out about a program, by slots. */
export interface Found {
  /** 1: a slot of an instruction that some path comes to. */
  readonly live: Uint8Array;
  /** Those that save registers around calls that clobber none of them. */
  readonly spills: ReadonlySet<number>;
  /** Where functions start, ascending. */
  readonly starts: readonly number[];
}

/** A program as users see it, and where its functions and lines are then. */
export interface Translated {
  readonly insns: readonly Insn[];
  readonly funcInfo: Records | undefined;
  readonly lineInfo: Records | undefined;
}

/** A program on its way. `starts`, `funcs`, `lines`: slots; of functions and lines with the number of the record. */
interface Stage {
  readonly insns: readonly Insn[];
  readonly starts: readonly number[];
  readonly funcs: readonly Placed[];
  readonly lines: readonly Placed[];
}

interface Placed {
  readonly at: number;
  readonly record: number;
}

const NOP: Insn = { opcode: BPF_JMP | BPF_JA, dst: 0, src: 0, off: 0, imm: 0 };

/**
 * What Linux makes of a program before anything else: branches of which one side is dead become jumps, what no path comes to goes, and what does
 * nothing. Calls have the distance in `off`, and the number of the function in `imm`.
 */
export function translate(
  insns: readonly Insn[],
  { live, spills, starts }: Found,
  funcInfo: Records | undefined,
  lineInfo: Records | undefined,
): Translated {
  const wired = insns.map((insn, i) => (spills.has(i) ? NOP : hardWired(insn, i, live)));
  const begin = { insns: wired, starts, funcs: places(funcInfo, 'func_info'), lines: places(lineInfo, 'line_info') };
  const alive = keep(begin, live);
  const end = keep(alive, usefulSlots(alive.insns));
  return {
    insns: nameFunctions(end),
    funcInfo: funcInfo && moved(funcInfo, 'func_info', end.funcs),
    lineInfo: lineInfo && moved(lineInfo, 'line_info', end.lines),
  };
}

/** The program as it runs: where no path comes to stands what ends it. Nobody has looked at what was there. */
export function withoutDead(bytes: Uint8Array, { live }: Found): Uint8Array {
  const kept = new Uint8Array(bytes);
  for (let i = live.indexOf(0); i >= 0; i = live.indexOf(0, i + 1)) {
    kept.fill(0, INSN_SIZE * i, INSN_SIZE * (i + 1));
    kept[INSN_SIZE * i] = BPF_JMP | BPF_EXIT;
  }
  return kept;
}

/** A branch that goes one way only is a jump. */
function hardWired(insn: Insn, index: number, live: Uint8Array): Insn {
  const kind = operationOf(insn.opcode)?.kind;
  if (kind !== 'jump' && kind !== 'may_goto') return insn;
  if (live[index + 1] !== 1) return { ...NOP, off: insn.off };
  return live[index + 1 + insn.off] === 1 ? insn : NOP;
}

/** All but jumps to what follows. One that comes to be so because what was in between went, goes only before a `may_goto`, as on Linux. */
function usefulSlots(insns: readonly Insn[]): Uint8Array {
  const kept = new Uint8Array(insns.length).fill(1);
  for (const [i, insn] of insns.entries()) {
    if (!jumpsTo(insn, i, i + 1)) continue;
    kept[i] = 0;
    if (operationOf(insn.opcode)?.kind !== 'may_goto') continue;
    for (let before = i - 1; before >= 0; before--) {
      if (kept[before] === 0) continue;
      const earlier = insns[before];
      if (earlier === undefined || !jumpsTo(earlier, before, i + 1)) break;
      kept[before] = 0;
      if (operationOf(earlier.opcode)?.kind !== 'may_goto') break;
    }
  }
  return kept;
}

/** A jump to somewhere behind it, at most to `last`. */
function jumpsTo(insn: Insn, index: number, last: number): boolean {
  const kind = operationOf(insn.opcode)?.kind;
  const target = insn.opcode === NOP.opcode || kind === 'may_goto' ? index + 1 + insn.off : -1;
  return target > index && target <= last;
}

/** The program without the slots that are not kept. */
function keep(stage: Stage, kept: Uint8Array): Stage {
  if (!kept.includes(0)) return stage;
  const { insns, starts, funcs, lines } = stage;
  /** Of each slot, and of the end: how many are kept before it. */
  const place = new Int32Array(insns.length + 1);
  for (let i = 0; i < insns.length; i++) place[i + 1] = (place[i] ?? 0) + (kept[i] ?? 0);
  const at = (slot: number) => place[slot] ?? 0;
  const length = at(insns.length);
  const remains = (start: number, i: number) => at(start) < at(starts[i + 1] ?? insns.length);
  const isGone = new Set(starts.filter((start, i) => !remains(start, i)));
  return {
    insns: insns.flatMap((insn, i) => (kept[i] === 1 ? [aimed(insn, i, at)] : [])),
    starts: starts.filter((start) => !isGone.has(start)).map(at),
    funcs: funcs.filter((func) => !isGone.has(func.at)).map((func) => ({ ...func, at: at(func.at) })),
    // What is left without a line has the last one before it.
    lines: lines
      .map((line) => ({ ...line, at: at(line.at) }))
      .filter((line, i, all) => line.at < length && line.at !== all[i + 1]?.at),
  };
}

/** The instruction with its distances as they are when others went. */
function aimed(insn: Insn, index: number, at: (slot: number) => number): Insn {
  const distance = (target: number) => at(target) - at(index) - 1;
  if (insn.src === BPF_PSEUDO_CALL && isCall(insn)) return { ...insn, imm: distance(index + 1 + insn.imm) };
  if (insn.opcode === LD_IMM64)
    return insn.src === BPF_PSEUDO_FUNC ? { ...insn, imm: distance(index + 1 + insn.imm) } : insn;
  const target = jumpTarget(insn, index);
  if (target === undefined) return insn;
  const operation = operationOf(insn.opcode);
  const isWide = operation?.kind === 'goto' && operation.wide;
  return isWide ? { ...insn, imm: distance(target) } : { ...insn, off: distance(target) };
}

function isCall(insn: Insn): boolean {
  return operationOf(insn.opcode)?.kind === 'call';
}

/** Calls of functions, and their addresses, in the form in which Linux shows them. */
function nameFunctions({ insns, starts }: Stage): Insn[] {
  const numbers = new Map(starts.map((start, number) => [start, number]));
  const numberAt = (start: number) => numbers.get(start) ?? 0;
  const named = [...insns];
  for (const [i, insn] of insns.entries()) {
    if (isCall(insn) && insn.src === BPF_PSEUDO_CALL)
      named[i] = { ...insn, off: (insn.imm << 16) >> 16, imm: numberAt(i + 1 + insn.imm) };
    const second = insns[i + 1];
    if (insn.opcode === LD_IMM64 && insn.src === BPF_PSEUDO_FUNC && second !== undefined)
      named[i + 1] = { ...second, imm: numberAt(i + 1 + insn.imm) };
  }
  return named;
}

function places(records: Records | undefined, what: keyof typeof RECORDS): Placed[] {
  if (records === undefined) return [];
  const view = new DataView(records.bytes.buffer, records.bytes.byteOffset);
  return Array.from({ length: records.count }, (_, record) => ({
    at: view.getUint32(RECORDS[what].size * record, true),
    record,
  }));
}

function moved({ recordSize, bytes }: Records, what: keyof typeof RECORDS, placed: readonly Placed[]): Records {
  const { size } = RECORDS[what];
  const kept = new Uint8Array(placed.length * size);
  const view = new DataView(kept.buffer);
  for (const [i, { at, record }] of placed.entries()) {
    kept.set(bytes.subarray(size * record, size * (record + 1)), size * i);
    view.setUint32(size * i, at, true);
  }
  return { recordSize, count: placed.length, bytes: kept };
}
