import { expect, it } from 'vitest';
import { load, openObject } from '../../src/index.ts';
import type { Kernel } from '../../src/sys/kernel.ts';
import { objectBytes } from '../support/objects.ts';
import { eventually } from './session.ts';

const [EINVAL, EBUSY, ENOENT, EEXIST] = [-22, -16, -2, -17];
const IN_HASH = [0, EBUSY, 0, EINVAL, 11, 0];

/** What each program of values.c leaves in `seen`; the rest are zeros. */
const SEEN: Readonly<Record<string, readonly number[]>> = {
  locks: [1, 0, 5, EEXIST, ENOENT, 0, 0, 7, 0, 7],
  timers: [EINVAL, EINVAL, EINVAL, EINVAL, 0, EBUSY, EINVAL, 0, EINVAL, 0, EINVAL, 0, 0, 1, 0],
  fires: [0, 0, 0, 0],
  in_hash: IN_HASH,
  in_blocks: IN_HASH,
  in_lru: IN_HASH,
};

/** The same programs on every kernel. */
export function valuePrograms(kernel: Kernel): void {
  const object = openObject(objectBytes('test/objects/values.o'), { file: 'values.o' });

  it.each(Object.keys(SEEN))('%s', (name) => {
    using loaded = load(kernel, object);
    expect(loaded.program(name).run({ data: new Uint8Array(64) }).retval).toBe(0);
    const want = SEEN[name] ?? [];
    const seen = loaded.globals.seen as bigint[]; // __s64[16]
    expect(seen.map(Number)).toEqual([...want, ...new Array(16 - want.length).fill(0)]);
  });

  it('timers fire', () => {
    using loaded = load(kernel, object);
    loaded.program('fires').run({ data: new Uint8Array(64) });
    const fired = (): number[] => (loaded.globals.fired as bigint[]).map(Number).slice(0, 4); // __u64[8]
    expect(eventually(() => fired().join() === '1,3,35,1')).toBe(true);
  });
}
