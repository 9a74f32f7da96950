import { expect, it } from 'vitest';
import { encodeInsns, parseAssembly } from '../../../isa/index.ts';
import { BPF_F_RDONLY_PROG, mapTypeNumber, progTypeNumber } from '../../../uapi/bpf.ts';
import { createEmbeddedKernel } from '../embedded.ts';

const FRAME = new Uint8Array(64);

/** Runs a program with r1 at a value of 16 bytes before and after user space changes that, if it may. */
function verdicts(jit: 'on' | 'off', freeze: boolean, text: string): (number | undefined)[] {
  const { kernel } = createEmbeddedKernel({ jit });
  const sizes = { key_size: 4, value_size: 16, max_entries: 1 };
  const map_fd = kernel.bpf('BPF_MAP_CREATE', {
    map_type: mapTypeNumber.array,
    ...sizes,
    map_flags: BPF_F_RDONLY_PROG,
  });
  const write = (first: number) => {
    const value = Uint8Array.from({ length: 16 }, (_, i) => first + 7 * i);
    kernel.bpf('BPF_MAP_UPDATE_ELEM', { map_fd, key: new Uint8Array(4), value });
  };
  write(0x85);
  if (freeze) kernel.bpf('BPF_MAP_FREEZE', { map_fd });
  const insns = encodeInsns(parseAssembly(`r1 = map[fd:0][0]+0\n${text}\nexit`, { map: () => map_fd }));
  insns.set(new Uint8Array(Int32Array.of(map_fd).buffer), 4);
  const attr = { insns, insn_cnt: insns.length / 8, license: 'GPL' };
  const prog_fd = kernel.bpf('BPF_PROG_LOAD', { prog_type: progTypeNumber.xdp, ...attr });
  const run = () => {
    const ran = { prog_fd, data_in: FRAME, data_size_in: FRAME.length, retval: 0 };
    kernel.bpf('BPF_PROG_TEST_RUN', ran);
    return ran.retval;
  };
  const before = run();
  if (!freeze) write(0x11);
  return [before, run()];
}

const HASH = (load: string) => `${load}\nr2 = r0\nr2 >>= 32\nr0 ^= r2`;

it.each([
  ['a byte', 'r0 = *(u8 *)(r1 + 3)'],
  ['two bytes', 'r0 = *(u16 *)(r1 + 2)'],
  ['a word', 'r0 = *(u32 *)(r1 + 4)'],
  ['eight bytes', HASH('r0 = *(u64 *)(r1 + 8)')],
  ['a byte with its sign', HASH('r0 = *(s8 *)(r1 + 0)')],
  ['a word with its sign', HASH('r0 = *(s32 *)(r1 + 0)')],
  ['a number that decides', 'r0 = 2\nr3 = *(u8 *)(r1 + 1)\nif r3 == 0x8c goto +1\nr0 = 1'],
  ['a number that does not', 'r0 = 2\nr3 = *(u8 *)(r1 + 1)\nif r3 s< -1 goto +1\nr0 = 1'],
  ['what is behind a number', 'r1 += 6\nr0 = *(u16 *)(r1 + 0)\nr2 = *(u8 *)(r1 - 1)\nr0 *= r2'],
] as const)('a frozen map is as good as the numbers in it: %s', (_name, text) => {
  const frozen = verdicts('on', true, text);
  expect(frozen).toEqual(verdicts('off', true, text));
  expect(frozen[0]).toBe(frozen[1]);
  const written = verdicts('on', false, text);
  expect(written).toEqual(verdicts('off', false, text));
  expect(written[0]).toBe(frozen[0]);
});

it('a map that is not frozen is looked at each time', () => {
  expect(verdicts('on', false, 'r0 = *(u8 *)(r1 + 0)')).toEqual([0x85, 0x11]);
});
