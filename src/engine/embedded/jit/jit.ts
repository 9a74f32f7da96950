import type { Helper, Wide } from '../helpers/helper.ts';
import { callees } from '../interp/called.ts';
import type { Verdict } from '../interp/interpreter.ts';
import { MAX_FRAMES, MAX_TAIL_CALLS, SCRATCH_SIZE, STACK_SIZE } from '../interp/run.ts';
import type { Machine } from '../machine.ts';
import type { BpfProg } from '../progs/prog.ts';
import type { Subject } from '../progs/subject.ts';
import { PROG_TYPE_BY_NUMBER } from '../progs/table.ts';
import type { WasmMemory } from '../wasm-memory.ts';
import type { CallRegisters } from './call-registers.ts';
import {
  type CompiledProgram,
  callbackExport,
  compileAdapter,
  compileProgram,
  helperImport,
  INTERPRET,
  PACKET_LOAD,
  type ProgramToCompile,
  RESOLVE,
  WAKE,
} from './compile.ts';
import { CompiledRun, type Exports, RUN_ENDED } from './compiled-run.ts';
import { TailCallTargets } from './tail-call-targets.ts';
import { IMPORT_MODULE, TABLE } from './wasm-module.ts';
import { type WasmFunction, type WasmTable, wasm } from './webassembly.ts';

/** A program in WebAssembly, or why it is not. */
type Compiled = { readonly exports: Exports } | { readonly problem: string };

interface Module {
  readonly compiled: CompiledProgram;
  readonly module: object;
}

/** Bytes for stacks: what a function calls by a tail call has its stack below that of the function. */
const STACKS_SIZE = MAX_FRAMES * STACK_SIZE * (1 + MAX_TAIL_CALLS);

/** Modules that are kept for the next program that is the same. */
const MAX_MODULES = 64;

type Interpret = (program: BpfProg, context: number, subject: Subject | undefined) => Verdict;

/** Runs programs that were shown to be safe as WebAssembly, on the memory of their machine. */
export class Jit {
  readonly #machine: Machine;
  readonly #interpret: Interpret;
  readonly #registers: CallRegisters;
  readonly #compiled = new WeakMap<BpfProg, Compiled>();
  readonly #runs: CompiledRun[] = [];
  /** By what they are made of, the one that was used last behind the others. */
  readonly #modules = new Map<string, Module>();
  #current: CompiledRun | undefined;
  readonly #targets: TailCallTargets;

  /** `interpret`: runs what could not be compiled, where a tail call leads to it. */
  constructor(machine: Machine, interpret: Interpret) {
    this.#machine = machine;
    this.#interpret = interpret;
    this.#registers = machine.callRegisters;
    this.#targets = new TailCallTargets(machine, (program) => this.#target(program));
  }

  /** What a program is in WebAssembly; `undefined`: it is to be interpreted. */
  exportsOf(program: BpfProg): Exports | undefined {
    let compiled = this.#compiled.get(program);
    if (compiled === undefined) {
      compiled = this.#compile(program);
      this.#compiled.set(program, compiled);
      if ('problem' in compiled)
        this.#machine.trace.write(`program ${program.id} (${program.attr.name}) is interpreted: ${compiled.problem}`);
    }
    return 'exports' in compiled ? compiled.exports : undefined;
  }

