import type { Helper } from '../helpers/helper.ts';
import { callees } from '../interp/called.ts';
import type { Machine } from '../machine.ts';
import type { BpfProg } from '../progs/prog.ts';
import type { CallRegisters } from './call-registers.ts';
import {
  type CompiledProgram,
  helperImport,
  type Needs,
  PACKET_LOAD,
  RESOLVE,
  reachesImport,
  WAKE,
} from './compile.ts';
import { type CompiledCode, type CompiledRun, RUN_ENDED } from './compiled-run.ts';
import type { WasmFunction } from './webassembly.ts';

/** Whose imports they are. */
export interface Importer {
  readonly machine: Machine;
  /** Of the CPU that it runs on. */
  readonly registers: CallRegisters;
  readonly program: BpfProg;
  /** Once it is there. */
  code: CompiledCode | undefined;
  /** See {@link RESOLVE}. */
  readonly resolve: (map: number, index: number) => number;
}

/** The functions that a compiled program imports, which has this place in its chain. Each throws {@link RUN_ENDED} where the run is over. */
export function importedFunctions(importer: Importer, compiled: Needs, place = 0): Record<string, WasmFunction> {
  const functions: Record<string, WasmFunction> = {};
  for (const id of compiled.helpers) functions[helperImport(id, place)] = helperFunction(importer, id);
  if (compiled.loadsPacket)
    functions[PACKET_LOAD] = (size, offset) => findInPacket(importer.registers, size ?? 0, offset ?? 0);
  if (compiled.wakes) {
    functions[WAKE] = () => {
      importer.machine.wake.all();
      return 0;
    };
  }
  const { arena } = importer.program;
  if (compiled.usesArena && arena !== undefined)
    functions[reachesImport(place)] = (size, offset) => (arena.reaches((offset ?? 0) >>> 0, size ?? 0) ? 1 : 0);
  if (compiled.tailCalls) functions[RESOLVE] = (map, index) => importer.resolve(map ?? 0, index ?? 0);
  return functions;
}

/** Likewise of a program with what has taken the place of its functions. `importerOf`: for one of those. */
export function allImports(
  importer: Importer,
  compiled: CompiledProgram,
  importerOf: (program: BpfProg, needs: Needs) => Importer,
): Record<string, WasmFunction> {
  const functions = importedFunctions(importer, compiled);
  const replacing = inPlace(importer.program).map(([, by]) => by);
  for (const [i, needs] of compiled.replacements.entries()) {
    const by = replacing[i];
    if (by !== undefined) Object.assign(functions, importedFunctions(importerOf(by, needs), needs, i + 1));
  }
  return functions;
}

/** The programs that are called in the place of a program's functions, with where these begin. */
export function inPlace({ replacements }: BpfProg): readonly (readonly [start: number, by: BpfProg])[] {
  return [...replacements].filter(([start]) => start > 0);
}

function helperFunction(importer: Importer, id: number): WasmFunction {
  const helper = callees()[id] as Helper; // compiled programs call helpers that there are
  const { registers, program } = importer;
  const { low, high } = registers;
  const enter = (): CompiledRun => {
    const { run } = registers;
    if (run === undefined) throw new Error('embedded kernel: compiled code runs that nobody began');
    if (run.subjectAt !== undefined) run.follow();
    run.program = program;
    run.code = importer.code;
    return run;
  };
  const invoke = (run: CompiledRun): number => {
    const result = helper.invoke(run, low, high);
    if (run.fault !== undefined) throw RUN_ENDED;
    if (helper.returns === 'u64') high[0] = run.resultHigh;
    return result;
  };
  if (!helper.args.includes('func')) return () => invoke(enter());
  return () => {
    const run = enter();
    const { frame } = run;
    run.frame = registers.frame;
    const result = invoke(run);
    run.frame = frame;
    return result;
  };
}

function findInPacket({ run }: CallRegisters, size: number, offset: number): number {
  if (run?.subjectAt !== undefined) run.follow();
  if (run?.subject?.kind === 'skb') return run.subject.absolute(offset, size);
  run?.fail('this program type has no packet to load from');
  throw RUN_ENDED;
}
