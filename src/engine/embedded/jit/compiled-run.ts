import type { HelperEnv, Wide } from '../helpers/helper.ts';
import type { Fault } from '../interp/fault.ts';
import { MAX_FRAMES, SCRATCH_SIZE } from '../interp/run.ts';
import type { Machine } from '../machine.ts';
import type { BpfMap } from '../maps/map.ts';
import type { LinearMemory } from '../memory.ts';
import type { BpfProg } from '../progs/prog.ts';
import type { Subject } from '../progs/subject.ts';
import type { WasmMemory } from '../wasm-memory.ts';
import { ABORTED, ENTRY_CONTEXT, ENTRY_VERDICT } from './batch.ts';
import type { CallRegisters } from './call-registers.ts';
import { callbackExport, RESOLVE } from './compile.ts';
import { MAX_ROUNDS } from './registers.ts';
import { IMPORT_MODULE, TABLE } from './wasm-module.ts';
import { type WasmFunction, type WasmTable, wasm } from './webassembly.ts';

/** What a helper throws to end a run whose fault is told. */
export const RUN_ENDED = new Error('a run of a program has ended');

/** What generated code can be asked for. */
export type Exports = Readonly<Record<string, WasmFunction>>;

/** A program in WebAssembly; see `Shape`. */
export interface CompiledCode {
  readonly run: WasmFunction;
  /** Calls it again and again. */
  readonly loop: WasmFunction;
  /** A loop that it is put into, once it has been made. */
  ownLoop: WasmFunction | undefined;
  /** It makes tail calls. */
  readonly tailCalls: boolean;
  readonly batch: WasmFunction;
  /** `undefined`: no tail call leads to it yet. */
  readonly target: WasmFunction | undefined;
  /** Besides, what helpers call back. */
  readonly exports: Exports;
}

/** A module with what it imports, as code that can be run. */
export function instantiate(
  module: object,
  memory: WasmMemory,
  functions: Readonly<Record<string, WasmFunction>>,
  table: WasmTable,
): CompiledCode {
  const { exports } = new wasm.Instance(module, { [IMPORT_MODULE]: { ...functions, memory, [TABLE]: table } });
  const { run, loop, batch, target } = exports;
  if (run === undefined || loop === undefined || batch === undefined) throw new Error('a compiled program can be run');
  return { run, loop, ownLoop: undefined, tailCalls: RESOLVE in functions, batch, target, exports };
}

/** One run of a compiled program, and the environment of its helpers. One of these for each level of runs within runs, used again. */
export class CompiledRun implements HelperEnv {
  readonly machine: Machine;
  readonly memory: LinearMemory;
  readonly #registers: CallRegisters;
  context = 0;
  subject: Subject | undefined;
  map: BpfMap | undefined;
  resultHigh = 0;
  lock = 0;
  fault: Fault | undefined;
  /** What bpf_throw was given. */
  thrown: Wide | undefined;
  program: BpfProg | undefined;
  /** Of the program that called the helper which is running. */
  code: CompiledCode | undefined;
  /** Address of the end of the stack for a function that this helper calls back. */
  frame = 0;
  /** The end of the first function's stack; above it is {@link scratch}. */
  readonly top: number;
  #callbacks = 0;
  /** While a batch is run: what the context of an entry describes. */
  subjectAt: ((context: number) => Subject | undefined) | undefined;

  /** `top`: address of MAX_FRAMES * SCRATCH_SIZE bytes, below which are those of stacks. */
  constructor(machine: Machine, registers: CallRegisters, top: number) {
    this.machine = machine;
    this.memory = machine.memory;
    this.#registers = registers;
    this.top = top;
  }

  get high(): Int32Array {
    return this.#registers.high;
  }

  get scratch(): number {
    return this.top + SCRATCH_SIZE * this.#callbacks;
  }

  begin(
    context: number,
    subject: Subject | undefined,
    program: BpfProg | undefined,
    code: CompiledCode | undefined,
  ): void {
    this.context = context;
    this.subject = subject;
    this.program = program;
    this.code = code;
    this.fault = undefined;
    this.thrown = undefined;
    this.lock = 0;
    this.frame = this.top;
    this.#callbacks = 0;
    this.subjectAt = undefined;
  }

  /** Of a batch: to the entry that is being run now. */
  follow(): void {
    const context = this.memory.i32[this.#registers.entry / 4 + ENTRY_CONTEXT / 4] ?? 0;
    if (context === this.context || this.subjectAt === undefined) return;
    this.context = context;
    this.subject = this.subjectAt(context);
  }

  /** What to do of a batch when a run has ended in the middle: writes its verdict, or gives back the fault. */
  endEntry(error: unknown): Fault | undefined {
    this.follow();
    const verdict = this.ended(error);
    const { fault } = this;
    this.memory.dv.setInt32(this.#registers.entry + ENTRY_VERDICT, fault === undefined ? verdict : ABORTED, true);
    this.fault = undefined;
    this.thrown = undefined;
    this.lock = 0;
    this.frame = this.top;
    this.#callbacks = 0;
    return fault;
  }

  fail(reason: string): 0 {
    const { program } = this;
    this.fault ??= { insn: undefined, reason, program: program && { id: program.id, name: program.attr.name } };
    return 0;
  }

  throw(cookie: Wide): 0 {
    this.thrown ??= cookie;
    return this.fail('bpf_throw');
  }

  /** The result of a run that was ended in the middle, by what was thrown. Throws what no program can cause. */
  ended(error: unknown): number {
    // Nobody else ends while holding a lock.
    const { dv } = this.memory;
    for (const lock of [this.lock, this.#registers.lock]) if (lock !== 0) dv.setUint32(lock, 0, true);
    this.#registers.lock = 0;
    if (error === RUN_ENDED && this.thrown !== undefined) return this.#catch(this.thrown);
    if (this.#registers.rounds === 0) this.fail(`still going round after ${MAX_ROUNDS} rounds`);
    else if (error instanceof wasm.RuntimeError) this.fail(`${error.message}, in compiled code`);
    else if (error instanceof RangeError) this.fail('the stack of the host is used up');
    else if (error !== RUN_ENDED) throw error;
    return 0;
  }

  /** All functions were left at once: what the program that threw says is the result. */
  #catch(cookie: Wide): number {
    const callback = this.program?.attr.exceptionCallback;
    this.fault = undefined;
    if (callback === undefined) return cookie.low;
    const { low, high } = this.#registers;
    low[1] = cookie.low;
    high[1] = cookie.high;
    return this.code?.exports[callbackExport(callback)]?.(this.top) ?? 0;
  }

  callback(func: number, context: Wide, ...args: readonly number[]): number {
    const call = this.code?.exports[callbackExport(func)];
    if (call === undefined || this.fault !== undefined)
      return this.fail(`there is no function at ${func} to call back`);
    if (this.#callbacks + 1 >= MAX_FRAMES) return this.fail(`more than ${MAX_FRAMES} functions are active`);
    if (--this.#registers.rounds === 0) return this.fail('too many callbacks');
    const { low, high } = this.#registers;
    for (let i = 0; i < args.length; i++) {
      low[i + 1] = args[i] ?? 0;
      high[i + 1] = 0;
    }
    low[args.length + 1] = context.low;
    high[args.length + 1] = context.high;
    const { frame, map } = this;
    this.#callbacks++;
    const result = call(frame);
    this.#callbacks--;
    this.frame = frame;
    this.map = map;
    return result | (high[0] ?? 0);
  }
}
