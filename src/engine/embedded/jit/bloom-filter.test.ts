import fc from 'fast-check';
import { expect, it } from 'vitest';
import { encodeInsns, parseAssembly } from '../../../isa/index.ts';
import { BPF_F_ZERO_SEED, mapTypeNumber, progTypeNumber } from '../../../uapi/bpf.ts';
import { createEmbeddedKernel } from '../embedded.ts';

const MAX_VALUE = 72;
const words = Array.from({ length: MAX_VALUE / 8 }, (_, i) => [16 + 8 * i, -MAX_VALUE + 8 * i] as const);
/** Byte 14 of the frame says whether the value behind it is put in (0), put in with a flag that there is not (1), or looked for (2). The verdict is the result. */
const PROGRAM = `
  r0 = 99
  r6 = *(u32 *)(r1 + 0)
  r7 = *(u32 *)(r1 + 4)
  r8 = r6
  r8 += ${16 + MAX_VALUE}
  if r8 > r7 goto out
  ${words.map(([frame, stack]) => `r3 = *(u64 *)(r6 + ${frame})\n*(u64 *)(r10 ${stack}) = r3`).join('\n')}
  r9 = *(u8 *)(r6 + 14)
  r1 = map[name:m]
  r2 = r10
  r2 += ${-MAX_VALUE}
  if r9 == 2 goto peek
  r3 = 0
  if r9 == 0 goto push
  r3 = 2
  call bpf_map_push_elem
  goto out
push:
  call bpf_map_push_elem
  goto out
peek:
  call bpf_map_peek_elem
out:
  exit`;

function setUp(value_size: number, map_extra: bigint, jit: 'on' | 'off'): (frame: Uint8Array) => number {
  const { kernel } = createEmbeddedKernel({ jit });
  const attr = { key_size: 0, value_size, max_entries: 8, map_extra, map_flags: BPF_F_ZERO_SEED };
  const map = kernel.bpf('BPF_MAP_CREATE', { map_type: mapTypeNumber.bloom_filter, ...attr });
  const insns = encodeInsns(parseAssembly(PROGRAM, { map: () => map }));
  const attrs = { prog_type: progTypeNumber.xdp, insns, insn_cnt: insns.length / 8, license: 'GPL' };
  const prog_fd = kernel.bpf('BPF_PROG_LOAD', attrs);
  return (data_in) => {
    const ran = { prog_fd, data_in, data_size_in: data_in.length, retval: 0 };
    kernel.bpf('BPF_PROG_TEST_RUN', ran);
    return ran.retval | 0;
  };
}

// Few bits, so that values are found that were not put in.
it.each([
  [1, 0n],
  [3, 1n],
  [4, 15n],
  [13, 2n],
  [64, 3n],
  [72, 0n],
])('a filter for values of %i bytes, with %i hashes, answers what the interpreter does', (size, hashes) => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom(0, 0, 1, 2, 2), fc.nat(60)), { minLength: 10, maxLength: 60 }),
      (steps) => {
        const [compiled, interpreted] = [setUp(size, hashes, 'on'), setUp(size, hashes, 'off')];
        const answers = steps.map(([what, n]) => {
          const frame = Uint8Array.from({ length: 16 + MAX_VALUE }, (_, i) => (i < 16 ? what : n * (i + 3)));
          return [compiled(frame), interpreted(frame)] as const;
        });
        expect(answers.map(([answer]) => answer)).toEqual(answers.map(([, answer]) => answer));
      },
    ),
    { seed: 4, numRuns: 12 },
  );
});
