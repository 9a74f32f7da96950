import { expect, it } from 'vitest';
import { createEmbeddedKernel } from '../../src/engine/embedded/index.ts';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import type { Kernel } from '../../src/sys/kernel.ts';
import type { MapType } from '../../src/uapi/bpf.ts';
import { mapTypeNumber } from '../../src/uapi/bpf.ts';

/** Types of map that the embedded kernel lacks so far. When it has one, {@link kernelsWith} fails until the row is gone. */
const LACKING: Partial<Record<MapType, { readonly key_size: number; readonly value_size: number }>> = {};

/** For `describe.each`: the kernels that have this type of map. That the others refuse it is a test. */
export function kernelsWith(type: MapType): [name: string, create: () => Kernel][] {
  const linux: [string, () => Kernel] = ['linux', createLinuxKernel];
  const embedded: [string, () => Kernel] = ['embedded', () => createEmbeddedKernel().kernel];
  const sizes = LACKING[type];
  if (sizes === undefined) return [linux, embedded];
  it(`the embedded kernel says that it has no ${type}`, () => {
    const attr = { map_type: mapTypeNumber[type], max_entries: 4096, ...sizes };
    expect(() => embedded[1]().bpf('BPF_MAP_CREATE', attr)).toThrow(expect.objectContaining({ code: 'ENOTSUPP' }));
  });
  return [linux];
}
