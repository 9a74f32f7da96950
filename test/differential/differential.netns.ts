import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { possibleCpus, Session } from '../contract/session.ts';
import { verify } from '../contract/verdict.ts';
import { CASES } from '../contract/verifier.ts';
import { skipBefore, skipFrom } from '../support/since.ts';
import { SLOW } from '../support/slow.ts';
import { arenaCase, runArena } from './arenas.ts';
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
    {
      seed: SEED,
      ...(SECONDS === undefined
        ? { numRuns: SEQUENCES }
        : { numRuns: 10_000_000, interruptAfterTimeLimit: 1000 * SECONDS }),
      includeErrorInReport: true,
    },
  );
  console.log(`${name}: ${result.numRuns} sequences`);
  if (result.counterexample !== null) throw new Error(fc.defaultReportMessage(result));
  expect(result.numRuns).toBeGreaterThan(0);
}

describe('both kernels answer the same', { timeout: 1000 * (SECONDS ?? 0) + 120_000 }, () => {
  beforeEach((context) => {
    skipBefore(context, '6.18', 'what the embedded kernel answers like');
    const name = context.task.name;
    if (/^(verifier|xlated|logs)/.test(name))
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
  it('arenas', () => compare('arenas', arenaCase, runArena, { linux, interpreter: interpreting.kernel }));
  it('jit', () => compare('jit', randomCase, runCase, { linux, interpreter: interpreting.kernel }));
});
