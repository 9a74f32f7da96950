import { BPF_PSEUDO_FUNC, insnSlots } from '../../../isa/index.ts';
import type { ProgType } from '../../../uapi/bpf.ts';
import { calledNumber, callees as kernelCallees } from '../interp/called.ts';
import { BPF_FUNC_tail_call } from '../interp/code.ts';
import { ArenaMap } from '../maps/arena.ts';
import type { BpfMap } from '../maps/map.ts';
import { analyse, type Shape } from './analysis.ts';
import { constantsOf } from './constants.ts';
import type { Callees } from './emit-call.ts';
import { emitFunction } from './emit-function.ts';
import { frameFunctions } from './frame-functions.ts';
import { calleeOf, Functions } from './graph.ts';
import { mapFunctions, onlyRing } from './map-functions.ts';
import { BATCH, CALLBACK, FIND, FUNCTION, HELPER, LOOP, TARGET, VERDICT } from './signatures.ts';
import { emitBatch, emitCallback, emitCallingLoop, emitVerdict } from './thunks.ts';
import { type Signature, WasmModule } from './wasm-module.ts';

/** A verified program, and what it runs in. */
export interface ProgramToCompile {
  /** Instructions with the addresses of maps. */
  readonly runnable: Uint8Array;
  readonly type: ProgType;
  /** The function that says what a program gives back that has thrown. */
  readonly exceptionCallback: number | undefined;
  /** Numbers of loads that give 0 where there is no memory. */
  readonly probed: ReadonlySet<number> | undefined;
  /** Numbers of what reads and writes the arena. */
  readonly inArena: ReadonlySet<number> | undefined;
  /** Address of the registers for calls. */
  readonly registers: number;
  /** All that it uses. */
  readonly maps: readonly BpfMap[];
  readonly mapAt: (address: number) => BpfMap | undefined;
  /** Whether it has to be a target of tail calls. */
  readonly isTarget: boolean;
  /** Nothing but a loop that it is put into: exports `loop`. Not of what makes tail calls or loads from the packet. */
  readonly isLoop: boolean;
  /** Whether it is for one CPU of several that run at once. */
  readonly shared: boolean;
}

/** A program as a module of WebAssembly. */
export interface CompiledProgram {
  readonly bytes: Uint8Array;
  /** What it calls of the kernel, as numbers in `callees()`; by the names of {@link helperImport}. */
  readonly helpers: readonly number[];
  /** It loads from the packet, by {@link PACKET_LOAD}. */
  readonly loadsPacket: boolean;
  /** It imports {@link WAKE}. */
  readonly wakes: boolean;
  /** It reads or writes an arena: it imports {@link REACHES}. */
  readonly usesArena: boolean;
  /** It makes tail calls: it imports a table, and {@link RESOLVE}. */
  readonly tailCalls: boolean;
  /** It has functions that helpers call back. */
  readonly callsBack: boolean;
}

export const PACKET_LOAD = 'packet';
/** Wakes who waits for something to read. */
export const WAKE = 'wake';
/** Finds what a slot of a prog array leads to: (address of the map, index) -> place in the table plus 1, or 0. */
export const RESOLVE = 'resolve';
/** (bytes, offset) -> 1 if they are in the arena of the program, and there; else 0. */
export const REACHES = 'reaches';
export const helperImport = (id: number): string => `h${id}`;
/** The name under which a function is exported that helpers call back, by the number of its first instruction. */
export const callbackExport = (start: number): string => `c${start}`;

/** What a program has of the things that decide how it is written. */
interface Survey {
  readonly helpers: Set<number>;
  /** Functions that helpers call back. */
  readonly callbacks: Set<number>;
  loadsPacket: boolean;
  tailCalls: boolean;
  functionsTailCall: boolean;
}

/** Throws RangeError for a program that nests deeper than JavaScript can follow. */
export function compileProgram(program: ProgramToCompile): CompiledProgram {
  const functions = new Functions(program.runnable, program);
  const survey = surveyOf(functions, program.exceptionCallback);
  const module = new WasmModule();
  module.usesTable = survey.tailCalls;
  const imports = new Map<number, number>();
  for (const id of survey.helpers) imports.set(id, module.import(helperImport(id), HELPER));
  const packetLoad = survey.loadsPacket ? module.import(PACKET_LOAD, FIND) : -1;
  const resolve = survey.tailCalls ? module.import(RESOLVE, FIND) : -1;
  const ring = onlyRing(program.maps);
  const wake = ring === undefined ? -1 : module.import(WAKE, { params: [] });
  const arena = (program.inArena?.size ?? 0) > 0 ? program.maps.find((map) => map instanceof ArenaMap) : undefined;
  const reaches = arena === undefined ? -1 : module.import(REACHES, FIND);
  const funcs = new Map<number, number>();
  const func = (start: number): number => {
    const number = funcs.get(start) ?? module.function(FUNCTION);
    funcs.set(start, number);
    return number;
  };
  const callees: Callees = {
    registers: program.registers,
    packetLoad,
    functionsTailCall: survey.functionsTailCall,
    resolve,
    helper(id) {
      const number = imports.get(id);
      if (number === undefined) throw new Error(`what has the number ${id} is not imported`);
      return number;
    },
    func,
    programType: () => module.type(TARGET),
    mapAt: program.mapAt,
    constantAt: constantsOf(program.maps),
    mapFunction: mapFunctions({ module, registers: program.registers, wake, shared: program.shared }),
    frameFunction: frameFunctions(module),
    shared: program.shared,
    ring,
    arena: arena && {
      base: arena.base,
      size: arena.size,
      table: arena.table,
      userLow: arena.userLow,
      reaches,
      shared: program.shared,
    },
  };
  const add = (name: string, signature: Signature, body: Uint8Array): number => {
    const number = module.function(signature);
    module.define(number, body);
    module.export(name, number);
    return number;
  };
  const { type, registers } = program;
  const analysed = (start: number, shape: Shape) => analyse(functions.graph(start), shape, type, callees);
  const emit = (start: number, shape: Shape) => emitFunction(analysed(start, shape), shape, type, callees);
  if (program.isLoop) add('loop', LOOP, emit(0, 'loop'));
  else {
    for (const start of survey.callbacks) add(callbackExport(start), CALLBACK, emitCallback(registers, func(start)));
    const target = survey.tailCalls || program.isTarget ? add('target', TARGET, emit(0, 'target')) : -1;
    const run = add('run', VERDICT, target >= 0 ? emitVerdict(target) : emit(0, 'verdict'));
    const [called, isTarget] = survey.tailCalls ? [target, true] : [run, false];
    add('batch', BATCH, emitBatch(called, isTarget, registers));
    add('loop', LOOP, emitCallingLoop(called, isTarget));
  }
  // Those that were asked for, and what they ask for.
  for (const [start, number] of funcs) module.define(number, emit(start, 'function'));
  return {
    bytes: module.finish(),
    helpers: [...survey.helpers],
    loadsPacket: survey.loadsPacket,
    wakes: ring !== undefined,
    usesArena: arena !== undefined,
    tailCalls: survey.tailCalls,
    callsBack: survey.callbacks.size > 0,
  };
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
