import { expect } from 'vitest';
import { flow } from './flow.ts';

const TEMPLATE = 'examples/globals/template.bpf.o';

flow('pins of internal maps are named as by bpftool', (f) => {
  f.run('prog', 'loadall', TEMPLATE, '/sys/fs/bpf/p', 'type', 'tc', 'pinmaps', '/sys/fs/bpf/maps');
  expect(f.run('fs', 'ls', '/sys/fs/bpf/maps').replace(/ .*/g, '').trim().split('\n').sort()).toEqual([
    'template_bss',
    'template_data',
    'template_rodata',
  ]);
});

flow('what is lacking, and where', (f) => {
  expect(f.fails(6, 'plan', TEMPLATE, 'test/objects/types_be.o')).toContain(
    'test/objects/types_be.o: a big-endian eBPF object is not supported; compile with -target bpfel',
  );
  const words = ['type', 'lpm_trie', 'key', '8', 'value', '4', 'entries', '1', 'name', 'm', 'flags', '1'];
  const { status, stderr } = f.kernel.skep('map', 'create', '/sys/fs/bpf/m', ...words);
  // Only one of the two has this type.
  expect(status).toBe(f.kernel.name === 'linux' ? 0 : 6);
  if (f.kernel.name === 'embedded') expect(stderr).toContain('the embedded kernel has no lpm_trie maps yet');
});

flow('a program keeps the time of its load', async (f) => {
  f.run('prog', 'load', TEMPLATE, '/sys/fs/bpf/p', 'type', 'tc');
  const loadedAt = (): number => JSON.parse(f.ask('-j', 'prog', 'show', 'pinned', '/sys/fs/bpf/p')).loaded_at;
  const first = loadedAt();
  expect(Math.abs(first - Date.now() / 1000)).toBeLessThan(30);
  await new Promise((resolve) => setTimeout(resolve, 2500));
  // The clocks are read one after the other.
  expect(Math.abs(loadedAt() - first)).toBeLessThanOrEqual(1);
});
