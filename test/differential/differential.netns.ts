import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Btf, parseBtf } from '../../src/btf/index.ts';
import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { possibleCpus, Session } from '../contract/session.ts';
import { verify } from '../contract/verdict.ts';
import { CASES } from '../contract/verifier.ts';
import { skipBefore, skipFrom } from '../support/since.ts';
import { SLOW } from '../support/slow.ts';
import { arenaCase, runArena } from './arenas.ts';
import { callPrograms, contextReads, insnsOf, linuxSays, nullCall, readInsns, weSay } from './calls.ts';
import { randomCase, runCase } from './compiled.ts';
import { mapSequence, runMaps } from './maps.ts';
import { mutant, originals, runMutant } from './mutants.ts';
import { objectSequence, runObjects } from './objects.ts';
import { randomProgram, runProgram } from './programs.ts';
import { plainProgram, showProgram } from './xlated.ts';

/**
 * Random sequences of calls on both kernels: every answer is the same. A difference comes out as the shortest sequence that shows it, with the seed. SKEP_FUZZ_SECONDS
 * is how long each kind runs, SKEP_FUZZ_SEED where it starts, SKEP_FUZZ_ONLY the kind: `npm run fuzz`. Without them the same sequences run everywhere, however slow the machine.
 */
const SECONDS = process.env.SKEP_FUZZ_SECONDS === undefined ? undefined : Number(process.env.SKEP_FUZZ_SECONDS);
const SEQUENCES = Math.ceil(1000 / SLOW);
const SEED = Number(process.env.SKEP_FUZZ_SEED ?? 5);
const ONLY = process.env.SKEP_FUZZ_ONLY;

const KERNEL_BTF = '/sys/kernel/btf/vmlinux';

const linux = createLinuxKernel();
const cpus = possibleCpus(new Session(linux));
const embedded = createEmbeddedKernel({ cpus });
const interpreting = createEmbeddedKernel({ cpus, jit: 'off' });

/** Runs sequences until the time is over, or a difference is found and made short. */
function compare<T>(
  name: string,
  sequence: fc.Arbitrary<T>,
  run: (session: Session, input: T) => string[],
  others: Readonly<Record<string, typeof linux>> = { linux },
): void {
  const answers = (kernel: typeof linux, input: T): string[] => {
    using session = new Session(kernel);
    return run(session, input);
  };
  const result = fc.check(
    fc.property(sequence, (input) => {
      const here = answers(embedded.kernel, input);
      for (const [other, kernel] of Object.entries(others)) {
        const there = answers(kernel, input);
        const at = here.findIndex((line, i) => line !== there[i]);
        if (at >= 0) throw new Error(`embedded says ${here[at]}, ${other} ${there[at]}, at ${at}`);
      }
    }),
    checkOptions(),
  );
  report(name, result);
}

function checkOptions() {
  const length =
    SECONDS === undefined ? { numRuns: SEQUENCES } : { numRuns: 10_000_000, interruptAfterTimeLimit: 1000 * SECONDS };
  return { seed: SEED, ...length, includeErrorInReport: true };
}

function report<T>(name: string, result: fc.RunDetails<T>): void {
  console.log(`${name}: ${result.numRuns} sequences`);
  if (result.counterexample !== null) throw new Error(fc.defaultReportMessage(result));
  expect(result.numRuns).toBeGreaterThan(0);
}

describe('both kernels answer the same', { timeout: 1000 * (SECONDS ?? 0) + 120_000 }, () => {
  beforeEach((context) => {
    skipBefore(context, '6.18', 'what the embedded kernel answers like');
    const name = context.task.name;
    if (/^(verifier|xlated|logs|calls|arguments)/.test(name))
      skipFrom(context, '7.3', 'the log, and what is left of a program, as they were');
    if (name === 'maps') skipFrom(context, '7.3', 'flags of updates, as they were');
    context.skip(ONLY !== undefined && ONLY !== name, `only ${ONLY} is asked for`);
  });

  it('maps', () => compare('maps', mapSequence, (session, input) => runMaps(session, input, cpus)));
  it('objects', () => compare('objects', objectSequence, runObjects));
  it('xlated', () => compare('xlated', plainProgram, showProgram));
  it('mutants', (context) => {
    context.skip(
      ONLY === undefined,
      'it takes a while to see which programs both kernels have; only if it is asked for',
    );
    const all = originals([embedded.kernel, linux]);
    console.log(`${all.length} programs to change`);
    compare('mutants', mutant, (session, input) => runMutant(all, session, input));
  });
  it('verifier', () => compare('verifier', randomProgram, runProgram));

  it.each([1, 2, 4])('logs of level %i', (level) => {
    // The log of a million steps is long; what it is made of is in the others.
    for (const { name, ...program } of CASES.filter(({ answer }) => !answer.startsWith('ENOSPC'))) {
      const [here, there] = [embedded.kernel, linux].map((kernel) => verify(kernel, program, () => 'ok', level).log);
      expect([name, ...(here ?? [])]).toEqual([name, ...(there ?? [])]);
    }
  });
  const types = (): Btf => parseBtf(new Uint8Array(readFileSync(KERNEL_BTF)));
  it('calls', (context) => {
    context.skip(!existsSync(KERNEL_BTF), 'the kernel has no types to see');
    const btf = types();
    const asksForNull = insnsOf(nullCall(btf));
    const refusesNull = linuxSays(linux, nullCall(btf), asksForNull)?.includes('Possibly NULL') === true;
    context.skip(!refusesNull, 'this build of Linux 6.18 lets functions of the kernel have NULL, as later ones do not');
    const result = fc.check(
      fc.property(callPrograms(btf), (program) => {
        const insns = insnsOf(program);
        const there = linuxSays(linux, program, insns);
        if (there === undefined) return;
        const here = weSay(btf, program, insns);
        // Which programs these are depends on the types of the kernel: in what words each is refused is compared if that is asked for.
        if (ONLY === undefined) expect([here === 'ok', insns]).toEqual([there === 'ok', insns]);
        else expect(here).toBe(there);
      }),
      checkOptions(),
    );
    report('calls', result);
  });
  it('arguments of what is traced', (context) => {
    context.skip(!existsSync(KERNEL_BTF), 'the kernel has no types to see');
    context.skip(ONLY !== undefined, `only ${ONLY} is asked for`);
    const btf = types();
    for (const program of contextReads(btf, 16)) {
      const insns = readInsns(program.argument);
      const there = linuxSays(linux, program, insns);
      if (there !== undefined) expect([program, weSay(btf, program, insns)]).toEqual([program, there]);
    }
  });
  it('arenas', () => compare('arenas', arenaCase, runArena, { linux, interpreter: interpreting.kernel }));
  it('jit', () => compare('jit', randomCase, runCase, { linux, interpreter: interpreting.kernel }));
});
