import { callees } from '../interp/called.ts';
import type { Fault } from '../interp/fault.ts';
import type { Verdict } from '../interp/interpreter.ts';
import { MAX_FRAMES, MAX_TAIL_CALLS, SCRATCH_SIZE, STACK_SIZE } from '../interp/run.ts';
import { bpf_throw } from '../kfuncs/regions.ts';
import type { Machine } from '../machine.ts';
import type { BpfProg } from '../progs/prog.ts';
import type { Subject } from '../progs/subject.ts';
import { PROG_TYPE_BY_NUMBER } from '../progs/table.ts';
import { ENTRY_SIZE, inStretches, type Share, STRETCH, type Work } from './batch.ts';
import type { CallRegisters } from './call-registers.ts';
import { type ChainPart, Chains } from './chains.ts';
import { type CompiledProgram, callbackExport, compileProgram, type Needs, type ProgramToCompile } from './compile.ts';
import { type CompiledCode, CompiledRun, instantiate, RUN_ENDED } from './compiled-run.ts';
import { allImports, type Importer, importedFunctions, inPlace } from './imports.ts';
import { ProgramText } from './program-text.ts';
import { TailCallTargets } from './tail-call-targets.ts';
import { compileAdapter, INTERPRET } from './thunks.ts';
import { IMPORT_MODULE } from './wasm-module.ts';
import { type WasmFunction, wasm } from './webassembly.ts';

/** A program in WebAssembly, or why it is not. */
type Compiled = CompiledCode | { readonly problem: string };

export interface Module {
  readonly compiled: CompiledProgram;
  readonly module: object;
}

/** What a program is compiled for; see {@link ProgramToCompile}. */
type Purpose = Partial<Pick<ProgramToCompile, 'isTarget' | 'isLoop' | 'shared'>>;

/** Bytes for stacks: what a function calls by a tail call has its stack below that of the function, and so has what is in the place of a function. */
const STACKS_SIZE = MAX_FRAMES * STACK_SIZE * (2 + MAX_TAIL_CALLS);

/** Runs at a time from which on a program gets a loop of its own: what these take is soon as much as another compilation. */
const OWN_LOOP = 1024;

/** Modules that are kept for the next program that is the same. */
const MAX_MODULES = 64;

type Interpret = (program: BpfProg, context: number, subject: Subject | undefined) => Verdict;

/** Runs programs that were shown to be safe as WebAssembly, on the memory of their machine. */
export class Jit {
  readonly #machine: Machine;
  readonly #interpret: Interpret;
  readonly #registers: CallRegisters;
  readonly #runs: CompiledRun[] = [];
  /** By what they are made of, the one that was used last behind the others. */
  readonly #modules = new Map<string, Module>();
  readonly targets: TailCallTargets;
  readonly #chains: Chains;

