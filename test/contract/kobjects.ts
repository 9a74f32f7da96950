import { expect, it } from 'vitest';
import { load, openObject } from '../../src/index.ts';
import type { Kernel } from '../../src/sys/kernel.ts';
import { objectBytes } from '../support/objects.ts';
import { eventually } from './session.ts';

const [EBUSY, EINVAL] = [-16, -22];

/** What each program of kobjects.c leaves in `seen`. */
// biome-ignore format: a row per group of calls
const SEEN: Readonly<Record<string, readonly number[]>> = {
  lists: [-1, -1,   0, 0, 0, 3, 2,   2, 3,   0, 1, 4, -1, 0],
  // Shapes: the root, its children, and theirs.
  trees: [
    -1,   5, 3, 8, 1, 4, 7, 9,   5, 3, 8, 1, 4, 6, 9,   5,   5, 3, 8, 1, 4, 6, 9,   1, 3, 8,   5, 4, 7, 2, -1, 6, 9,   5, 6,
    7, 4, 9, 2, -1, -1, -1,   2, 4, 7, 9, -1,
  ],
  grown: [-7403767359337889000,   32, 12, 41, 4, 26, 37, 54],
  references: [0, 0, EINVAL, 17,   1, 0,   17, 0],
  pointers: [0, 0, 11, 11, 0, 0, 0],
  each_cpu: [0, 0, 3, 0, 0],
  in_maps: [0, 0, 1, 0, 0, 0],
  workqueues: [EINVAL, EINVAL, EINVAL, 0, EBUSY, EINVAL, 0, EINVAL, 0],
  cpumasks: [0, 1,   1, 1, 1, 0, 0,   0, 1, 0,   0, 1,   1, 0, 1, 2,   1, 1, 1, 0,   1, 0, 1,   1, 1, 1],
};

/** The same programs on every kernel. */
export function kernelObjects(kernel: Kernel): void {
  const object = openObject(objectBytes('test/objects/kobjects.o'), { file: 'kobjects.o' });

  it.each(Object.keys(SEEN))('%s', (name) => {
    const programs = object.spec.programs.filter((program) => program.name === name);
    using loaded = load(kernel, object, { programs });
    const program = loaded.program(name);
    const { retval } = program.run(name === 'cpumasks' ? {} : { data: new Uint8Array(64) });
    expect(retval).toBe(0);
    const seen = (loaded.globals.seen as bigint[]).map(Number); // __s64[64]
    expect(seen.slice(0, Number(loaded.globals.at))).toEqual(SEEN[name]);
    const worked = (): number => Number((loaded.globals.worked as bigint[])[1]); // __u64[4]
    if (name === 'workqueues') expect(eventually(() => worked() === 101)).toBe(true);
  });
}
