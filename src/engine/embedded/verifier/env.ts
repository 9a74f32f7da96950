import type { Btf } from '../../../btf/index.ts';
import { fieldsProblem, type Insn, type Operation, operationOf } from '../../../isa/index.ts';
import { BPF_F_RDONLY_PROG, BPF_F_SLEEPABLE } from '../../../uapi/bpf.ts';
import type { ErrnoCode } from '../../../uapi/errno.ts';
import type { HelperName } from '../../../uapi/helpers.ts';
import { allowedHelpers } from '../helpers/allowed.ts';
import type { Target } from './btf-context.ts';
import { iteratorHelpers } from './btf-context.ts';
import { IdMap } from './compare.ts';
import { postorder } from './flow.ts';
import { InsnFacts, REPEATED } from './insn-facts.ts';
import type { Kfunc } from './kfunc.ts';
import type { LogText } from './log.ts';
import { checkMemoryAccess } from './memory.ts';
import { InsnPrinter } from './print-insn.ts';
import type { FieldToVerify, LineInfo, MapToVerify, ProgramToVerify } from './program.ts';
import { Refusal } from './refusal.ts';
import { Reg } from './reg.ts';
import type { SccVisits } from './scc.ts';
import type { StackLiveness } from './stack-liveness.ts';
import type { Frame, HistoryEntry, State } from './state.ts';
import { structNames } from './struct-names.ts';
import type { Subprog } from './subprog.ts';

export interface ArgTag {
  readonly func: number;
  readonly component: number;
  readonly name: string;
}

/** A path that waits to be followed. */
export interface Branch {
  readonly state: State;
  readonly insn: number;
  readonly previous: number;
  readonly logLength: number;
}

export const BPF_COMPLEXITY_LIMIT_JMP_SEQ = 8192;
export const MAX_BPF_STACK = 512;
export const MAX_CALL_FRAMES = 8;
/** Offsets of pointers are below it. */
export const BPF_MAX_VAR_OFF = 1 << 29;
export const BPF_MAX_VAR_SIZ = 1 << 29;

/** One verification: the program, the path that is being followed, and those that wait. */
export class Env {
  readonly program: ProgramToVerify;
  readonly insns: readonly Insn[];
  readonly operations: readonly (Operation | undefined)[];
  /** What is wrong with each instruction by itself: told where a path comes to it. */
  readonly problems: readonly (string | undefined)[];
  readonly facts: InsnFacts;
  /** The instructions that may follow each within its function, two of each: the next one, then the one that is jumped to; -1: none. */
  readonly successors: Int32Array;
  readonly log: LogText;
  readonly printer: InsnPrinter;
  subprogs: Subprog[] = [];
  exceptionCallback = 0;
  /** Where the functions that are called by BPF_PSEUDO_KFUNC_CALL are known, by instruction. */
  readonly kfuncs = new Map<number, Kfunc>();
  /** Of structs of the program, by type. */
  readonly structFields = new Map<number, readonly FieldToVerify[]>();
  /** How far the program reads and writes the buffers that it is given. Bytes. */
  readonly bufferReach = { rdonly: 0, rdwr: 0 };
  /** What the context has the arguments of; null: looked for, and not found. */
  target: Target | null | undefined;
  liveness!: StackLiveness;
  sccs!: SccVisits;

  state!: State;
  insn = 0;
  previousInsn = -1;
  /** Where an exception is handled, if the program says so. */
  exceptionStart: number | undefined;
  /** The first instruction of a path that waited. */
  pathBegins = false;
  /** The entry of the instruction that is being checked. */
  historyEntry: HistoryEntry | undefined;
  readonly waiting: Branch[] = [];
  /** States that were kept, in the lists that Linux has: as many as instructions. */
  readonly explored: (State[] | undefined)[] = [];
  lastId = 0;
  /** For comparing states, one after the other. */
  readonly ids = new IdMap();
  #argTags: readonly ArgTag[] | undefined;
  #allowed: ReadonlySet<HelperName> | undefined;
  readonly #orders = new Map<Subprog, Int32Array>();

  insnsProcessed = 0;
  jumpsProcessed = 0;
  previousInsnsProcessed = 0;
  previousJumpsProcessed = 0;
  maxStatesPerInsn = 0;
  totalStates = 0;
  peakStates = 0;
  #states = 0;
  seenException = false;
  /** The result is such that it depends on what the program is attached to. */
  enforceAttachType = false;

  constructor(program: ProgramToVerify, log: LogText) {
    this.program = program;
    this.insns = program.insns;
    this.operations = program.insns.map(({ opcode }) => operationOf(opcode));
    this.problems = program.insns.map(fieldsProblem);
    this.facts = new InsnFacts(program.insns.length);
    this.successors = new Int32Array(2 * program.insns.length);
    this.log = log;
    this.printer = new InsnPrinter(this);
  }

  get frame(): Frame {
    return this.state.frame;
  }

  reg(number: number): Reg {
    return this.state.frame.reg(number);
  }

  setReg(number: number, reg: Reg): void {
    this.state.frame.regs[number] = reg;
  }