  /** `interpret`: runs what could not be compiled, where a tail call leads to it. */
  constructor(machine: Machine, interpret: Interpret) {
    this.#machine = machine;
    this.#interpret = interpret;
    this.#registers = machine.callRegisters;
    this.targets = new TailCallTargets(machine, (program) => this.#target(program));
    this.#chains = new Chains(machine, this.targets.table, (program) => this.#chainPart(program));
  }

  /** What a program is in WebAssembly; `undefined`: it is to be interpreted. */
  codeOf(program: BpfProg): CompiledCode | undefined {
    if (program.compiled === undefined) {
      const compiled = this.#compile(program);
      if ('problem' in compiled)
        this.#machine.trace.write(`program ${program.id} (${program.attr.name}) is interpreted: ${compiled.problem}`);
      program.compiled = 'problem' in compiled ? 'interpreted' : compiled;
    }
    return program.compiled === 'interpreted' ? undefined : program.compiled;
  }

  /** The run for a level of runs within runs; `undefined`: no memory is left for its stack. */
  run(level: number): CompiledRun | undefined {
    const run = this.#runs[level] ?? createRun(this.#machine, this.#registers);
    if (run !== undefined) this.#runs[level] = run;
    return run;
  }

  /** Runs a program so many times; what it returned at last, its low 32 bits. 0 after a fault, which the run has. */
  execute(
    run: CompiledRun,
    program: BpfProg,
    code: CompiledCode,
    context: number,
    subject: Subject | undefined,
    times: number,
  ): number {
    const outer = this.#registers.save();
    this.#begin(run, program, code, context, subject);
    try {
      return times === 1 ? code.run(context, run.top) : this.#loop(program, code, times)(context, run.top, times);
    } catch (error) {
      return run.ended(error);
    } finally {
      this.#registers.restore(outer);
    }
  }

  /** Runs a program for each entry of a share, of which there is one at least. `failed`: is told of each run that did not end as it should. */
  executeBatch(
    run: CompiledRun,
    program: BpfProg,
    code: CompiledCode,
    share: Share,
    { repeat, subjectAt }: Work,
    failed: (fault: Fault) => void,
  ): void {
    const registers = this.#registers;
    const outer = registers.save();
    this.#begin(run, program, code, 0, undefined);
    run.subjectAt = subjectAt;
    const often = share.count * repeat >= OWN_LOOP;
    const { batch } = (code.tailCalls ? this.#chains.codeOf(program, often) : undefined) ?? code;
    try {
      inStretches({
        ...share,
        repeat,
        entrySize: ENTRY_SIZE,
        stretch: STRETCH,
        run: (list, count) => batch(list, count, run.top),
        ended(error) {
          const fault = run.endEntry(error);
          if (fault !== undefined) failed(fault);
          return registers.entry;
        },
      });
    } finally {
      run.subjectAt = undefined;
      registers.restore(outer);
    }
  }

  /** Calls a function of the program by itself. */
  callBack(run: CompiledRun, program: BpfProg, code: CompiledCode, func: number, args: readonly number[]): number {
    const outer = this.#registers.save();
    this.#begin(run, program, code, 0, undefined);
    const { low, high } = this.#registers;
    for (let i = 0; i < args.length; i++) {
      low[i + 1] = args[i] ?? 0;
      high[i + 1] = 0;
    }
    try {
      return code.exports[callbackExport(func)]?.(run.top) ?? run.fail(`there is no function at ${func} to call back`);
    } catch (error) {
      return run.ended(error);
    } finally {
      this.#registers.restore(outer);
    }
  }

  #begin(run: CompiledRun, program: BpfProg, code: CompiledCode, context: number, subject: Subject | undefined): void {
    this.#registers.run = run;
    this.#registers.begin(this.#machine.cpu, context);
    run.begin(context, subject, program, code);
  }

  #compile(program: BpfProg, isTarget = false): Compiled {
    const machine = this.#machine;
    const made = this.moduleFor(program, this.#registers, { isTarget });
    if ('problem' in made) return made;
    try {
      const { compiled, module } = made;
      const importer = this.#importer(program, undefined);
      const functions = this.#imports(importer, compiled);
      const code = instantiate(module, machine.memory.memory, functions, this.targets.table);
      importer.code = code;
      if (compiled.loadsPacket) code.ownLoop = code.loop;
      return code;
    } catch (error) {
      if (error instanceof wasm.CompileError || error instanceof RangeError) return { problem: error.message };
      throw error;
    }
  }

  /** What runs a program so many times. */
  #loop(program: BpfProg, code: CompiledCode, times: number): WasmFunction {
    if (code.tailCalls) return (this.#chains.codeOf(program, times >= OWN_LOOP) ?? code).loop;
    if (code.ownLoop === undefined && times >= OWN_LOOP) code.ownLoop = this.#compileLoop(program, code) ?? code.loop;
    return code.ownLoop ?? code.loop;
  }

  #compileLoop(program: BpfProg, code: CompiledCode): WasmFunction | undefined {
    const machine = this.#machine;
    const made = this.moduleFor(program, this.#registers, { isLoop: true });
    if ('problem' in made) return undefined;
    const functions = this.#imports(this.#importer(program, code), made.compiled);
    const imports = { ...functions, memory: machine.memory.memory };
    return new wasm.Instance(made.module, { [IMPORT_MODULE]: imports }).exports.loop;
  }

  #imports(importer: Importer, compiled: CompiledProgram): Record<string, WasmFunction> {
    return allImports(importer, compiled, (by, needs) =>
      this.#importer(by, needs.callsBack ? this.codeOf(by) : undefined),
    );
  }

  #importer(program: BpfProg, code: CompiledCode | undefined): Importer {
    const resolve = (map: number, index: number) => this.targets.resolve(map, index);
    return { machine: this.#machine, registers: this.#registers, program, resolve, code };
  }

