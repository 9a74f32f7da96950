import { expect, it } from 'vitest';
import { load, openObject } from '../../src/index.ts';
import type { Kernel } from '../../src/sys/kernel.ts';
import { objectBytes } from '../support/objects.ts';

const EINVAL = -22;
const ERANGE = -34;
const S64_MAX = 2n ** 63n - 1n;
const WORDS = 32;

/** What each program of helper_programs.c leaves in `seen`; the rest are zeros. */
// biome-ignore format: a row per call
const SEEN: Readonly<Record<string, readonly (number | bigint)[]>> = {
  // The result and the number of strtol, then those of strtoul.
  decimals: [
    3, 123, 3, 123,
    5, -45, EINVAL, 0,
    EINVAL, 0, EINVAL, 0,
    EINVAL, 0, EINVAL, 0,
    19, S64_MAX, 19, S64_MAX,
    ERANGE, 0, 19, -S64_MAX - 1n,
    20, -S64_MAX - 1n, EINVAL, 0,
    ERANGE, 0, ERANGE, 0,
  ],
  bases: [
    4, 31, 4, 31,
    4, 31, 4, 31,
    1, 0, 1, 0,
    1, 0, 1, 0,
    EINVAL, 0, EINVAL, 0,
    3, 63, 3, 63,
    2, 255, 2, 255,
    EINVAL, 0, EINVAL, 0,
  ],
  flags_of_number: [
    EINVAL, 0, EINVAL, 0,
    EINVAL, 0, EINVAL, 0,
    2, 0, EINVAL, 0,
    63, 0, 63, 0,
  ],
  strings: [0, -1, 1, -1, 1, 1, 0, 0, 0, 0],
  // The results, then bytes of what was written: `3`, the NUL, what is behind it, a NUL alone, `5`.
  rooms: [6, 6, 6, 6, 5, 5, 0x33, 0, 0x78, 0, 0x35],
  refused_formats: new Array(15).fill(EINVAL),
  traced: [19],
  each_cpu: [0, 7, 0, -1, -1, 0, 7, 0, -1, -1],
  who: [1, 0, 0, 1, 1, 1, 0, 1],
};

/** What those leave in `text` that print. `seen[0]` is its length with the NUL. */
const TEXT: Readonly<Record<string, string>> = {
  numbers_as_text: '-1 4294967295 abcd ABCD -2 -3 18446744073709551615 123456789abcdef 7',
  widths: '[  -42][-42  ][-0042][+42][ 42][42   ][+0042][0000beef][word][word    ][   word]',
  characters: 'ab 100% [   c][d   ] word;word ',
  addresses:
    '10.1.0.255 010.001.000.255 fe80:0000:0000:0000:0000:0000:0000:1234 fe800000000000000000000000001234 10.1.0.255 10.1.0.255 0.0.0.0',
  pointers: `${'0'.repeat(16)} ${'0'.repeat(16)} 0000000000001234 ${'1234'.padStart(20)} ${'1234'.padEnd(20)}| 0x1234 0x1234 ${'0'.repeat(16)}`,
};

/** The same programs on every kernel. */
export function helperPrograms(kernel: Kernel): void {
  const object = openObject(objectBytes('test/objects/helper_programs.o'), { file: 'helper_programs.o' });

  function run(name: string): { seen: readonly bigint[]; text: string } {
    const programs = object.spec.programs.filter((program) => program.name === name);
    using loaded = load(kernel, object, { programs });
    expect(loaded.program(name).run({ data: new Uint8Array(64) }).retval).toBe(0);
    const { seen, text } = loaded.globals;
    return { seen: seen as bigint[], text: String(text) }; // __s64[32] and char[1024]
  }

  it.each(Object.keys(SEEN))('%s', (name) => {
    const want = (SEEN[name] ?? []).map(BigInt);
    expect(run(name).seen).toEqual([...want, ...new Array(WORDS - want.length).fill(0n)]);
  });

  it.each(Object.keys(TEXT))('%s', (name) => {
    const { seen, text } = run(name);
    expect(text).toBe(TEXT[name]);
    expect(seen[0]).toBe(BigInt(text.length + 1));
  });

  it('values of tasks', () => {
    const tasks = openObject(objectBytes('test/objects/task_storage.o'), { file: 'task_storage.o' });
    using loaded = load(kernel, tasks);
    const run = (name: string) => loaded.program(name).run({ data: new Uint8Array(64) }).retval | 0;
    const ENOENT = -2;
    expect([run('forget'), run('count'), run('count'), run('forget'), run('count')]).toEqual([ENOENT, 11, 12, 0, 11]);
  });
}
