import { type Insn, ldImm64 } from './insn.ts';
import * as O from './opcode.ts';
import { directiveOf } from './parse-directive.ts';
import { helperNumber, parseStatement, type Reference } from './parse-insn.ts';
import { AssemblyLine } from './parse-line.ts';

export interface AssemblyOptions {
  /** The number that stands for a map named in the text (`map[name:counters]`, `counters ll`), as a rule its fd; `undefined`: there is no such map. */
  readonly map?: (name: string) => number | undefined;
}

/** Slots that a program may have; the kernel takes no more. */
const MAX_INSNS = 1_000_000;

/** What llvm-objdump writes besides instructions and labels. */
const HEADER = /^(?:Disassembly of section .*:|\S.*:\s+file format \S+)$/;
/** `name:`, or as llvm-objdump writes it: `0000000000000010 <name>:`. */
const LABEL = /([A-Za-z_.$][\w.$@]*)\s*:(?!\S)/y;
const OBJDUMP_LABEL = /[0-9a-fA-F]{8,16} <(.*)>:\s*$/y;
/** The number of the instruction and, from `llvm-objdump -d`, its bytes. */
const INDEX = /\d+:(?:\s+(?:[0-9a-f]{2} ){7}[0-9a-f]{2}(?: (?:[0-9a-f]{2} ){7}[0-9a-f]{2})?(?=\s))?/y;
const PREFIX = /\(([0-9a-f]{2})\)/y;

/**
 * Assembles a text into the slots of a program. One instruction a line, in the kernel's notation (`bpftool prog dump xlated`, the verifier's log,
 * {@link formatInsn}) or in LLVM's (`clang -S`, `llvm-objdump -d`, {@link formatLlvm}); both may be mixed. What a dump writes before an
 * instruction (`7:`, `(b7)`) may stay. A label is a line `name:`, or stands before an instruction; jumps, calls and `r1 = name ll` may use it.
 * Helpers may be called by name. Comments start with `;` or `//`, or with `#` after a blank or at the start of a line. Of the directives of
 * `clang -S` only the sections matter: what is not executed is left out.
 *
 * LLVM writes calls of functions and of helpers alike: `call 0x5` calls the helper, a function is called by its label or as `pc+5`.
 * What the instructions do is not looked at; see {@link programProblem}.
 *
 * Throws ObjectError (`line 3, column 7: …`) for what is no instruction, for a name that stands for nothing, and for more than a million slots.
 *
 * @example
 * parseAssembly(`
 *   if r1 == 0 goto out
 *   call bpf_ktime_get_ns
 * out:
 *   exit`);
 */
export function parseAssembly(text: string, options: AssemblyOptions = {}): Insn[] {
  const insns: Insn[] = [];
  const labels = new Labels();
  const references: { readonly line: AssemblyLine; readonly slot: number; readonly reference: Reference }[] = [];
  let number = 0;
  let inCode = true;
  for (const raw of lines(text)) {
    const source = withoutComment(raw);
    const line = new AssemblyLine(source, ++number);
    const directive = directiveOf(source);
    if (directive === 'code' || directive === 'data') inCode = directive === 'code';
    if (directive !== undefined || !inCode || HEADER.test(source)) continue;
    const prototype = prototypeName(source);
    if (prototype !== undefined) {
      labels.addDumped(prototype, insns.length);
      continue;
    }
    const prefix = leader(line, labels, insns.length);
    if (line.done) continue;
    const statement = parseStatement(line, prefix);
    if (statement.reference !== undefined)
      references.push({ line, slot: insns.length, reference: statement.reference });
    insns.push(...statement.insns);
    if (insns.length > MAX_INSNS) line.failAt(1, `a program has at most ${MAX_INSNS} instructions`);
  }
  for (const { line, slot, reference } of references) resolve(line, insns, slot, reference, labels, options);
  return insns;
}

/** Takes what stands before an instruction: labels, its number, its opcode. Returns the opcode. */
function leader(line: AssemblyLine, labels: Labels, slot: number): number | undefined {
  const dumped = line.match(OBJDUMP_LABEL);
  if (dumped !== undefined) {
    labels.addDumped(dumped[1] ?? '', slot);
    return undefined;
  }
  for (let column = line.column, found = line.match(LABEL); found !== undefined; found = line.match(LABEL)) {
    const name = found[1] ?? '';
    if (!labels.add(name, slot)) line.failAt(column, `there is a label ${name} already`);
    column = line.column;
  }
  line.match(INDEX);
  const prefix = line.match(PREFIX)?.[1];
  return prefix === undefined ? undefined : Number.parseInt(prefix, 16);
}

