import { describe, expect, it } from 'vitest';
import { BtfBuilder } from '../../src/btf/index.ts';
import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { answerTo, kernelVariables } from './kernel-variables.ts';

// On Linux the same: kernel-variables.netns.ts.
describe('variables of the kernel, on embedded', () => {
  kernelVariables(createEmbeddedKernel().kernel);

  it('a variable of types that were brought, which the kernel has not', () => {
    const types = new BtfBuilder();
    const typeId = types.add({ kind: 'int', name: 'int', size: 4, bits: 32, bitOffset: 0, encoding: 'signed' });
    const imm = types.add({ kind: 'var', name: 'jiffies_till_tea', typeId, linkage: 1 });
    using embedded = createEmbeddedKernel({ btf: types.bytes() });
    const want = "ENOENT ldimm64 failed to find the address for kernel symbol 'jiffies_till_tea'.";
    expect(answerTo(embedded.kernel, imm, 0)).toBe(want);
  });
});