  #chainPart(program: BpfProg): ChainPart | undefined {
    const code = this.codeOf(program);
    const source = this.#source(program, this.#registers, {});
    if (code === undefined || source === undefined) return undefined;
    const text = new ProgramText(source);
    const importer = this.#importer(program, code);
    return { program, text, imports: (place) => importedFunctions(importer, text.needs, place) };
  }

  /** The module of a program for the CPU with these registers, or why there is none. `shared`: other CPUs run beside it. */
  moduleFor(program: BpfProg, registers: CallRegisters, purpose: Purpose): Module | { readonly problem: string } {
    const source = this.#source(program, registers, purpose);
    if (source === undefined) return { problem: 'its type is not known' };
    try {
      const made = this.#moduleOf(source);
      return made.compiled.replacements.some(leaves)
        ? { problem: 'what is in the place of one of its functions does not always come back there' }
        : made;
    } catch (error) {
      // Functions that are too large for V8, or nest too deep for this compiler.
      if (error instanceof wasm.CompileError || error instanceof RangeError) return { problem: error.message };
      throw error;
    }
  }

  #source(
    program: BpfProg,
    registers: CallRegisters,
    { isTarget = false, isLoop = false, shared = false }: Purpose,
  ): ProgramToCompile | undefined {
    const type = PROG_TYPE_BY_NUMBER.get(program.runType)?.name;
    const replacements = new Map<number, ProgramToCompile>();
    for (const [start, by] of inPlace(program)) {
      const source = this.#source(by, registers, { shared });
      if (source !== undefined) replacements.set(start, source);
    }
    return (
      type && {
        runnable: program.attr.runnable,
        type,
        registers: registers.address,
        mapAt: (address) => this.#machine.mapAt(address),
        maps: program.maps,
        replacements,
        random: this.#machine.randomState,
        exceptionCallback: program.attr.exceptionCallback,
        probed: program.attr.probed,
        inArena: program.attr.inArena,
        isTarget,
        isLoop,
        shared,
      }
    );
  }

  /** From the last ones, if it is one of those: programs are loaded again and again, in tests, and when others take their place. */
  #moduleOf(program: ProgramToCompile): Module {
    const key = keyOf(program);
    let known = this.#modules.get(key);
    if (known === undefined) {
      const compiled = compileProgram(program);
      known = { compiled, module: new wasm.Module(compiled.bytes) };
    }
    this.#modules.delete(key);
    this.#modules.set(key, known);
    for (const oldest of this.#modules.keys()) {
      if (this.#modules.size <= MAX_MODULES) break;
      this.#modules.delete(oldest);
    }
    return known;
  }

  /** What a tail call to a program goes to. */
  #target(program: BpfProg): WasmFunction {
    const code = this.codeOf(program);
    const again = code !== undefined && code.target === undefined ? this.#compile(program, true) : code;
    const target = again !== undefined && 'target' in again ? again.target : undefined;
    if (target !== undefined) return target;
    const { high } = this.#registers;
    const interpret = (context: number | undefined): number => {
      const run = this.#registers.run;
      const verdict = this.#interpret(program, context ?? 0, run?.subject);
      if (verdict.fault !== undefined) {
        if (run !== undefined) run.fault = verdict.fault;
        throw RUN_ENDED;
      }
      high[0] = verdict.high;
      return verdict.value;
    };
    const module = new wasm.Module(compileAdapter(this.#registers.address));
    const imports = { memory: this.#machine.memory.memory, [INTERPRET]: interpret };
    return new wasm.Instance(module, { [IMPORT_MODULE]: imports }).exports.target as WasmFunction; // it exports that
  }
}

/** For programs on the CPU with these registers; `undefined`: no memory is left for a stack. */
export function createRun(machine: Machine, registers: CallRegisters): CompiledRun | undefined {
  const stack = machine.memory.alloc(STACKS_SIZE + MAX_FRAMES * SCRATCH_SIZE);
  return stack === 0 ? undefined : new CompiledRun(machine, registers, stack + STACKS_SIZE);
}

/** By what a module is found again. */
function keyOf(program: ProgramToCompile): string {
  const maps = program.maps.map(({ id }) => id).join();
  const replacements = [...program.replacements].map(([start, by]) => `${start} ${keyOf(by)} `).join('');
  return `${program.type} ${program.registers} ${program.shared} ${program.isTarget} ${program.isLoop} ${program.exceptionCallback} ${maps} ${replacements}${programText(program.runnable)}`;
}

/** Whether a program may end without coming back to who called it as a function. */
function leaves({ tailCalls, helpers }: Needs): boolean {
  return tailCalls || helpers.some((number) => callees()[number] === bpf_throw);
}

/** Bytes as a text to compare by. */
function programText(runnable: Uint8Array): string {
  let text = '';
  // Not all at once: arguments go onto the stack.
  for (let at = 0; at < runnable.length; at += 4096) text += String.fromCharCode(...runnable.subarray(at, at + 4096));
  return text;
}
