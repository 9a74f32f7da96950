import type { Helper } from '../helpers/helper.ts';
import { ABORTED, ENTRY_CONTEXT, ENTRY_SIZE, ENTRY_VERDICT, type Share, type Work } from '../jit/batch.ts';
import type { CompiledCode } from '../jit/compiled-run.ts';
import { Jit } from '../jit/jit.ts';
import type { Machine } from '../machine.ts';
import type { BpfProg } from '../progs/prog.ts';
import type { Subject } from '../progs/subject.ts';
import { callees } from './called.ts';
import type { Code } from './code.ts';
import { type Fault, formatFault } from './fault.ts';
import { MAX_FRAMES, Run, SCRATCH_SIZE, STACK_SIZE } from './run.ts';

/** Instructions after which a run is given up, unless the interpreter is told otherwise. */
export const DEFAULT_BUDGET = 64 * 1024 * 1024;
/** Runs within runs, e.g. a redirected packet that meets a program which redirects it again. */
const MAX_NESTING = 16;
/** Faults kept for {@link Interpreter.faults}. */
const MAX_FAULTS = 1000;

/** How a run ended. */
export interface Verdict {
  /** r0 at `exit`, its low 32 bits as a signed number; 0 after a fault. */
  readonly value: number;
  /** The high 32 bits of r0, signed; 0 where compiled code ran, which gives back the low ones. */
  readonly high: number;
  readonly fault: Fault | undefined;
}

/** Runs programs on a machine. The reference for what an instruction means here. */
export class Interpreter {
  readonly #machine: Machine;
  readonly #helpers: readonly (Helper | undefined)[];
  readonly #runs: Run[] = [];
  /** `undefined`: everything is interpreted. */
  readonly jit: Jit | undefined;
  #depth = 0;
  /** Instructions per run. */
  budget = DEFAULT_BUDGET;
  /** The last faults, oldest first. */
  readonly faults: Fault[] = [];

  constructor(machine: Machine, helpers: readonly (Helper | undefined)[]) {
    this.#machine = machine;
    this.#helpers = helpers;
    if (machine.compiles)
      this.jit = new Jit(machine, (program, context, subject) => this.#run(program.code, context, subject, program));
  }

  /** Runs a loaded program with `context` (an address) in r1. `subject`: what the context describes. */
  runProgram(program: BpfProg, context: number, subject?: Subject): Verdict {
    const { clock, statsUsers } = this.#machine;
    if (statsUsers === 0) return this.#runOnce(program, context, subject);
    const start = clock.now();
    const verdict = this.#runOnce(program, context, subject);
    program.runCount++;
    program.runTimeNs += clock.now() - start;
    return verdict;
  }

  /** Runs it so many times, one after the other with what the last left, or until a fault; the last verdict. */
  runRepeatedly(program: BpfProg, context: number, times: number, subject?: Subject): Verdict {
    const { entry } = program;
    const code = this.#machine.statsUsers === 0 ? this.#compiled(entry) : undefined;
    if (code !== undefined) return this.#execute(entry, code, context, subject, times);
    let verdict = this.runProgram(program, context, subject);
    for (let left = times - 1; left > 0 && verdict.fault === undefined; left--)
      verdict = this.runProgram(program, context, subject);
    return verdict;
  }

  /**
   * Runs it for each entry of a share, of which there is one at least. Where it is compiled, and calls nothing that asks for more than the context, entries follow each other without a way through JavaScript.
   */
  runBatch(program: BpfProg, share: Share, work: Work): void {
    const { list, count } = share;
    const { statsUsers, memory } = this.#machine;
    const { entry: entered } = program;
    const code = statsUsers === 0 ? this.#compiled(entered) : undefined;
    const run = code && this.#depth < MAX_NESTING ? this.jit?.run(this.#depth) : undefined;
    if (code !== undefined && run !== undefined) {
      this.#depth++;
      try {
        this.jit?.executeBatch(run, entered, code, share, work, (fault) => this.report(fault));
      } finally {
        this.#depth--;
      }
      return;
    }
    for (let done = 0; done < work.repeat * count; done++) {
      const entry = list + (done % count) * ENTRY_SIZE;
      const context = memory.dv.getUint32(entry + ENTRY_CONTEXT, true);
      const { value, fault } = this.runProgram(program, context, work.subjectAt(context));
      memory.dv.setInt32(entry + ENTRY_VERDICT, fault === undefined ? value : ABORTED, true);
    }
  }

  #runOnce(program: BpfProg, context: number, subject: Subject | undefined): Verdict {
    const { entry } = program;
    const code = this.#compiled(entry);
    return code === undefined
      ? this.#run(entry.code, context, subject, entry)
      : this.#execute(entry, code, context, subject, 1);
  }

