import { toHex } from '../../bytes/hex.ts';
import { ObjectError, UsageError } from '../../errors.ts';
import {
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_IDX,
  BPF_PSEUDO_MAP_IDX_VALUE,
  BPF_PSEUDO_MAP_VALUE,
  decodeInsns,
  encodeInsns,
  formatInsn,
  formatLlvm,
  INSN_SIZE,
  type Insn,
  insnSlots,
  operationOf,
  parseAssembly,
  programProblem,
} from '../../isa/index.ts';
import { type MapReference, type ObjectSpec, type ProgramSpec, parseObject } from '../../object/index.ts';
import { command } from '../command.ts';
import { writeUserFile } from '../write-file.ts';
import { inFile } from './object-words.ts';

/** One instruction of a listing. */
interface Line {
  /** Slot; that of the first of two for `ld_imm64`. */
  readonly index: number;
  /** A function or a jump's target that starts here. */
  readonly label: string | undefined;
  /** 16 hex digits, 32 for `ld_imm64`. */
  readonly bytes: string;
  readonly disasm: string;
}

/** The code of one program, or of a file of raw instructions. */
interface Listing {
  readonly section: string | undefined;
  readonly program: string | undefined;
  readonly llvm: boolean;
  readonly lines: readonly Line[];
}

interface Assembled {
  /** Where the bytes went; `undefined`: they are to be shown. */
  readonly out: string | undefined;
  readonly insns: readonly Insn[];
}

export const asm = command<Assembled>({
  path: ['asm'],
  usage: 'FILE [OUT] [map NAME FD]...',
  about:
    "assembles a text, in the kernel's or LLVM's notation, to raw instructions of 8 bytes, into OUT or shown as hex",
  run(context, words) {
    const file = words.next('the text');
    const maps = new Map<string, number>();
    let out: string | undefined;
    while (!words.done) {
      if (words.exact('map')) maps.set(words.next("the map's name"), words.number("the map's fd", 0, 0x7fffffff));
      else if (out === undefined) out = words.next('the file to write');
      else words.end();
    }
    const insns = inFile(file, () => parseAssembly(text(context.readFile(file)), { map: (name) => maps.get(name) }));
    const problem = programProblem(insns);
    if (problem !== undefined) context.note(`no kernel takes this: insn ${problem.insn}: ${problem.problem}`);
    if (out !== undefined) writeUserFile(out, encodeInsns(insns));
    return { out, insns };
  },
  text({ out, insns }) {
    if (out !== undefined) return `${out}: ${insns.length} instructions, ${INSN_SIZE * insns.length} bytes`;
    return listing(insns, { llvm: false, references: [], names: new Map() })
      .map((line) => `${String(line.index).padStart(4)}: ${spaced(line.bytes)}  ${line.disasm}`)
      .join('\n');
  },
  json: ({ out, insns }) => ({
    out,
    insn_cnt: insns.length,
    insns: out === undefined ? toHex(encodeInsns(insns)) : undefined,
  }),
});

export const disasm = command<Listing[]>({
  path: ['disasm'],
  usage: 'FILE [section S] [llvm]',
  about: "shows the programs of an object, or raw instructions, in the kernel's notation or LLVM's; `asm` reads both",
  run(context, words) {
    const file = words.next('the file');
    let section: string | undefined;
    let llvm = false;
    while (!words.done) {
      if (words.exact('section')) section = words.next("the section's name");
      else if (words.exact('llvm')) llvm = true;
      else words.end();
    }
    const bytes = context.readFile(file);
    if (!isElf(bytes)) {
      if (section !== undefined) throw new UsageError(`${file} is no ELF file: it has no section ${section}`);
      const insns = inFile(file, () => decodeInsns(bytes));
      const lines = listing(insns, { llvm, references: [], names: new Map() });
      return [{ section: undefined, program: undefined, llvm, lines }];
    }
    const spec = parseObject(bytes, { file });
    for (const note of spec.notes) context.note(`${file}: ${note}`);
    return selected(spec, section).map((program) => {
      const insns = decodeInsns(program.insns);
      const names = inFile(file, () => functionNames(spec, program, insns));
      const lines = listing(insns, { llvm, references: program.references, names });
      return { section: program.section, program: program.name, llvm, lines };
    });
  },
  text: (listings) => listings.map(listingText).join('\n\n'),
  json: (listings) =>
    listings.map(({ section, program, lines }) => ({
      section,
      program,
      insns: lines.map(({ index, label, bytes, disasm: disassembled }) => ({
        index,
        label,
        bytes,
        disasm: disassembled,
      })),
    })),
});

function listingText({ section, program, llvm, lines }: Listing): string {
  const head = section === undefined ? [] : [`; section ${section}, program ${program}`];
  const body = lines.flatMap(({ index, label, disasm: disassembled }) => [
    ...(label === undefined ? [] : [`${label}:`]),
    llvm ? `${String(index).padStart(8)}:\t${disassembled}` : `${String(index).padStart(4)}: ${disassembled}`,
  ]);
  return [...head, ...body].join('\n');
}

function selected(spec: ObjectSpec, section: string | undefined): readonly ProgramSpec[] {
  const found = spec.programs.filter((program) => section === undefined || program.section === section);
  if (found.length > 0) return found;
  if (section === undefined) throw new ObjectError('there are no programs', { file: spec.file });
  const sections = [...new Set(spec.programs.map((program) => program.section))].join(', ');
  throw new ObjectError(`there are no programs in section ${section}, only in ${sections}`, { file: spec.file });
}

interface ListingOptions {
  readonly llvm: boolean;
  readonly references: readonly MapReference[];
  /** By the slot that they start at. */
  readonly names: ReadonlyMap<number, string>;
}

