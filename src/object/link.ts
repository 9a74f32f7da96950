import type { InfoTable } from '../btf/index.ts';
import { concatBytes } from '../bytes/plain.ts';
import {
  type ElfRelocation,
  type ElfSection,
  type ElfSymbol,
  R_BPF_64_32,
  R_BPF_64_64,
  SHN_UNDEF,
  STT_SECTION,
} from '../elf/index.ts';
import { ObjectError, type Place } from '../errors.ts';
import {
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_VALUE,
  decodeInsn,
  INSN_SIZE,
  type Insn,
  insnSlots,
  LD_IMM64,
} from '../isa/index.ts';
import { type CodePlace, codeTarget, isLocalCall } from './call-targets.ts';
import { collectCore, collectInfo, isRealCore, type Part, sortTable } from './debug-info.ts';
import { exceptionCallbacks } from './exception-callback.ts';
import { KCONFIG } from './externs.ts';
import { dataKind, isArenaData, isCode, type ObjectFile } from './file.ts';
import type { CodeUnit } from './functions.ts';
import type { CoreReference, ExternReference, ExternSpec, InfoRecords, MapReference, MapSpec } from './spec.ts';

/** The code of one program with all that it calls, and what only a kernel can fill in. */
export interface LinkedProgram {
  readonly insns: Uint8Array;
  readonly references: readonly MapReference[];
  readonly funcInfo: InfoRecords | undefined;
  readonly lineInfo: InfoRecords | undefined;
  readonly coreRelocations: readonly CoreReference[];
  readonly externs: readonly ExternReference[];
}

/** Where a map is defined: the lookups that relocations need. */
export interface MapPlaces {
  /** The map of a definition section at this offset. */
  at(section: number, offset: number): MapSpec | undefined;
  isMapSection(section: number): boolean;
  /** The map that `__arena` variables are in. */
  readonly arena: string | undefined;
}

/** Slots that a program may have with all its subprograms. The kernel takes a million instructions. */
const MAX_SLOTS = 1_000_000;
/** Bytes of all programs of an object together, with their debug information. A small file can call one function from very many programs. */
const MAX_BYTES = 1 << 26;

/**
 * Puts a program together as libbpf does: its own code first, then each function that it calls (directly, or by taking its address), once, in the
 * order of first use, depth first. Calls become relative to the result.
 */
export class Linker {
  readonly #file: ObjectFile;
  /** By index of the section, then by offset in it. Of functions at one offset (aliases) the first. */
  readonly #functions = new Map<number, ReadonlyMap<number, CodeUnit>>();
  readonly #maps: MapPlaces;
  readonly #relocations = new Map<number, ReadonlyMap<number, ElfRelocation>>();
  readonly #funcInfo: InfoTable | undefined;
  readonly #lineInfo: InfoTable | undefined;
  readonly #coreRelocations: InfoTable | undefined;
  readonly #externs: ReadonlyMap<string, ExternSpec>;
  readonly #callbacks: ReadonlyMap<string, string>;
  #room = MAX_BYTES;

  constructor(file: ObjectFile, functions: ReadonlyMap<number, readonly CodeUnit[]>, maps: MapPlaces) {
    this.#file = file;
    this.#maps = maps;
    this.#callbacks = exceptionCallbacks(file.btf);
    this.#externs = new Map(file.externs.map((extern) => [extern.name, extern]));
    for (const [section, units] of functions)
      this.#functions.set(section, new Map([...units].reverse().map((unit) => [unit.offset, unit])));
    this.#funcInfo = file.btfExt && sortTable(file.btfExt.funcInfo);
    this.#lineInfo = file.btfExt && sortTable(file.btfExt.lineInfo);
    this.#coreRelocations = file.btfExt && sortTable(file.btfExt.coreRelocations, isRealCore);
    for (const [section, list] of file.relocations) {
      this.#relocations.set(section, new Map(list.map((relocation) => [relocation.offset, relocation])));
    }
    this.#checkRelocations();
  }

