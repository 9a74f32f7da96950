import type { Machine } from '../machine.ts';
import { ProgArray } from '../maps/prog-array.ts';
import type { BpfProg } from '../progs/prog.ts';
import { compileChain, type Link, type TailCallSlot } from './compile.ts';
import type { CompiledCode } from './compiled-run.ts';
import type { ProgramText } from './program-text.ts';
import { IMPORT_MODULE, TABLE } from './wasm-module.ts';
import { type WasmFunction, type WasmTable, wasm } from './webassembly.ts';

// How much goes into one module.
const MAX_PROGRAMS = 34;
const MAX_INSNS = 8000;
/** Chains that are written for one program, each when a slot has changed before it is run often; then it is called as if no slot were known. */
const MAX_CHAINS = 16;

/** What a program is compiled from, and how it comes to its imports. */
export interface ChainPart {
  readonly program: BpfProg;
  readonly text: ProgramText;
  /** The functions that it imports at this place of a chain. */
  readonly imports: (place: number) => Readonly<Record<string, WasmFunction>>;
}

/** What a chain is run by, as {@link CompiledCode} is. */
export type ChainCode = Pick<CompiledCode, 'loop' | 'batch'>;

/** A program with those that its tail calls led to when it was written. */
interface Chain {
  /** What was in the slots that it looked at. The objects, not their ids, which may be used again one day. */
  readonly slots: readonly (TailCallSlot & { readonly program: BpfProg | undefined })[];
  /** `undefined`: there was nothing to link. */
  readonly code: ChainCode | undefined;
  /** How many there were, with this one. */
  readonly count: number;
}

/**
 * Programs that run often, in one module with those that they go on with: a direct call takes half the time of one through the table. A slot that changes while the chain runs holds another number,
 * and what it holds is found through the table then.
 */
export class Chains {
  readonly #machine: Machine;
  readonly #table: WasmTable;
  readonly #partOf: (program: BpfProg) => ChainPart | undefined;
  readonly #chains = new WeakMap<BpfProg, Chain>();

  /** `table`: of targets. `partOf`: `undefined` for what is interpreted. */
  constructor(machine: Machine, table: WasmTable, partOf: (program: BpfProg) => ChainPart | undefined) {
    this.#machine = machine;
    this.#table = table;
    this.#partOf = partOf;
  }

  /** The chain that begins with a program, and is as slots are now; `undefined`: there is none. `often`: it is worth while to write one. */
  codeOf(program: BpfProg, often: boolean): ChainCode | undefined {
    // Other programs in the place of its functions: those in slots have none.
    if (program.replacements.size > 0) return undefined;
    const known = this.#chains.get(program);
    if (known?.slots.every((slot) => held(slot) === slot.program)) return known.code;
    if (!often) return undefined;
    const count = (known?.count ?? 0) + 1;
    const chain = count > MAX_CHAINS ? { slots: [], code: undefined, count } : this.#write(program, count);
    this.#chains.set(program, chain);
    return chain.code;
  }

  #write(first: BpfProg, count: number): Chain {
    const slots: Chain['slots'][number][] = [];
    try {
      const parts = this.#partsOf(first, slots);
      const linkOf = (slot: TailCallSlot): Link | undefined => {
        const program = held(slot);
        const place = parts.findIndex((part) => part.program === program);
        return program === undefined || place < 0 ? undefined : { id: program.id, place };
      };
      const linked = slots.some((slot) => linkOf(slot) !== undefined);
      return { slots, code: linked ? this.#codeOf(parts, linkOf) : undefined, count };
    } catch (error) {
      // It is too large for V8, or nests too deep for this compiler.
      if (error instanceof wasm.CompileError || error instanceof RangeError) return { slots, code: undefined, count };
      throw error;
    }
  }

  /** A program, those that its tail calls lead to, and so on. Adds the slots that it finds on the way. */
  #partsOf(first: BpfProg, slots: Chain['slots'][number][]): readonly ChainPart[] {
    const parts: ChainPart[] = [];
    let room = MAX_INSNS;
    const add = (program: BpfProg): void => {
      const insns = program.attr.runnable.length / 8;
      if (parts.length >= MAX_PROGRAMS || insns > room || parts.some((part) => part.program === program)) return;
      const part = this.#partOf(program);
      if (part === undefined) return;
      room -= insns;
      parts.push(part);
    };
    add(first);
    for (const { text } of parts) {
      for (const slot of text.slots) {
        const program = held(slot);
        slots.push({ ...slot, program });
        if (program !== undefined) add(program);
      }
    }
    return parts;
  }

  #codeOf(parts: readonly ChainPart[], linkOf: (slot: TailCallSlot) => Link | undefined): ChainCode | undefined {
    const texts = parts.map(({ text }) => text);
    const functions = Object.assign({}, ...parts.map(({ imports }, place) => imports(place)));
    const imports = { ...functions, memory: this.#machine.memory.memory, [TABLE]: this.#table };
    const module = new wasm.Module(compileChain(texts, linkOf));
    const { loop, batch } = new wasm.Instance(module, { [IMPORT_MODULE]: imports }).exports;
    return loop && batch && { loop, batch };
  }
}

/** The program in a slot. */
function held({ map, index }: TailCallSlot): BpfProg | undefined {
  return map instanceof ProgArray ? map.program(index) : undefined;
}
