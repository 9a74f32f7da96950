import { describe, expect, it } from 'vitest';
import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { ATOMICS, allOperations } from '../../src/isa/index.ts';
import type { Kernel } from '../../src/sys/kernel.ts';
import { outcome } from '../contract/session.ts';
import { arithmeticCases } from './arithmetic.ts';
import { coverage, differences, observe } from './case.ts';
import { jumpCases } from './jumps.ts';
import { memoryCases } from './memory.ts';
import { observeScenario } from './scenario.ts';
import { scenarios } from './scenarios.ts';

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

describe('compiled programs do what interpreted ones do', () => {
  it.each(scenarios.map((scenario) => [scenario.name, scenario] as const))('%s', (_name, scenario) => {
    expect(observeScenario(compiled.kernel, scenario)).toEqual(observeScenario(interpreted.kernel, scenario));
  });

  it('and none of them was interpreted', () => {
    expect(traced(compiled.kernel)).toBe('');
  });
});

/** What the trace log has. */
function traced(kernel: Kernel): string {
  const pipe = kernel.open('/sys/kernel/tracing/trace_pipe', 0);
  const bytes = new Uint8Array(65536);
  const text = outcome(() => new TextDecoder().decode(bytes.subarray(0, kernel.read(pipe, bytes))));
  kernel.close(pipe);
  return text === 'EAGAIN' ? '' : String(text);
}
