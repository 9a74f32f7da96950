import { bench, describe } from 'vitest';
import { createEmbeddedKernel } from '../src/engine/embedded/index.ts';
import { createLinuxKernel, probeLinux } from '../src/engine/linux/index.ts';
import { openMap } from '../src/loader/index.ts';
import type { Kernel } from '../src/sys/kernel.ts';

/** A hash with 1000 elements, as a program would use it. */
function hash(kernel: Kernel) {
  const fd = kernel.bpf('BPF_MAP_CREATE', {
    map_type: 1,
    key_size: 4,
    value_size: 8,
    max_entries: 1000,
    map_name: 'bench',
  });
  const map = openMap(kernel, { fd });
  const keys = Array.from({ length: 1000 }, (_, n) => new Uint8Array(new Uint32Array([n]).buffer));
  for (const key of keys) map.setBytes(key, new Uint8Array(8));
  return { map, keys };
}

const kernels: Record<string, () => Kernel> = { embedded: () => createEmbeddedKernel().kernel };
const probe = probeLinux();
if (probe.ok) kernels.linux = createLinuxKernel;
else console.log(`linux is left out: ${probe.reason}`);
const made = Object.entries(kernels).map(([name, make]) => ({ name, ...hash(make()) }));
const value = new Uint8Array(8);

describe('1000 lookups', () => {
  for (const { name, map, keys } of made) {
    bench(name, () => {
      for (const key of keys) map.getBytes(key);
    });
  }
});

describe('1000 updates', () => {
  for (const { name, map, keys } of made) {
    bench(name, () => {
      for (const key of keys) map.setBytes(key, value);
    });
  }
});
