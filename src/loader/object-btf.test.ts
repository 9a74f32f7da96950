import { describe, expect, it } from 'vitest';
import { answering } from '../../test/support/machine.ts';
import { objectBytes } from '../../test/support/objects.ts';
import { parseBtf } from '../btf/index.ts';
import { createEmbeddedKernel } from '../engine/embedded/index.ts';
import { SysError } from '../errors.ts';
import { parseObject } from '../object/index.ts';
import type { Kernel } from '../sys/kernel.ts';
import { errno } from '../uapi/errno.ts';
import { loadObjectBtf } from './object-btf.ts';

/** An embedded kernel that refuses BTF with types of these kinds, and the kinds of all that it was given. */
function olderKernel(refused: readonly string[]): { kernel: Kernel; given: string[][] } {
  const { kernel } = createEmbeddedKernel();
  const given: string[][] = [];
  const older: Kernel['bpf'] = (cmd, attr) => {
    if (cmd === 'BPF_BTF_LOAD' && 'btf' in attr && attr.btf instanceof Uint8Array) {
      const btf = parseBtf(attr.btf);
      const kinds = [...new Set([...btf.ownIds()].map((id) => btf.type(id).kind))];
      given.push(kinds);
      if (kinds.some((kind) => refused.includes(kind))) throw new SysError(errno.EINVAL, cmd);
    }
    return kernel.bpf(cmd, attr);
  };
  return { kernel: answering(kernel, { bpf: older }), given };
}

describe('the BTF of an object', () => {
  const spec = parseObject(objectBytes('test/objects/types.o'));

  it('is loaded as it is by a kernel that takes it', () => {
    const { kernel, given } = olderKernel([]);
    expect(loadObjectBtf(kernel, spec)).toBeDefined();
    expect(given).toHaveLength(1);
  });

  it('is loaded without what an older kernel lacks', () => {
    const { kernel, given } = olderKernel(['enum64']);
    expect(loadObjectBtf(kernel, spec)).toBeDefined();
    expect(given[0]).toEqual(expect.arrayContaining(['enum64', 'typedef']));
    expect(given.at(-1)).toContain('typedef');
    const asked = given.length;
    expect(loadObjectBtf(kernel, spec)).toBeDefined();
    expect(given).toHaveLength(asked + 2);
  });

  it('is left out when it is refused in any form', () => {
    const { kernel } = olderKernel(['int']);
    expect(loadObjectBtf(kernel, spec)).toBeUndefined();
  });
});