/** The names of a text, and the slots that they stand for. */
class Labels {
  /** `undefined`: several functions of a dump have this name. */
  readonly #slots = new Map<string, number | undefined>();

  /** False: there is a label of this name. */
  add(name: string, slot: number): boolean {
    if (this.#slots.has(name)) return false;
    this.#slots.set(name, slot);
    return true;
  }

  /** Sections have names of their own, so in a dump of a whole file one name may come twice; only its use would be wrong. */
  addDumped(name: string, slot: number): void {
    this.#slots.set(name, this.#slots.has(name) ? undefined : slot);
  }

  /** The slot of a label; `undefined`: there is none. */
  find(name: string, fail: (problem: string) => never): number | undefined {
    const slot = this.#slots.get(name);
    return slot === undefined && this.#slots.has(name) ? fail(`there are several labels ${name}`) : slot;
  }
}

/** Puts what a name stands for into the slot that was made for it. */
function resolve(
  line: AssemblyLine,
  insns: Insn[],
  slot: number,
  { kind, name, column, valueOffset }: Reference,
  labels: Labels,
  { map }: AssemblyOptions,
): void {
  const fail = (problem: string) => line.failAt(column, problem);
  const insn = insns[slot];
  if (insn === undefined) return;
  const target = kind === 'map' ? undefined : labels.find(name, fail);
  const distance = (target ?? 0) - slot - 1;
  switch (kind) {
    case 'off':
    case 'imm':
      if (target === undefined) fail(`there is no label ${name}`);
      if (kind === 'off' && (distance < -0x8000 || distance > 0x7fff))
        fail(`${name} is ${distance} instructions away, not from -32768 to 32767; 'gotol' reaches further`);
      insns[slot] = { ...insn, [kind]: distance };
      return;
    case 'call': {
      const helper = helperNumber(name);
      if (target !== undefined) insns[slot] = { ...insn, src: O.BPF_PSEUDO_CALL, imm: distance };
      else if (helper !== undefined) insns[slot] = { ...insn, imm: helper };
      else {
        const meant = helperNumber(`bpf_${name}`) === undefined ? '' : `; the helper is bpf_${name}`;
        fail(`there is no label and no helper ${name}${meant}`);
      }
      return;
    }
    case 'address':
    case 'map': {
      if (target !== undefined && valueOffset !== undefined) fail(`${name} is a label, which has no bytes to count`);
      const value =
        target === undefined ? mapValue(name, valueOffset, map, kind, fail) : BigInt.asUintN(32, BigInt(distance));
      const src =
        target !== undefined
          ? O.BPF_PSEUDO_FUNC
          : valueOffset === undefined
            ? O.BPF_PSEUDO_MAP_FD
            : O.BPF_PSEUDO_MAP_VALUE;
      [insns[slot], insns[slot + 1]] = ldImm64(insn.dst, value, src);
    }
  }
}

function mapValue(
  name: string,
  valueOffset: number | undefined,
  map: AssemblyOptions['map'],
  kind: 'address' | 'map',
  fail: (problem: string) => never,
): bigint {
  const number = map?.(name);
  if (number === undefined) return fail(`there is no ${kind === 'map' ? '' : 'label and no '}map ${name}`);
  return BigInt.asUintN(32, BigInt(number)) | (BigInt(valueOffset ?? 0) << 32n);
}

/** `count` of `int count(struct __sk_buff * skb):`, which bpftool writes before a function. */
function prototypeName(source: string): string | undefined {
  const line = source.trimEnd();
  const end = line.indexOf('(');
  if (end < 0 || !line.endsWith('):')) return undefined;
  const start = Math.max(line.lastIndexOf(' ', end), line.lastIndexOf('*', end)) + 1;
  const [type, name] = [line.slice(0, start), line.slice(start, end)];
  return /^[\w\s*]+$/.test(type) && /^[A-Za-z_][\w.$]*$/.test(name) ? name : undefined;
}

function* lines(text: string): Generator<string> {
  for (let at = 0; at <= text.length; ) {
    const newline = text.indexOf('\n', at);
    const end = newline < 0 ? text.length : newline;
    yield text.slice(at, text[end - 1] === '\r' && end > at ? end - 1 : end);
    at = end + 1;
  }
}

function withoutComment(line: string): string {
  const start = line.search(/;|\/\/|(?:^|\s)#/);
  return start < 0 ? line : line.slice(0, start);
}
