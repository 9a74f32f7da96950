import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { VIOLATIONS } from '../../src/explain/violations/index.ts';
import { root } from '../support/kernels.ts';
import {
  compileExample,
  compilerMissing,
  exampleBytes,
  examplePath,
  exampleSource,
  type Which,
} from '../support/violation-examples.ts';
import { exampleVerdict } from '../support/violation-verdict.ts';

const WHICH: readonly Which[] = ['before', 'after'];
const examples = VIOLATIONS.filter(({ example }) => example !== undefined);
const missing = compilerMissing();
if (missing !== undefined) console.log(`skipped: examples are not compiled: ${missing}`);

/** Hashes of the C that the committed objects were compiled from. To compile all of it anew would take a minute. */
const SOURCES = join(root, 'test/objects/violations/sources.json');
const named = examples.flatMap((violation) =>
  WHICH.map((which) => [`${violation.code}-${which}`, violation, which] as const),
);
const hashes = Object.fromEntries(
  named.map(([name, violation, which]) => [
    name,
    createHash('sha256').update(exampleSource(violation, which)).digest('hex').slice(0, 16),
  ]),
);
const known: Record<string, string> = existsSync(SOURCES) ? JSON.parse(readFileSync(SOURCES, 'utf8')) : {};
/** Of the others one in so many is compiled at each run, to see that the compiler here still makes the same of it. */
const SAMPLE = 16;

it
  .skipIf(missing !== undefined)
  .each(
    named
      .map(([name, ...rest]) => [name, known[name] !== hashes[name], ...rest] as const)
      .filter(([, isNew], i) => isNew || i % SAMPLE === 0),
  )('the object of %s is what clang makes of it', (_name, isNew, violation, which) => {
  const made = compileExample(violation, which);
  const path = examplePath(violation, which);
  if (isNew) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, made);
  }
  expect(exampleBytes(violation, which)).toEqual(made);
});

/** `npx vitest run test/explain --update` writes the hashes, of what the test before has compiled anew. */
it('the objects of examples are compiled from them', async () => {
  await expect(`${JSON.stringify(hashes, undefined, 2)}\n`).toMatchFileSnapshot(SOURCES);
});

describe('on the embedded kernel, an example', () => {
  const embedded = createEmbeddedKernel();
  afterAll(() => embedded[Symbol.dispose]());
  const proven = examples.filter(({ example }) => example?.needs === undefined);

  it('shows most kinds', () => {
    expect(proven.length).toBeGreaterThanOrEqual(80);
  });

  it.each(proven.map((violation) => [violation.code, violation] as const))(
    'of %s is refused, and what mends it is not',
    (code, violation) => {
      const verdicts = WHICH.map((which) =>
        exampleVerdict(embedded.kernel, exampleBytes(violation, which), `${code}-${which}.o`),
      );
      expect(verdicts).toEqual([code, 'loads']);
    },
  );
});