function listing(insns: readonly Insn[], { llvm, references, names }: ListingOptions): Line[] {
  const referenceAt = new Map(references.map((reference) => [reference.insn, reference]));
  const starts = [...names.keys()].sort((a, b) => a - b);
  const lines: Line[] = [];
  let current = 0;
  for (let index = 0; index < insns.length; ) {
    const insn = insns[index];
    if (insn === undefined) break;
    const slots = insnSlots(insn);
    while ((starts[current + 1] ?? Number.POSITIVE_INFINITY) <= index) current++;
    const at = index; // for the functions below, which look from this instruction
    const start = starts[current] ?? 0;
    const kernelText = () =>
      formatInsn(insn, insns[at + 1], { immediate: (_, value) => immediate(insn, value, referenceAt.get(at)) });
    const llvmText = () =>
      formatLlvm(insn, insns[at + 1], {
        immediate: () => symbol(insn, at, referenceAt.get(at), names),
        call: () => callee(insn, at, names),
        // Jumps stay within their function.
        target: (_, distance) => place(names.get(start), at + 1 + distance - start),
      });
    lines.push({
      index,
      label: llvm ? names.get(index) : undefined,
      bytes: toHex(encodeInsns(insns.slice(index, index + slots))),
      disasm: llvm ? llvmText() : kernelText(),
    });
    index += slots;
  }
  return lines;
}

/** What the number of an `ld_imm64` stands for, in the notation of bpftool. */
function immediate(insn: Insn, value: bigint, reference: MapReference | undefined): string | undefined {
  if (reference !== undefined) {
    const { map, valueOffset } = reference;
    return `map[name:${map}]${valueOffset === undefined ? '' : `[0]+${valueOffset}`}`;
  }
  const low = insn.imm >>> 0;
  switch (insn.src) {
    case BPF_PSEUDO_MAP_FD:
      return `map[fd:${low}]`;
    case BPF_PSEUDO_MAP_VALUE:
      return `map[fd:${low}][0]+${value >> 32n}`;
    case BPF_PSEUDO_MAP_IDX:
      return `map[idx:${low}]`;
    case BPF_PSEUDO_MAP_IDX_VALUE:
      return `map[idx:${low}][0]+${value >> 32n}`;
    case BPF_PSEUDO_FUNC:
      return `subprog[${insn.imm < -1 ? '' : '+'}${insn.imm + 1}]`;
    default:
      return undefined;
  }
}

/** The same as a symbol of LLVM's assembler. */
function symbol(
  insn: Insn,
  at: number,
  reference: MapReference | undefined,
  names: ReadonlyMap<number, string>,
): string | undefined {
  if (reference === undefined) return insn.src === BPF_PSEUDO_FUNC ? names.get(at + 1 + insn.imm) : undefined;
  const { map, valueOffset } = reference;
  return valueOffset === undefined ? map : `${map}+0x${valueOffset.toString(16)}`;
}

/** LLVM's own text of a call does not say whether a function or a helper is called. */
function callee({ src, imm }: Insn, at: number, names: ReadonlyMap<number, string>): string | undefined {
  if (src === BPF_PSEUDO_KFUNC_CALL) return `kernel-function#${imm}`;
  return src === BPF_PSEUDO_CALL ? (names.get(at + 1 + imm) ?? `pc${imm < 0 ? '' : '+'}${imm}`) : undefined;
}

function place(name: string | undefined, slots: number): string | undefined {
  if (name === undefined || slots < 0) return undefined;
  return slots === 0 ? name : `${name}+0x${(INSN_SIZE * slots).toString(16)}`;
}

/** The program's functions by the slot that they start at, named as its BTF names them, else by their slot. */
function functionNames(spec: ObjectSpec, program: ProgramSpec, insns: readonly Insn[]): Map<number, string> {
  const known = new Map([[0, program.name]]);
  const { funcInfo } = program;
  const records = funcInfo && new DataView(funcInfo.bytes.buffer, funcInfo.bytes.byteOffset, funcInfo.bytes.byteLength);
  for (let i = 0; records !== undefined && i < (funcInfo?.count ?? 0); i++) {
    const record = i * (funcInfo?.recordSize ?? 0);
    const type = spec.btf?.type(records.getUint32(record + 4, true));
    if (type?.kind === 'func') known.set(records.getUint32(record, true), type.name);
  }
  const names = new Map<number, string>();
  const taken = new Set<string>();
  const add = (slot: number) => {
    if (names.has(slot) || slot < 0 || slot >= insns.length) return;
    const name = known.get(slot) ?? '';
    let free = /^[A-Za-z_][\w.]*$/.test(name) && !taken.has(name) ? name : `function_${slot}`;
    while (taken.has(free)) free += '_';
    taken.add(free);
    names.set(slot, free);
  };
  add(0);
  for (const [at, insn] of insns.entries()) {
    const kind = operationOf(insn.opcode)?.kind;
    if (kind === 'call' && insn.src === BPF_PSEUDO_CALL) add(at + 1 + insn.imm);
    if (kind === 'ld_imm64' && insn.src === BPF_PSEUDO_FUNC) add(at + 1 + insn.imm);
  }
  return names;
}

/** `b7 01 00 00 00 00 00 00` */
function spaced(hex: string): string {
  return hex.replace(/..(?=.)/g, '$& ');
}

function isElf(bytes: Uint8Array): boolean {
  return toHex(bytes.subarray(0, 4)) === '7f454c46';
}

function text(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ObjectError('this is no text in UTF-8', {}, { cause });
  }
}
