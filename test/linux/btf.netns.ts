import { describe, expect, it } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { loadObjectBtf } from '../../src/loader/object-btf.ts';
import { parseObject } from '../../src/object/index.ts';
import { CORPUS, objectBytes } from '../support/objects.ts';

const kernel = createLinuxKernel();
const specs = CORPUS.map((file) => parseObject(objectBytes(file), { file }));
const withBtf = specs.filter(({ btf, byteOrder }) => btf !== undefined && byteOrder === 'little');

describe('BTF is taken by any kernel', () => {
  it.each(withBtf.map((spec) => [spec.file, spec] as const))('%s', (_file, spec) => {
    const fd = loadObjectBtf(kernel, spec);
    expect(fd).toBeDefined();
    if (fd !== undefined) kernel.close(fd);
  });
});
