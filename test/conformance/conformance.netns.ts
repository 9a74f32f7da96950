import { beforeEach, describe, expect, it } from 'vitest';
import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { skipBefore } from '../support/since.ts';
import { arithmeticCases } from './arithmetic.ts';
import { differences, observe } from './case.ts';
import { jumpCases } from './jumps.ts';
import { memoryCases } from './memory.ts';
import { observeScenario } from './scenario.ts';
import { scenarios } from './scenarios.ts';

const embedded = createEmbeddedKernel();
const linux = createLinuxKernel();

describe('programs do what they do on linux', () => {
  beforeEach((context) => skipBefore(context, '6.18', 'load-acquire and store-release; loops of may_goto'));

  it.each([
    ['arithmetic', arithmeticCases],
    ['jumps', jumpCases],
    ['memory', memoryCases],
  ] as const)('%s', (_name, cases) => {
    for (const given of cases)
      expect([given.name, ...differences(given, observe(embedded.kernel, given), observe(linux, given))]).toEqual([
        given.name,
      ]);
  });

  it.each(scenarios.map((scenario) => [scenario.name, scenario] as const))('%s', (_name, scenario) => {
    expect(observeScenario(embedded.kernel, scenario)).toEqual(observeScenario(linux, scenario));
  });
});
