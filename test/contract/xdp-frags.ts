import { expect, it } from 'vitest';
import { load, openObject } from '../../src/index.ts';
import type { Kernel } from '../../src/sys/kernel.ts';
import { objectBytes } from '../support/objects.ts';

const EINVAL = -22;
const WHOLE = 9000;
/** Bytes of a frame in its first page. */
const LINEAR = 3520;
/** Each byte is its own place, as far as one goes. */
const frame = new Uint8Array(WHOLE).map((_, i) => i % 251);
const byte = (at: number) => frame[at] ?? -1;

/** What each program of xdp_frags.c leaves in `seen`. */
// biome-ignore format: a row per group of calls
const SEEN: Readonly<Record<string, readonly number[]>> = {
  bytes: [WHOLE, LINEAR,   0, byte(LINEAR - 4) + byte(LINEAR), 0, byte(LINEAR + 10), EINVAL, 0,   0, 0, EINVAL],
  pulls: [0, 0, EINVAL, EINVAL, 0, 100, 0,   0, byte(LINEAR + 50), 0, byte(WHOLE - 1),   0, EINVAL, 216],
  tails: [
    0, 9100, 0,   0, 11712, EINVAL, 11712,   0, 7616, EINVAL, 7616, 0, 7520, EINVAL, 7520, 0, 7540,   0, 0,
    EINVAL, 7540,   0, 2540, 2540, 0, 2541, EINVAL, 2541,
  ],
};

/** The same programs on every kernel. */
export function xdpFragments(kernel: Kernel): void {
  const object = openObject(objectBytes('test/objects/xdp_frags.o'), { file: 'xdp_frags.o' });

  it.each(Object.keys(SEEN))('%s', (name) => {
    using loaded = load(kernel, object, { programs: object.spec.programs.filter((program) => program.name === name) });
    const data_out = new Uint8Array(WHOLE);
    const attr = { data_in: frame, data_size_in: WHOLE, data_out, data_size_out: WHOLE, retval: 0 };
    kernel.bpf('BPF_PROG_TEST_RUN', { prog_fd: loaded.program(name).fd, ...attr });
    const seen = (loaded.globals.seen as bigint[]).map(Number); // __s64[64]
    expect(seen.slice(0, Number(loaded.globals.at))).toEqual(SEEN[name]);
    const left = frame.slice();
    if (name === 'bytes') {
      const word = frame.slice(WHOLE - 8);
      word[0] = word[7] = 0xee;
      left.set(word, LINEAR - 4);
      left.set(word, WHOLE - 8);
    }
    if (name === 'tails') left.fill(0, 2540);
    expect(data_out).toEqual(left);
  });
}