  /** The constant of the instruction, as a signed number. */
  immediate(): Reg {
    const { imm } = this.insnAt(this.insn);
    if (!this.facts.has(this.insn, REPEATED)) return Reg.int(imm);
    const { immediates } = this.facts;
    const known = immediates[this.insn] ?? Reg.int(imm);
    immediates[this.insn] = known;
    return known;
  }

  /** So many states, and ends of loops, are kept more, or fewer. */
  countStates(more: number): void {
    this.#states += more;
    this.peakStates = Math.max(this.peakStates, this.#states);
  }

  newId(): number {
    return ++this.lastId;
  }

  /** The states that were kept at an instruction of the function as it was called now, among others of the same list: figures count those too. */
  exploredAt(insn: number): State[] {
    const list = ((insn ^ this.state.frame.callsite) >>> 0) % this.insns.length;
    this.explored[list] ??= [];
    return this.explored[list];
  }

  insnAt(index: number): Insn {
    const insn = this.insns[index];
    if (insn === undefined) throw new Refusal('EFAULT', `invalid insn idx ${index} insn_cnt ${this.insns.length}`);
    return insn;
  }

  /** Refuses the instruction if it is none, whatever registers hold. */
  checkFields(): void {
    const problem = this.problems[this.insn];
    if (problem !== undefined) this.fail('EINVAL', problem);
  }

  /** A line of the log before the one that says why. */
  note(message: string): void {
    this.log.line(message);
  }

  fail(code: ErrnoCode | number, message: string): never {
    throw new Refusal(code, message);
  }

  /** The tags `arg:NAME` of the arguments of functions. */
  argTags(btf: Btf): readonly ArgTag[] {
    if (this.#argTags !== undefined) return this.#argTags;
    const tags: ArgTag[] = [];
    for (const [id] of btf.records('decl_tag')) {
      const tag = btf.type(id);
      if (tag.kind === 'decl_tag' && tag.component >= 0 && tag.name.startsWith('arg:'))
        tags.push({ func: tag.typeId, component: tag.component, name: tag.name.slice('arg:'.length) });
    }
    this.#argTags = tags;
    return tags;
  }

  /** The line of the source that an instruction is of. */
  lineAt(insn: number): LineInfo | undefined {
    const lines = this.program.lineInfo ?? [];
    let [low, high] = [0, lines.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((lines[middle]?.insnOff ?? 0) <= insn) low = middle + 1;
      else high = middle;
    }
    return lines[low - 1];
  }

  /** What programs of this type may call. */
  allowedHelpers(): ReadonlySet<HelperName> {
    this.#allowed ??= new Set([
      ...allowedHelpers(this.program.type, this.program.attachType),
      ...iteratorHelpers(this),
    ]);
    return this.#allowed;
  }

  /** A function writes to memory that a register points to. */
  writeMemory(regno: number, offset: number, size: number): void {
    checkMemoryAccess(this, { regno, offset, size, write: true, value: -1 });
  }

  /** A struct of the kernel: as its types have it, or by name alone. */
  structNamed(name: string): { readonly btf: Btf; readonly btfId: number } | undefined {
    for (const btf of [this.program.kernelBtf, structNames()]) {
      const btfId = btf?.find('struct', name);
      if (btf !== undefined && btfId !== undefined) return { btf, btfId };
    }
    return undefined;
  }

  get usesArena(): boolean {
    return this.program.usedMaps.some(({ type }) => type === 'arena');
  }

  get isSleepable(): boolean {
    return (this.program.flags & BPF_F_SLEEPABLE) !== 0 || this.state.inSleepable;
  }

  get inRcuSection(): boolean {
    return this.state.activeRcu || this.state.activeLocks > 0 || !this.isSleepable;
  }

  /** What BTF says of the functions: their names, and which are global. */
  nameSubprogs(): void {
    const { btf, funcInfo } = this.program;
    if (btf === undefined || funcInfo === undefined) return;
    for (const [i, subprog] of this.subprogs.entries()) {
      const func = btf.type(funcInfo[i]?.typeId ?? 0);
      if (func.kind !== 'func') continue;
      subprog.name = func.name;
      subprog.isGlobal = func.linkage === 1 && i > 0;
    }
  }

  subprogAt(start: number): number {
    return this.subprogs.findIndex((subprog) => subprog.start === start);
  }

  subprog(number: number): Subprog {
    const subprog = this.subprogs[number];
    if (subprog === undefined) throw new Refusal('EFAULT', `there is no func#${number}`);
    return subprog;
  }

  /** The function that an instruction belongs to. */
  subprogOf(insn: number): number {
    let found = 0;
    for (let i = 0; i < this.subprogs.length && this.subprog(i).start <= insn; i++) found = i;
    return found;
  }

  /** The instructions of a function in postorder. */
  subprogOrder(subprog: Subprog): Int32Array {
    let found = this.#orders.get(subprog);
    if (found === undefined) {
      found = postorder(this, subprog);
      this.#orders.set(subprog, found);
    }
    return found;
  }

  /** A map's bytes that nobody can change any more. */
  constantBytes(map: MapToVerify, offset: number, size: number): Uint8Array | undefined {
    return map.frozen && (map.flags & BPF_F_RDONLY_PROG) !== 0 ? map.read?.(offset, size) : undefined;
  }
}
