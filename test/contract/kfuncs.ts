import { describe, expect, it } from 'vitest';
import { load, openObject } from '../../src/index.ts';
import type { Kernel } from '../../src/sys/kernel.ts';
import { objectBytes } from '../support/objects.ts';

const [ENOENT, E2BIG, EINVAL, ERANGE] = [-2, -7, -22, -34];
/** -EINVAL as bpf_dynptr_size gives it. */
const NO_SIZE = 2 ** 32 + EINVAL;

/** A frame of 64 bytes whose bytes are their own places, but for those of the headers that are looked at. */
const frame = new Uint8Array(64).map((_, i) => i);
frame.set([8, 0, 0x45, 0, 0, 50], 12);

/** What each program of kfuncs.c leaves in `seen`. */
// biome-ignore format: a row per group of calls
const SEEN: Readonly<Record<string, readonly number[]>> = {
  // Of each range: what making the iterator answers, how many numbers, their sum.
  numbers: [
    0, 4, 10,   0, 6, -3,   0, 0, 0,   EINVAL, 0, 0,   E2BIG, 0, 0,
    E2BIG, 0, 0,   0, 3, -2147483645,   0, 2, -5,
  ],
  set_bits: [0, 0, 63, 1,   0, 0, 63, 129, 130, 196, 1,   0, 1,   EINVAL, 1,   EINVAL, 1,   E2BIG, 1,   0, 1, 2, 68, 1],
  memory_dynptr: [
    0, 0, 0, 26,   0, 0, 6, 26,   0x69, 0, 0x58,   E2BIG, 0, 0x6a,   EINVAL, ERANGE, ERANGE, 0, 0,   E2BIG, 0, EINVAL, EINVAL, 0x33,
    0, E2BIG, 0x7a + 0x6f,   EINVAL, 1, 0, NO_SIZE, EINVAL, 1, E2BIG, 0,
  ],
  copied_dynptr: [0, 0x64, 0x67, 0,   E2BIG, E2BIG, E2BIG,   0, 0x68,   EINVAL, EINVAL, E2BIG, 0, E2BIG,   EINVAL, 1],
  skb_dynptr: [0,   0, 64, 8, -1, 0, EINVAL, 0, 0, 8,   0, 0, E2BIG, 1, 0,   0, 9,   EINVAL, 1],
  rdonly_dynptr: [0,   1, 50, 26, -1, EINVAL, EINVAL, EINVAL, 0, 35,   0, 0, E2BIG, 1, 30],
  xdp_dynptr: [0,   0, 64, 8, -1, 0, EINVAL, EINVAL, 0, 8,   0, 0, E2BIG, 1, 0,   EINVAL, 1],
  regions: [1, 2, 3],
  compared: [0, 1, -1, 1, -1, 1,   0, -1,   ERANGE, ERANGE, ERANGE],
  searched: [
    2, ENOENT, 5,   2, 5, 5,   ENOENT, 2, ENOENT, ENOENT, 5,   3, ENOENT, 5,   5, 0, 3, 5, 0,   4, 0, 5,   2, 5, 0,   ERANGE, ERANGE, ERANGE, 4,
  ],
  substrings: [3, ENOENT, 0, 0, ENOENT,   ENOENT, 3, 3, 0, ENOENT, 0, ENOENT,   ERANGE],
  too_long: [0, 0,   E2BIG, E2BIG, 65535,   E2BIG, E2BIG, E2BIG, ENOENT,   E2BIG, E2BIG, E2BIG, E2BIG, 0],
};

/** The same programs on every kernel. */
export function kfuncs(kernel: Kernel): void {
  const object = openObject(objectBytes('test/objects/kfuncs.o'), { file: 'kfuncs.o' });

  it.each(Object.keys(SEEN))('%s', (name) => {
    const programs = object.spec.programs.filter((program) => program.name === name);
    using loaded = load(kernel, object, { programs });
    expect(loaded.program(name).run({ data: frame }).retval).toBe(0);
    const seen = (loaded.globals.seen as bigint[]).map(Number); // __s64[48]
    expect(seen.slice(0, Number(loaded.globals.at))).toEqual(SEEN[name]);
  });

  describe('bpf_throw', () => {
    const throwing = openObject(objectBytes('test/objects/exceptions.o'), { file: 'exceptions.o' });

    it.each([
      ['its callback says what the result is', 'throwing', 64, 42],
      ['who does not throw has a result', 'throwing', 20, 7],
      ['without a callback the cookie is the result', 'cookie', 64, 43],
      ['a function of a function throws', 'deep', 64, 44],
    ])('%s', (_name, program, size, want) => {
      const programs = throwing.spec.programs.filter(({ name }) => name === program);
      using loaded = load(kernel, throwing, { programs });
      expect(loaded.program(program).run({ data: new Uint8Array(size) }).retval).toBe(want);
    });
  });
}
