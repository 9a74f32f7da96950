import type { ProgType } from '../../../uapi/bpf.ts';
import type { BpfMap } from '../maps/map.ts';
import { CSUM_DIFF, emitCsumDiff } from './checksum-function.ts';
import { csumReplaceFunctions } from './csum-replace.ts';
import { frameFunctions } from './frame-functions.ts';
import { mapFunctions } from './map-functions.ts';
import { ProgramText } from './program-text.ts';
import { emitRandom } from './random-function.ts';
import { BATCH, CALLBACK, FIND, HELPER, LOOP, TARGET, VERDICT } from './signatures.ts';
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
  /** Address of the state of random numbers; 0: they are the kernel's own. See `createRandom`. */
  readonly random: number;
  readonly mapAt: (address: number) => BpfMap | undefined;
  /** Programs in the place of its functions, by where these begin. */
  readonly replacements: ReadonlyMap<number, ProgramToCompile>;
  /** Whether it has to be a target of tail calls. */
  readonly isTarget: boolean;
  /** Nothing but a loop that it is put into: exports `loop`. Not of what makes tail calls or loads from the packet. */
  readonly isLoop: boolean;
  /** Whether it is for one CPU of several that run at once. */
  readonly shared: boolean;
}

/** What a program imports, and is asked for. */
export interface Needs {
  /** What it calls of the kernel, as numbers in `callees()`; by the names of {@link helperImport}. */
  readonly helpers: readonly number[];
  /** It loads from the packet, by {@link PACKET_LOAD}. */
  readonly loadsPacket: boolean;
  /** It imports {@link WAKE}. */
  readonly wakes: boolean;
  /** It reads or writes an arena: it imports {@link reachesImport}. */
  readonly usesArena: boolean;
  /** It makes tail calls: it imports a table, and {@link RESOLVE}. */
  readonly tailCalls: boolean;
  /** It has functions that helpers call back. */
  readonly callsBack: boolean;
}

/** A program as a module of WebAssembly. */
export interface CompiledProgram extends Needs {
  readonly bytes: Uint8Array;
  /** What the programs in the place of its functions import, which have the places from 1 on. */
  readonly replacements: readonly Needs[];
}

/** A slot of a prog array that a tail call leads to, by numbers that are known. */
export interface TailCallSlot {
  readonly map: BpfMap;
  readonly index: number;
}

/** What stands in for a slot while it holds the program with this id: a place among the programs of a chain. */
export interface Link {
  readonly id: number;
  readonly place: number;
}

export const PACKET_LOAD = 'packet';
/** Wakes who waits for something to read. */
export const WAKE = 'wake';
/** Finds what a slot of a prog array leads to: (address of the map, index) -> place in the table plus 1, or 0. */
export const RESOLVE = 'resolve';
/** `place`: of the program among those of a chain. */
export const helperImport = (id: number, place = 0): string => (place === 0 ? `h${id}` : `p${place}h${id}`);
/** (bytes, offset) -> 1 if they are in the arena of the program, and there; else 0. */
export const reachesImport = (place = 0): string => (place === 0 ? 'reaches' : `p${place}reaches`);
/** The name under which a function is exported that helpers call back, by the number of its first instruction. */
export const callbackExport = (start: number): string => `c${start}`;

/** Throws RangeError for a program that nests deeper than JavaScript can follow. */
export function compileProgram(program: ProgramToCompile): CompiledProgram {
  const text = new ProgramText(program);
  const { needs, callbacks } = text;
  const replacements = [...program.replacements].map(([start, by]) => ({ start, text: new ProgramText(by) }));
  const module = new WasmModule();
  writeImports(module, [text, ...replacements.map((by) => by.text)]);
  for (const by of replacements) text.replace(by.start, by.text.func(0));
  const { registers } = program;
  if (program.isLoop) add(module, 'loop', LOOP, text.emit(0, 'loop'));
  else {
    for (const start of callbacks)
      add(module, callbackExport(start), CALLBACK, emitCallback(registers, text.func(start)));
    const target = needs.tailCalls || program.isTarget ? add(module, 'target', TARGET, text.emit(0, 'target')) : -1;
    const run = add(module, 'run', VERDICT, target >= 0 ? emitVerdict(target) : text.emit(0, 'verdict'));
    const [called, isTarget] = needs.tailCalls ? [target, true] : [run, false];
    add(module, 'batch', BATCH, emitBatch(called, isTarget, registers));
    add(module, 'loop', LOOP, emitCallingLoop(called, isTarget));
  }
  text.defineCalled();
  for (const by of replacements) by.text.defineCalled();
  return { bytes: module.finish(), ...needs, replacements: replacements.map((by) => by.text.needs) };
}

/**
 * Programs that lead to each other by tail calls as one module, which exports `loop` and `batch` of the first of them. `linkOf`: the program to go on with where the slot holds it still; what else
 * it holds is found as ever. Throws RangeError as {@link compileProgram} does.
 */
export function compileChain(
  texts: readonly ProgramText[],
  linkOf: (slot: TailCallSlot) => Link | undefined,
): Uint8Array {
  const module = new WasmModule();
  writeImports(module, texts);
  const targets = texts.map(() => module.function(TARGET));
  const countIsRead = texts.some(({ functionsTailCall }) => functionsTailCall);
  for (const [place, text] of texts.entries()) {
    text.link(countIsRead, (slot) => {
      const link = linkOf(slot);
      return link && { id: link.id, func: targets[link.place] ?? -1 };
    });
    module.define(targets[place] ?? -1, text.emit(0, 'target'));
    text.defineCalled();
  }
  const first = targets[0] ?? -1;
  add(module, 'loop', LOOP, emitCallingLoop(first, true));
  add(module, 'batch', BATCH, emitBatch(first, true, texts[0]?.program.registers ?? 0));
  return module.finish();
}

/** What programs import, and what they have in common, written when it is asked for. */
function writeImports(module: WasmModule, texts: readonly ProgramText[]): void {
  const any = (need: (needs: Needs) => boolean) => texts.some(({ needs }) => need(needs));
  module.usesTable = any(({ tailCalls }) => tailCalls);
  const imports = texts.map((text, place) =>
    text.importHelpers((id) => module.import(helperImport(id, place), HELPER)),
  );
  const reaches = texts.map(({ needs }, place) => (needs.usesArena ? module.import(reachesImport(place), FIND) : -1));
  const packetLoad = any(({ loadsPacket }) => loadsPacket) ? module.import(PACKET_LOAD, FIND) : -1;
  const resolve = module.usesTable ? module.import(RESOLVE, FIND) : -1;
  const wake = any(({ wakes }) => wakes) ? module.import(WAKE, { params: [] }) : -1;
  const frameFunction = frameFunctions(module);
  const { registers = 0, shared = false, random: state = 0 } = texts[0]?.program ?? {};
  const random = state === 0 || shared ? undefined : () => module.asked('random', HELPER, () => emitRandom(state));
  const csumDiff = () => module.asked('csum_diff', CSUM_DIFF, () => emitCsumDiff(module));
  const csumReplace = csumReplaceFunctions(module);
  const mapFunction = mapFunctions({ module, registers, wake, shared });
  for (const [place, text] of texts.entries())
    text.begin(module, {
      helpers: imports[place],
      reaches: reaches[place] ?? -1,
      packetLoad,
      resolve,
      random,
      csumDiff,
      csumReplace,
      frameFunction,
      mapFunction,
    });
}

function add(module: WasmModule, name: string, signature: Signature, body: Uint8Array): number {
  const number = module.function(signature);
  module.define(number, body);
  module.export(name, number);
  return number;
}
