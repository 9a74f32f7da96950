import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { VIOLATIONS } from '../../src/explain/violations/index.ts';
import {
  compileExample,
  compilerMissing,
  exampleBytes,
  examplePath,
  type Which,
} from '../support/violation-examples.ts';
import { EMBEDDED_LACKS, exampleVerdict } from '../support/violation-verdict.ts';

const WHICH: readonly Which[] = ['before', 'after'];
const examples = VIOLATIONS.filter(({ example }) => example !== undefined);
const missing = compilerMissing();
if (missing !== undefined) console.log(`skipped: examples are not compiled: ${missing}`);

/** `npx vitest run test/explain --update` compiles the examples anew. */
const isUpdate = process.argv.some((word) => word === '--update' || word === '-u');

describe.skipIf(missing !== undefined)('the objects of examples are compiled from them', () => {
  it.each(examples.flatMap((violation) => WHICH.map((which) => [violation.code, which, violation] as const)))(
    '%s, %s',
    (_code, which, violation) => {
      const made = compileExample(violation, which);
      const path = examplePath(violation, which);
      if (isUpdate || !existsSync(path)) {
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, made);
      }
      expect(exampleBytes(violation, which)).toEqual(made);
    },
  );
});

describe('on the embedded kernel, an example', () => {
  const embedded = createEmbeddedKernel();
  afterAll(() => embedded[Symbol.dispose]());
  const proven = examples.filter(({ example, code }) => example?.needs === undefined && !EMBEDDED_LACKS.has(code));

  it('shows most kinds', () => {
    expect(proven.length).toBeGreaterThanOrEqual(50);
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
