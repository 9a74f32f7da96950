import { expect, it } from 'vitest';
import { load, openObject } from '../../src/index.ts';
import type { Kernel } from '../../src/sys/kernel.ts';
import { objectBytes } from '../support/objects.ts';

const [ENOENT, E2BIG, EFAULT, ERANGE, EDEADLK] = [-2, -7, -14, -34, -35];

/** What each program of kernel_views.c leaves in `seen`. */
// biome-ignore format: a row per group of calls
const SEEN: Readonly<Record<string, readonly number[]>> = {
  cast_skb: [64, 8, 1, 108, 0, 9, 1, 0, 0, 108],
  cast_xdp: [64, 0, 0, 1, 108, 60],
  tasks: [1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 5, 6, 0, ENOENT, 0, 0, 1],
  cgroups: [1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 0, 0, 7, 8, 0, ENOENT, 0, 0],
  res_locks: [EDEADLK, 1, 2, 0, 0],
  probes: [
    0, 8056, 0, 13152,   E2BIG, E2BIG, 0, ERANGE, 13152, EFAULT,   13, 11936, 5, 11732,   E2BIG, 0, 1, ERANGE,   EFAULT, EFAULT, E2BIG, 11411,
    EFAULT, 11411, EFAULT, E2BIG, 10698,
  ],
};

const frame = new Uint8Array(64);
frame.set([8, 0, 0x45, 0, 0, 50], 12);

/** The same programs on every kernel. */
export function kernelViews(kernel: Kernel): void {
  const object = openObject(objectBytes('test/objects/kernel_views.o'), { file: 'kernel_views.o' });

  it.each(Object.keys(SEEN))('%s', (name) => {
    const programs = object.spec.programs.filter((program) => program.name === name);
    using loaded = load(kernel, object, { programs });
    loaded.program(name).run(name === 'probes' ? {} : { data: frame });
    const seen = (loaded.globals.seen as bigint[]).map(Number); // __s64[64]
    expect(seen.slice(0, Number(loaded.globals.at))).toEqual(SEEN[name]);
  });
}
