import { BPF_PSEUDO_FUNC, insnSlots } from '../../../isa/index.ts';
import { calledNumber, callees as kernelCallees } from '../interp/called.ts';
import { BPF_FUNC_tail_call } from '../interp/code.ts';
import { ArenaMap } from '../maps/arena.ts';
import { type Analysis, analyse, type Shape } from './analysis.ts';
import type { Needs, ProgramToCompile, TailCallSlot } from './compile.ts';
import { constantsOf } from './constants.ts';
import type { Callees } from './emit-call.ts';
import { emitFunction } from './emit-function.ts';
import { calleeOf, Functions } from './graph.ts';
import { onlyRing } from './map-functions.ts';
import { FUNCTION, TARGET } from './signatures.ts';
import { tailCallSlots } from './tail-call-slots.ts';
import type { WasmModule } from './wasm-module.ts';

/** What of a module the programs in it call: numbers of functions. */
interface Imported
  extends Pick<
    Callees,
    'packetLoad' | 'resolve' | 'random' | 'csumDiff' | 'csumReplace' | 'frameFunction' | 'mapFunction'
  > {
  /** By number: see `callees`. */
  readonly helpers: ReadonlyMap<number, number> | undefined;
  /** See `reachesImport`. */
  readonly reaches: number;
}

/** One program in a module that is being written: {@link importHelpers} comes first, then {@link begin}, then functions. */
export class ProgramText {
  readonly program: ProgramToCompile;
  readonly needs: Needs;
  /** Functions that helpers call back. */
  readonly callbacks: ReadonlySet<number>;
  /** Functions of the program make tail calls, and come back. */
  readonly functionsTailCall: boolean;
  readonly #functions: Functions;
  /** What it reads or writes, if it does. */
  readonly #arena: ArenaMap | undefined;
  readonly #around: Pick<Callees, 'mapAt' | 'constantAt'>;
  /** Numbers of the functions that are called, by where they begin. */
  readonly #funcs = new Map<number, number>();
  /** Likewise of what is called in the place of others. */
  readonly #replaced = new Map<number, number>();
  #target: Analysis | undefined;
  #module: WasmModule | undefined;
  #callees: Callees | undefined;

  constructor(program: ProgramToCompile) {
    this.program = program;
    this.#functions = new Functions(program.runnable, { ...program, replaced: new Set(program.replacements.keys()) });
    this.#around = { mapAt: program.mapAt, constantAt: constantsOf(program.maps) };
    if (program.inArena !== undefined && program.inArena.size > 0)
      this.#arena = program.maps.find((map) => map instanceof ArenaMap);
    const survey = surveyOf(this.#functions, program.exceptionCallback);
    this.callbacks = survey.callbacks;
    this.functionsTailCall = survey.functionsTailCall;
    this.needs = {
      helpers: [...survey.helpers],
      loadsPacket: survey.loadsPacket,
      wakes: onlyRing(program.maps) !== undefined,
      usesArena: this.#arena !== undefined,
      tailCalls: survey.tailCalls,
      callsBack: survey.callbacks.size > 0,
    };
  }

  /** The slots that its tail calls lead to, as far as they are known; not those of functions that come back. */
  get slots(): readonly TailCallSlot[] {
    return this.needs.tailCalls ? tailCallSlots(this.#analysis(0, 'target'), this.program) : [];
  }

  /** `importOf`: imports what has this number. */
  importHelpers(importOf: (id: number) => number): ReadonlyMap<number, number> {
    return new Map(this.needs.helpers.map((id) => [id, importOf(id)]));
  }

  begin(module: WasmModule, imported: Imported): void {
    const { program } = this;
    const arena = this.#arena;
    this.#module = module;
    this.#callees = {
      ...imported,
      arena: arena && {
        base: arena.base,
        size: arena.size,
        table: arena.table,
        userLow: arena.userLow,
        reaches: imported.reaches,
        shared: program.shared,
      },
      ...this.#around,
      registers: program.registers,
      functionsTailCall: this.functionsTailCall,
      countIsRead: true,
      helper(id) {
        const number = imported.helpers?.get(id);
        if (number === undefined) throw new Error(`what has the number ${id} is not imported`);
        return number;
      },
      func: (start) => this.func(start),
      programType: () => module.type(TARGET),
      shared: program.shared,
      ring: onlyRing(program.maps),
      linkOf: () => undefined,
    };
  }

  /** Says where its tail calls lead to, and whether somebody asks memory how many there were. */
  link(countIsRead: boolean, linkOf: Callees['linkOf']): void {
    if (this.#callees !== undefined) this.#callees = { ...this.#callees, countIsRead, linkOf };
  }

  emit(start: number, shape: Shape): Uint8Array {
    if (this.#callees === undefined) throw new Error('the text of a program begins with what it imports');
    return emitFunction(this.#analysis(start, shape), shape, this.program.type, this.#callees);
  }

  /** The number of a function of the program, for whoever calls it. */
  func(start: number): number {
    const replaced = this.#replaced.get(start);
    if (replaced !== undefined) return replaced;
    const number = this.#funcs.get(start) ?? this.#module?.function(FUNCTION) ?? -1;
    this.#funcs.set(start, number);
    return number;
  }

  /** Calls another function of the module where the program calls the one that begins there. */
  replace(start: number, func: number): void {
    this.#replaced.set(start, func);
  }

  /** Writes the functions that were asked for, and what they ask for. */
  defineCalled(): void {
    for (const [start, number] of this.#funcs) this.#module?.define(number, this.emit(start, 'function'));
  }

  #analysis(start: number, shape: Shape): Analysis {
    if (shape === 'target' && this.#target !== undefined) return this.#target;
    const analysis = analyse(this.#functions.graph(start), shape, this.program.type, this.#around);
    if (shape === 'target') this.#target = analysis;
    return analysis;
  }
}

/** What a program has of the things that decide how it is written. */
interface Survey {
  readonly helpers: Set<number>;
  readonly callbacks: Set<number>;
  loadsPacket: boolean;
  tailCalls: boolean;
  functionsTailCall: boolean;
}

function surveyOf(functions: Functions, exceptionCallback: number | undefined): Survey {
  const survey: Survey = {
    helpers: new Set(),
    callbacks: new Set(),
    loadsPacket: false,
    tailCalls: false,
    functionsTailCall: false,
  };
  const seen = new Set([0]);
  if (exceptionCallback !== undefined) {
    seen.add(exceptionCallback);
    survey.callbacks.add(exceptionCallback);
  }
  for (const start of seen) {
    if (functions.isReplaced(start)) continue;
    for (const { at, insn, operation } of functions.insns(start)) {
      const callee = calleeOf(insn, at);
      if (callee !== undefined) seen.add(callee);
      else if (operation.kind === 'call') {
        const number = calledNumber(insn) ?? -1;
        if (number === BPF_FUNC_tail_call) {
          survey.tailCalls = true;
          if (start !== 0) survey.functionsTailCall = true;
        }
        // What is not there no safe program comes to.
        else if (kernelCallees()[number] !== undefined) survey.helpers.add(number);
      } else if (insnSlots(insn) === 2 && insn.src === BPF_PSEUDO_FUNC) {
        const callback = at + 1 + insn.imm;
        seen.add(callback);
        survey.callbacks.add(callback);
      } else if (operation.kind === 'ld_abs' || operation.kind === 'ld_ind') survey.loadsPacket = true;
    }
  }
  return survey;
}
