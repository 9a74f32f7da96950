import { BPF_PSEUDO_FUNC, insnSlots } from '../../../isa/index.ts';
import type { ProgType } from '../../../uapi/bpf.ts';
import { calledNumber, callees as kernelCallees } from '../interp/called.ts';
import type { BpfMap } from '../maps/map.ts';
import type { Shape } from './analysis.ts';
import { BPF_FUNC_tail_call, type Callees } from './emit-call.ts';
import { emitFunction } from './emit-function.ts';
import { calleeOf, Functions } from './graph.ts';
import { mapFunctions, onlyRing } from './map-functions.ts';
import { CALLBACK, FIND, FUNCTION, HELPER, LOOP, TARGET, VERDICT } from './signatures.ts';
import { emitCallback, emitCallingLoop, emitVerdict } from './thunks.ts';
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
  /** Address of the registers for calls. */
  readonly registers: number;
  /** All that it uses. */
  readonly maps: readonly BpfMap[];
  readonly mapAt: (address: number) => BpfMap | undefined;
  /** Whether it has to be a target of tail calls. */
  readonly isTarget: boolean;
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
  /** It makes tail calls: it imports a table, and {@link RESOLVE}. */
  readonly tailCalls: boolean;
}

export const PACKET_LOAD = 'packet';
/** Wakes who waits for something to read. */
export const WAKE = 'wake';
/** Finds what a slot of a prog array leads to: (address of the map, index) -> place in the table plus 1, or 0. */
export const RESOLVE = 'resolve';
export const helperImport = (id: number): string => `h${id}`;
/** The name under which a function is exported that helpers call back, by the number of its first instruction. */
export const callbackExport = (start: number): string => `c${start}`;

/** What a program has of the things that decide how it is written. */
interface Survey {
  readonly helpers: Set<number>;
  /** Functions that are called and not put in, and those that are called back. */
  readonly called: Set<number>;
  readonly callbacks: Set<number>;
  loadsPacket: boolean;
  tailCalls: boolean;
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
  const funcs = new Map<number, number>();
  for (const start of survey.called) funcs.set(start, module.function(FUNCTION));
  const numberOf = (from: ReadonlyMap<number, number>, key: number): number => {
    const found = from.get(key);
    if (found === undefined) throw new Error(`nothing has the number ${key}`);
    return found;
  };
  const callees: Callees = {
    registers: program.registers,
    packetLoad,
    resolve,
    helper: (id) => numberOf(imports, id),
    func: (start) => numberOf(funcs, start),
    programType: () => module.type(TARGET),
    mapAt: program.mapAt,
    mapFunction: mapFunctions(module, program.registers, wake),
    ring,
  };
  for (const [start, func] of funcs)
    module.define(func, emitFunction(functions.graph(start), 'function', program.type, callees));
  for (const start of survey.callbacks) {
    const func = module.function(CALLBACK);
    module.define(func, emitCallback(program.registers, numberOf(funcs, start)));
    module.export(callbackExport(start), func);
  }
  const main = functions.graph(0);
  const emit = (name: string, signature: Signature, shape: Shape) =>
    add(name, signature, emitFunction(main, shape, program.type, callees));
  const add = (name: string, signature: Signature, body: Uint8Array): number => {
    const func = module.function(signature);
    module.define(func, body);
    module.export(name, func);
    return func;
  };
  const target = survey.tailCalls || program.isTarget ? emit('target', TARGET, 'target') : -1;
  if (survey.tailCalls) {
    add('run', VERDICT, emitVerdict(target));
    add('loop', LOOP, emitCallingLoop(target, true, program.registers));
  } else {
    const run = emit('run', VERDICT, 'verdict');
    // What a packet does not have ends the function that asks for it.
    if (survey.loadsPacket) add('loop', LOOP, emitCallingLoop(run, false, program.registers));
    else emit('loop', LOOP, 'loop');
  }
  return {
    bytes: module.finish(),
    helpers: [...survey.helpers],
    loadsPacket: survey.loadsPacket,
    wakes: ring !== undefined,
    tailCalls: survey.tailCalls,
  };
}

function surveyOf(functions: Functions, exceptionCallback: number | undefined): Survey {
  const survey: Survey = {
    helpers: new Set(),
    called: new Set(),
    callbacks: new Set(),
    loadsPacket: false,
    tailCalls: false,
  };
  const seen = new Set([0]);
  if (exceptionCallback !== undefined) {
    seen.add(exceptionCallback);
    survey.called.add(exceptionCallback);
    survey.callbacks.add(exceptionCallback);
  }
  for (const start of seen) {
    for (const { at, insn, operation } of functions.insns(start)) {
      const callee = calleeOf(insn, at);
      if (callee !== undefined) {
        seen.add(callee);
        survey.called.add(callee);
      } else if (operation.kind === 'call') {
        const number = calledNumber(insn) ?? -1;
        if (number === BPF_FUNC_tail_call) survey.tailCalls = true;
        // What is not there no safe program comes to.
        else if (kernelCallees()[number] !== undefined) survey.helpers.add(number);
      } else if (insnSlots(insn) === 2 && insn.src === BPF_PSEUDO_FUNC) {
        const callback = at + 1 + insn.imm;
        seen.add(callback);
        survey.called.add(callback);
        survey.callbacks.add(callback);
      } else if (operation.kind === 'ld_abs' || operation.kind === 'ld_ind') survey.loadsPacket = true;
    }
  }
  return survey;
}
