import { release } from 'node:os';
import { afterAll, describe, expect, it } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { VIOLATIONS } from '../../src/explain/violations/index.ts';
import { exampleBytes, type Which } from '../support/violation-examples.ts';
import { exampleVerdict } from '../support/violation-verdict.ts';

const WHICH: readonly Which[] = ['before', 'after'];
const [major = 0, minor = 0] = release().split('.').map(Number);
/** Others have fewer helpers, and refuse some examples for another reason; what they say of them is in test/explain/logs. */
const isKnown = major === 6 && minor === 18;
if (!isKnown) console.log(`skipped: the examples of refusals are written for Linux 6.18, this is ${release()}`);

const kernel = createLinuxKernel();
afterAll(() => kernel[Symbol.dispose]());

describe.skipIf(!isKnown)('on Linux, an example', () => {
  const proven = VIOLATIONS.filter(({ example }) => example !== undefined && example.needs === undefined);

  it.each(proven.map((violation) => [violation.code, violation] as const))(
    'of %s is refused, and what mends it is not',
    (code, violation) => {
      const verdicts = WHICH.map((which) =>
        exampleVerdict(kernel, exampleBytes(violation, which), `${code}-${which}.o`),
      );
      expect(verdicts).toEqual([code, 'loads']);
    },
  );
});