  /** The run for a level of runs within runs; `undefined`: no memory is left for its stack. */
  run(level: number): CompiledRun | undefined {
    const known = this.#runs[level];
    if (known !== undefined) return known;
    const stack = this.#machine.memory.alloc(STACKS_SIZE + MAX_FRAMES * SCRATCH_SIZE);
    if (stack === 0) return undefined;
    const run = new CompiledRun(this.#machine, this.#registers, stack + STACKS_SIZE);
    this.#runs[level] = run;
    return run;
  }

  /** Runs a program so many times; what it returned at last, its low 32 bits. 0 after a fault, which the run has. */
  execute(
    run: CompiledRun,
    program: BpfProg,
    exports: Exports,
    context: number,
    subject: Subject | undefined,
    times: number,
  ): number {
    return this.#within(run, program, exports, context, subject, () => {
      if (times > 1) return exports.loop?.(context, run.top, times) ?? 0;
      return exports.run?.(context, run.top) ?? 0;
    });
  }

  /** Calls a function of the program by itself. */
  callBack(run: CompiledRun, program: BpfProg, exports: Exports, func: number, args: readonly number[]): number {
    const { low, high } = this.#registers;
    return this.#within(run, program, exports, 0, undefined, () => {
      for (let i = 0; i < args.length; i++) {
        low[i + 1] = args[i] ?? 0;
        high[i + 1] = 0;
      }
      return exports[callbackExport(func)]?.(run.top) ?? run.fail(`there is no function at ${func} to call back`);
    });
  }

  #within(
    run: CompiledRun,
    program: BpfProg,
    exports: Exports,
    context: number,
    subject: Subject | undefined,
    enter: () => number,
  ): number {
    const outer = this.#current;
    const tailCalls = this.#registers.tailCalls;
    this.#current = run;
    this.#registers.begin(this.#machine.cpu);
    run.begin(context, subject, program, exports);
    try {
      return enter();
    } catch (error) {
      if (error === RUN_ENDED && run.thrown !== undefined) return this.#catch(run, run.thrown);
      if (error instanceof wasm.RuntimeError) run.fail(`${error.message}, in compiled code`);
      else if (error instanceof RangeError) run.fail('the stack of the host is used up');
      else if (error !== RUN_ENDED) throw error;
      return 0;
    } finally {
      // Only who was ended in the middle holds a lock still.
      if (run.lock !== 0) this.#machine.memory.dv.setUint32(run.lock, 0, true);
      this.#current = outer;
      this.#registers.tailCalls = tailCalls;
    }
  }

  /** All functions were left at once: what the program that threw says is the result. */
  #catch(run: CompiledRun, cookie: Wide): number {
    const callback = run.program?.attr.exceptionCallback;
    run.fault = undefined;
    if (callback === undefined) return cookie.low;
    const { low, high } = this.#registers;
    low[1] = cookie.low;
    high[1] = cookie.high;
    return run.exports[callbackExport(callback)]?.(run.top) ?? 0;
  }

  #compile(program: BpfProg, isTarget = false): Compiled {
    const machine = this.#machine;
    const type = PROG_TYPE_BY_NUMBER.get(program.attr.type)?.name;
    if (type === undefined) return { problem: 'its type is not known' };
    try {
      const { compiled, module } = this.#moduleOf({
        runnable: program.attr.runnable,
        type,
        registers: this.#registers.address,
        mapAt: (address) => machine.mapAt(address),
        maps: program.maps,
        exceptionCallback: program.attr.exceptionCallback,
        probed: program.attr.probed,
        isTarget,
      });
      const imports: Record<string, WasmFunction | WasmMemory | WasmTable> = { memory: machine.memory.memory };
      const link: { exports: Exports } = { exports: {} };
      for (const id of compiled.helpers) imports[helperImport(id)] = this.#helper(id, program, link);
      if (compiled.loadsPacket) imports[PACKET_LOAD] = (size, offset) => this.#findInPacket(size ?? 0, offset ?? 0);
      if (compiled.wakes) imports[WAKE] = () => this.#wake();
      if (compiled.tailCalls) {
        imports[TABLE] = this.#targets.table;
        imports[RESOLVE] = (map, index) => this.#targets.resolve(map ?? 0, index ?? 0);
      }
      link.exports = new wasm.Instance(module, { [IMPORT_MODULE]: imports }).exports;
      return link;
    } catch (error) {
      // Functions that are too large for V8, or nest too deep for this compiler.
      if (error instanceof wasm.CompileError || error instanceof RangeError) return { problem: error.message };
      throw error;
    }
  }

  /** From the last ones, if it is one of those: programs are loaded again and again, in tests, and when others take their place. */
  #moduleOf(program: ProgramToCompile): Module {
    const maps = program.maps.map(({ id }) => id).join();
    const key = `${program.type} ${program.isTarget} ${program.exceptionCallback} ${maps} ${programText(program.runnable)}`;
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
    const exports = this.exportsOf(program);
    const again = exports !== undefined && exports.target === undefined ? this.#compile(program, true) : undefined;
    const target = again !== undefined && 'exports' in again ? again.exports.target : exports?.target;
    if (target !== undefined) return target;
    const { high } = this.#registers;
    const interpret = (context: number | undefined): number => {
      const run = this.#current;
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

  #helper(id: number, program: BpfProg, link: { readonly exports: Exports }): WasmFunction {
    const helper = callees()[id] as Helper; // compiled programs call helpers that there are
    const registers = this.#registers;
    const { low, high } = registers;
    const enter = (): CompiledRun => {
      const run = this.#current;
      if (run === undefined) throw new Error('embedded kernel: compiled code runs that nobody began');
      run.program = program;
      run.exports = link.exports;
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

  #wake(): number {
    this.#machine.wake.all();
    return 0;
  }

  #findInPacket(size: number, offset: number): number {
    const run = this.#current;
    if (run?.subject?.kind === 'skb') return run.subject.absolute(offset, size);
    run?.fail('this program type has no packet to load from');
    throw RUN_ENDED;
  }
}

/** Bytes as a text to compare by. */
function programText(runnable: Uint8Array): string {
  let text = '';
  // Not all at once: arguments go onto the stack.
  for (let at = 0; at < runnable.length; at += 4096) text += String.fromCharCode(...runnable.subarray(at, at + 4096));
  return text;
}