  /**
   * Only the interpreter counts instructions: whoever limits them gets it. What a helper sets off while other CPUs run gets it, too: what is compiled for this one changes maps as if there were no
   * others.
   */
  #compiled(program: BpfProg): CompiledCode | undefined {
    const isAlone = !this.#machine.sharing;
    return isAlone && this.budget === DEFAULT_BUDGET ? this.jit?.codeOf(program) : undefined;
  }

  #execute(
    program: BpfProg,
    code: CompiledCode,
    context: number,
    subject: Subject | undefined,
    times: number,
  ): Verdict {
    const run = this.#depth < MAX_NESTING ? this.jit?.run(this.#depth) : undefined;
    if (run === undefined) return this.#failed({ insn: 0, reason: noRoom(this.#depth), program: nameOf(program) });
    this.#depth++;
    try {
      const value = this.jit?.execute(run, program, code, context, subject, times) ?? 0;
      return run.fault === undefined ? { value, high: 0, fault: undefined } : this.#failed(run.fault);
    } finally {
      this.#depth--;
    }
  }

  /** Runs code that belongs to no program. */
  runCode(code: Code, context: number, subject?: Subject): Verdict {
    return this.#run(code, context, subject, undefined);
  }

  /** Runs a function of a program with these arguments, and without a context: what a timer does. */
  runCallback(program: BpfProg, func: number, args: readonly number[]): Verdict {
    const code = this.#compiled(program);
    const run = code && this.#depth < MAX_NESTING ? this.jit?.run(this.#depth) : undefined;
    if (code !== undefined && run !== undefined) {
      this.#depth++;
      try {
        const value = this.jit?.callBack(run, program, code, func, args) ?? 0;
        return run.fault === undefined ? { value, high: 0, fault: undefined } : this.#failed(run.fault);
      } finally {
        this.#depth--;
      }
    }
    return this.#run(program.code, 0, undefined, program, func, args);
  }

  #run(
    code: Code,
    context: number,
    subject: Subject | undefined,
    program: BpfProg | undefined,
    start = 0,
    args: readonly number[] = [context],
  ): Verdict {
    const run = this.#runs[this.#depth] ?? this.#newRun();
    if (run === undefined) return this.#failed({ insn: 0, reason: noRoom(this.#depth), program: nameOf(program) });
    this.#depth++;
    try {
      const value = run.execute({ code, context, subject, program, budget: this.budget, start, args });
      return run.fault === undefined ? { value, high: run.high[0] ?? 0, fault: undefined } : this.#failed(run.fault);
    } finally {
      this.#depth--;
    }
  }

  #newRun(): Run | undefined {
    if (this.#runs.length >= MAX_NESTING) return undefined;
    const stack = this.#machine.memory.alloc(MAX_FRAMES * (STACK_SIZE + SCRATCH_SIZE));
    if (stack === 0) return undefined;
    const run = new Run(this.#machine, this.#helpers, stack);
    this.#runs.push(run);
    return run;
  }

  #failed(fault: Fault): Verdict {
    this.report(fault);
    return { value: 0, high: 0, fault };
  }

  /** Keeps it, and writes it to the trace log. */
  report(fault: Fault): void {
    if (this.faults.length >= MAX_FAULTS) this.faults.shift();
    this.faults.push(fault);
    this.#machine.trace.write(formatFault(fault));
  }
}

function noRoom(depth: number): string {
  return depth >= MAX_NESTING ? `${MAX_NESTING} programs are running already` : 'no memory is left for its stack';
}

function nameOf(program: BpfProg | undefined): Fault['program'] {
  return program && { id: program.id, name: program.attr.name };
}

const interpreters = new WeakMap<Machine, Interpreter>();

/** The interpreter of a machine. */
export function interpreterOf(machine: Machine): Interpreter {
  let interpreter = interpreters.get(machine);
  if (interpreter === undefined) {
    interpreter = new Interpreter(machine, callees());
    interpreters.set(machine, interpreter);
  }
  return interpreter;
}