  link(main: CodeUnit): LinkedProgram {
    const parts: Part[] = [];
    const starts = new Map<CodeUnit, number>();
    const sites: { slot: number; target: CodeUnit }[] = [];
    const references: MapReference[] = [];
    const externs: ExternReference[] = [];
    let slots = 0;
    // A stack of units still to be looked at, innermost call first: recursion in the object must not become recursion here.
    const place = (unit: CodeUnit): number => {
      const start = slots;
      starts.set(unit, start);
      parts.push({ unit, start });
      slots += unit.size / INSN_SIZE;
      this.#take(unit.size, main);
      if (slots > MAX_SLOTS)
        throw new ObjectError(`program ${main.name} has more than ${MAX_SLOTS} instructions with all that it calls`, {
          section: main.section.name,
        });
      return start;
    };
    const walk = [this.#events(main, place(main))];
    // Nothing calls it, and it comes last.
    let callback = this.#exceptionCallback(main);
    while (walk.length > 0 || callback !== undefined) {
      if (walk.length === 0 && callback !== undefined) {
        if (!starts.has(callback)) walk.push(this.#events(callback, place(callback)));
        callback = undefined;
        continue;
      }
      const current = walk.at(-1);
      const step = current?.next();
      if (current === undefined || step === undefined || step.done === true) {
        walk.pop();
        continue;
      }
      const event = step.value;
      if (event.kind === 'map') references.push(event.reference);
      else if (event.kind === 'extern') externs.push(event.reference);
      else {
        sites.push({ slot: event.slot, target: event.target });
        if (!starts.has(event.target)) walk.push(this.#events(event.target, place(event.target)));
      }
    }
    const insns = concatBytes(
      parts.map(({ unit }) => unit.section.data.subarray(unit.offset, unit.offset + unit.size)),
    );
    for (const reference of references) patchReference(insns, reference);
    for (const { slot, target } of sites) patchCall(insns, slot, starts.get(target) ?? 0);
    const funcInfo = this.#collect(this.#funcInfo, parts, main);
    return {
      insns,
      references,
      funcInfo,
      // Without function information the kernel takes no line information.
      lineInfo: funcInfo && this.#collect(this.#lineInfo, parts, main),
      coreRelocations: this.#core(parts),
      externs,
    };
  }

  #exceptionCallback(main: CodeUnit): CodeUnit | undefined {
    const name = this.#callbacks.get(main.name);
    if (name === undefined) return undefined;
    for (const units of this.#functions.values()) {
      for (const unit of units.values()) if (unit.name === name && unit.section.name === '.text') return unit;
    }
    throw new ObjectError(
      `program ${main.name} names ${name} as its exception callback, which is no function of .text`,
      {
        section: main.section.name,
      },
    );
  }

  /** What the instructions of a unit refer to. */
  *#events(unit: CodeUnit, start: number): Generator<LinkEvent, void> {
    const code = unit.section.data;
    const relocations = this.#relocations.get(unit.section.index);
    const end = unit.offset + unit.size;
    for (let at = unit.offset; at < end; ) {
      const insn = decodeInsn(code, at / INSN_SIZE);
      const size = INSN_SIZE * insnSlots(insn);
      if (at + size > end)
        throw new ObjectError(`function ${unit.name} ends in the middle of an instruction`, {
          section: unit.section.name,
          offset: at,
        });
      const slot = start + (at - unit.offset) / INSN_SIZE;
      const relocation = relocations?.get(at);
      if (relocation !== undefined) yield this.#relocate(unit, insn, at, slot, relocation);
      else {
        const target = codeTarget(insn, { section: unit.section.index, offset: at }, undefined);
        if (target !== undefined) yield { kind: 'call', slot, target: this.#functionAt(unit, target, at) };
      }
      at += size;
    }
  }

  #relocate(unit: CodeUnit, insn: Insn, at: number, slot: number, relocation: ElfRelocation): LinkEvent {
    const { symbol, type } = relocation;
    const place = { section: unit.section.name, offset: at };
    const target = this.#file.elf.sections[symbol.section];
    const label = symbol.name || target?.name || `symbol ${symbol.index}`;
    if (symbol.section === SHN_UNDEF || target === undefined) return this.#extern(insn, slot, label, place);
    const code = isCode(target) ? codeTarget(insn, { section: unit.section.index, offset: at }, relocation) : undefined;
    if (code !== undefined) return { kind: 'call', slot, target: this.#functionAt(unit, code, at) };
    if (insn.opcode !== LD_IMM64) {
      throw new ObjectError(
        `relocation type ${type} against ${label} is on an instruction with opcode 0x${insn.opcode.toString(16)}, which can hold neither an address nor a call`,
        place,
      );
    }
    if (this.#maps.isMapSection(target.index)) {
      const offset = symbolOffset(symbol, insn);
      const map = this.#maps.at(target.index, offset);
      if (map === undefined) throw new ObjectError(`${label} + ${offset} in section ${target.name} is no map`, place);
      return { kind: 'map', reference: { insn: slot, map: map.name, valueOffset: undefined } };
    }
    const map = this.#dataMap(target);
    if (map !== undefined) {
      const offset = symbol.value + insn.imm;
      if (offset < 0 || offset >= target.size)
        throw new ObjectError(
          `${label} + ${insn.imm} lies outside section ${target.name} (${target.size} bytes)`,
          place,
        );
      return { kind: 'map', reference: { insn: slot, map, valueOffset: offset } };
    }
    throw new ObjectError(`${label} is in section ${target.name}, which holds neither maps nor data nor code`, place);
  }

  /** The map with the content of a data section. */
  #dataMap(section: ElfSection): string | undefined {
    if (isArenaData(section)) return this.#maps.arena;
    return dataKind(section) === undefined ? undefined : section.name;
  }

  #extern(insn: Insn, slot: number, name: string, place: Place): LinkEvent {
    const extern = this.#externs.get(name);
    const fits = isLocalCall(insn)
      ? extern?.kind !== 'variable' && extern?.kind !== 'kconfig'
      : insn.opcode === LD_IMM64;
    if (!fits)
      throw new ObjectError(
        `${name} is external, and opcode 0x${insn.opcode.toString(16)} does nothing with it`,
        place,
      );
    if (extern?.kind !== 'kconfig') return { kind: 'extern', reference: { insn: slot, name } };
    const valueOffset = extern.offset + insn.imm;
    if (insn.imm < 0 || insn.imm >= extern.size)
      throw new ObjectError(`${name} + ${insn.imm} lies outside its ${extern.size} bytes`, place);
    return { kind: 'map', reference: { insn: slot, map: KCONFIG, valueOffset } };
  }

