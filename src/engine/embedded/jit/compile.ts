import { BPF_PSEUDO_FUNC, insnSlots } from '../../../isa/index.ts';
import type { ProgType } from '../../../uapi/bpf.ts';
import { calledNumber, callees as kernelCallees } from '../interp/called.ts';
import type { BpfMap } from '../maps/map.ts';
import { RingBuffer } from '../maps/ringbuf.ts';
import { BPF_FUNC_tail_call, type Callees, type MapHelper } from './emit-call.ts';
import { emitFunction, type Shape } from './emit-function.ts';
import { calleeOf, Functions } from './graph.ts';
import { emitHashDelete, emitHashLookup, emitHashUpdate, isChangedCompiled, isCompiledHash } from './hash-map.ts';
import { emitTrieLookup, isCompiledTrie } from './lpm-trie.ts';
import { HIGH, REGISTERS, TAIL_CALLS } from './registers.ts';
import { emitRingCommit, emitRingReserve } from './ring-buffer.ts';
import { WasmCode } from './wasm-code.ts';
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
/** Runs what is not compiled: (context, frame) -> the low word of r0; the high one is in the registers. */
export const INTERPRET = 'interpret';
export const helperImport = (id: number): string => `h${id}`;
/** The name under which a function is exported that helpers call back, by the number of its first instruction. */
export const callbackExport = (start: number): string => `c${start}`;

const VERDICT: Signature = { params: ['i32', 'i32'], result: 'i32' };
const LOOP: Signature = { params: ['i32', 'i32', 'i32'], result: 'i32' };
const TARGET: Signature = { params: ['i32', 'i32'], result: 'i64' };
const FUNCTION: Signature = { params: ['i64', 'i64', 'i64', 'i64', 'i64', 'i32'], result: 'i64' };
const CALLBACK: Signature = { params: ['i32'], result: 'i32' };
const HELPER: Signature = { params: [], result: 'i32' };
const FIND: Signature = { params: ['i32', 'i32'], result: 'i32' };

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

/** (key) -> value or result. */
const ONE_ADDRESS: Signature = { params: ['i32'], result: 'i32' };
const UPDATE: Signature = { params: ['i32', 'i32', 'i32'], result: 'i32' };
const COMMIT: Signature = { params: ['i32', 'i32', 'i32'] };

/** Functions of maps, each written when it is asked for. */
function mapFunctions(module: WasmModule, registers: number, wake: number): Callees['mapFunction'] {
  const known = new Map<string, number>();
  return (helper, map) => {
    const found = mapFunction(helper, map, registers, wake);
    if (found === undefined) return undefined;
    const key = `${helper} ${map.address}`;
    let func = known.get(key);
    if (func === undefined) {
      func = module.function(found.signature);
      module.define(func, found.emit());
      known.set(key, func);
    }
    return func;
  };
}

interface MapFunction {
  readonly signature: Signature;
  readonly emit: () => Uint8Array;
}

function mapFunction(helper: MapHelper, map: BpfMap, registers: number, wake: number): MapFunction | undefined {
  switch (helper) {
    case 'lookup':
      if (isCompiledHash(map)) return { signature: ONE_ADDRESS, emit: () => emitHashLookup(map, registers) };
      if (isCompiledTrie(map)) return { signature: ONE_ADDRESS, emit: () => emitTrieLookup(map) };
      return undefined;
    case 'update':
      return isChangedCompiled(map) ? { signature: UPDATE, emit: () => emitHashUpdate(map, registers) } : undefined;
    case 'delete':
      return isChangedCompiled(map)
        ? { signature: ONE_ADDRESS, emit: () => emitHashDelete(map, registers) }
        : undefined;
    case 'reserve':
      return map instanceof RingBuffer ? { signature: ONE_ADDRESS, emit: () => emitRingReserve(map) } : undefined;
    case 'commit':
      return map instanceof RingBuffer ? { signature: COMMIT, emit: () => emitRingCommit(map, wake) } : undefined;
  }
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

/** (frame) -> the low word of r0, with the high one in the registers: calls a function with r1 to r5 of the registers. */
function emitCallback(registers: number, func: number): Uint8Array {
  const code = new WasmCode(1);
  const result = code.local('i64');
  for (let reg = 1; reg <= 5; reg++) {
    code.i32(registers);
    code.memory('i64_load32_u', REGISTERS + 4 * reg, 2);
    code.i32(registers);
    code.memory('i64_load32_u', HIGH + 4 * reg, 2);
    code.i64(32, 0);
    code.op('i64_shl');
    code.op('i64_or');
  }
  code.get(0);
  code.call(func);
  code.set(result);
  code.i32(registers);
  code.get(result);
  code.i64(32, 0);
  code.op('i64_shr_u');
  code.memory('i64_store32', HIGH, 2);
  code.get(result);
  code.op('i32_wrap_i64');
  return code.finish();
}

/** (context, frame, times): calls a function so many times. */
function emitCallingLoop(func: number, isTarget: boolean, registers: number): Uint8Array {
  const code = new WasmCode(3);
  const [context, frame, times, verdict] = [0, 1, 2, code.local('i32')];
  code.block('loop');
  if (isTarget) {
    code.i32(registers);
    code.i32(0);
    code.memory('i32_store', TAIL_CALLS, 2);
  }
  code.get(context);
  code.get(frame);
  code.call(func);
  if (isTarget) code.op('i32_wrap_i64');
  code.set(verdict);
  code.get(times);
  code.i32(1);
  code.op('i32_sub');
  code.tee(times);
  code.brIf(0);
  code.end();
  code.get(verdict);
  return code.finish();
}

/** The only ring buffer of a program that can have no other: then it is known whose the records are. */
function onlyRing(maps: readonly BpfMap[]): RingBuffer | undefined {
  const rings = maps.filter((map) => map instanceof RingBuffer);
  return rings.length === 1 && maps.every(({ inner }) => inner === undefined) ? rings[0] : undefined;
}

/** The verdict of what a tail call could lead to, too. */
function emitVerdict(target: number): Uint8Array {
  const code = new WasmCode(2);
  code.get(0);
  code.get(1);
  code.call(target);
  code.op('i32_wrap_i64');
  return code.finish();
}

/** A module whose `target` has what is not compiled run. */
export function compileAdapter(registers: number): Uint8Array {
  const module = new WasmModule();
  const interpret = module.import(INTERPRET, VERDICT);
  const code = new WasmCode(2);
  code.get(0);
  code.get(1);
  code.call(interpret);
  code.op('i64_extend_i32_u');
  code.i32(registers);
  code.memory('i64_load32_u', HIGH, 2);
  code.i64(32, 0);
  code.op('i64_shl');
  code.op('i64_or');
  const target = module.function(TARGET);
  module.define(target, code.finish());
  module.export('target', target);
  return module.finish();
}
