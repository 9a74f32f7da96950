import { describe, expect, it } from 'vitest';
import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { ATOMICS, allOperations } from '../../src/isa/index.ts';
import { arithmeticCases } from './arithmetic.ts';
import { coverage, differences, observe } from './case.ts';
import { jumpCases } from './jumps.ts';
import { memoryCases } from './memory.ts';

const cases = [...arithmeticCases, ...jumpCases, ...memoryCases];
const compiled = createEmbeddedKernel();
const interpreted = createEmbeddedKernel({ jit: 'off' });

// Against Linux: conformance.netns.ts.
describe('compiled instructions do what interpreted ones do', () => {
  it('has a case for each instruction', () => {
    const { opcodes, atomics } = coverage(cases);
    const missing = allOperations().filter(([opcode, { kind }]) => kind !== 'call' && !opcodes.has(opcode));
    expect(missing).toEqual([]);
    expect([...atomics].sort()).toEqual(
      Object.values(ATOMICS)
        .map(({ imm }) => imm)
        .sort(),
    );
  });

  it.each(cases.map((given) => [given.name, given] as const))('%s', (_name, given) => {
    expect(differences(given, observe(compiled.kernel, given), observe(interpreted.kernel, given))).toEqual([]);
  });
});
