import { expect, it } from 'vitest';
import { objectBytes } from '../../../../test/support/objects.ts';
import { load, openObject } from '../../../index.ts';
import type { Kernel } from '../../../sys/kernel.ts';
import { createEmbeddedKernel } from '../embedded.ts';

function text(kernel: Kernel, name: string): string {
  const fd = kernel.open(`/sys/fs/bpf/${name}`, 0);
  const bytes = new Uint8Array(4096);
  const length = kernel.read(fd, bytes);
  kernel.close(fd);
  return new TextDecoder().decode(bytes.subarray(0, length));
}

it('maps.debug and progs.debug list what there is', () => {
  using embedded = createEmbeddedKernel();
  const { kernel } = embedded;
  expect([text(kernel, 'maps.debug'), text(kernel, 'progs.debug')]).toEqual(['', '']);
  using _ = load(kernel, openObject(objectBytes('test/objects/elements.o'), { file: 'elements.o' }));
  const insns = Uint8Array.of(0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0);
  kernel.bpf('BPF_PROG_LOAD', { prog_type: 3, insns, insn_cnt: 2, license: 'GPL', prog_name: 'plain' });
  kernel.bpf('BPF_MAP_CREATE', { map_type: 1, key_size: 4, value_size: 4, max_entries: 1_000_000 });
  expect(text(kernel, 'maps.debug')).toMatchInlineSnapshot(`
    "  id name             max_entries
       1 elements.rodata      1
       2                 1000000
    "
  `);
  expect(text(kernel, 'progs.debug')).toMatchInlineSnapshot(`
    "  id name             attached
       1 elements         bpf_iter_bpf_map_elem 
       2 each_cpu         bpf_iter_bpf_map_elem 
       3 plain             
    "
  `);
});