  #functionAt(unit: CodeUnit, { section, offset }: CodePlace, at: number): CodeUnit {
    const found = this.#functions.get(section)?.get(offset);
    if (found !== undefined) return found;
    const name = this.#file.elf.sections[section]?.name ?? String(section);
    throw new ObjectError(
      `a call leads to offset 0x${offset.toString(16)} of section ${name}, where no function starts`,
      {
        section: unit.section.name,
        offset: at,
      },
    );
  }

  #checkRelocations(): void {
    for (const [index, list] of this.#relocations) {
      const section = this.#file.elf.sections[index];
      if (section === undefined || !isCode(section)) continue;
      for (const [offset, { type, symbol }] of list) {
        const place = { section: section.name, offset };
        if (offset % INSN_SIZE !== 0 || offset >= section.size) {
          throw new ObjectError(
            `a relocation against ${symbol.name} lies past the end of the section or between two instructions`,
            place,
          );
        }
        if (type !== R_BPF_64_64 && type !== R_BPF_64_32)
          throw new ObjectError(`relocation type ${type} is not known`, place);
      }
    }
  }

  #core(parts: readonly Part[]): CoreReference[] {
    const { btf } = this.#file;
    return btf === undefined || this.#coreRelocations === undefined
      ? []
      : collectCore(this.#coreRelocations, btf, parts);
  }

  #collect(table: InfoTable | undefined, parts: readonly Part[], main: CodeUnit): InfoRecords | undefined {
    const records = table && collectInfo(table, parts);
    this.#take(records?.bytes.length ?? 0, main);
    return records;
  }

  #take(bytes: number, main: CodeUnit): void {
    this.#room -= bytes;
    if (this.#room < 0)
      throw new ObjectError(
        `the programs up to ${main.name} take more than ${MAX_BYTES >> 20} MiB with all that they call`,
        {
          section: main.section.name,
        },
      );
  }
}

type LinkEvent =
  | { readonly kind: 'map'; readonly reference: MapReference }
  | { readonly kind: 'call'; readonly slot: number; readonly target: CodeUnit }
  | { readonly kind: 'extern'; readonly reference: ExternReference };

/** A relocation names a map by its own symbol, or by the section's with the offset in the instruction. */
function symbolOffset(symbol: ElfSymbol, insn: Insn): number {
  return symbol.type === STT_SECTION ? symbol.value + insn.imm : symbol.value;
}

function patchReference(insns: Uint8Array, { insn, valueOffset }: MapReference): void {
  const view = new DataView(insns.buffer);
  const at = INSN_SIZE * insn;
  const src = valueOffset === undefined ? BPF_PSEUDO_MAP_FD : BPF_PSEUDO_MAP_VALUE;
  view.setUint8(at + 1, (view.getUint8(at + 1) & 15) | (src << 4));
  view.setUint32(at + 4, 0, true);
  view.setUint32(at + 12, valueOffset ?? 0, true);
}

/** Calls, and addresses of functions, are relative to the instruction that follows. */
function patchCall(insns: Uint8Array, slot: number, target: number): void {
  const view = new DataView(insns.buffer);
  const at = INSN_SIZE * slot;
  view.setInt32(at + 4, target - slot - 1, true);
  if (view.getUint8(at) !== LD_IMM64) return;
  view.setUint8(at + 1, (view.getUint8(at + 1) & 15) | (BPF_PSEUDO_FUNC << 4));
  view.setUint32(at + 12, 0, true);
}
