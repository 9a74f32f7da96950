import fc from 'fast-check';
import { expect, it } from 'vitest';
import { encodeInsns, parseAssembly } from '../../../isa/index.ts';
import { progTypeNumber } from '../../../uapi/bpf.ts';
import type { Fd } from '../../../uapi/fd.ts';
import { createEmbeddedKernel } from '../embedded.ts';

const [HEAD, META, TAIL] = [44, 54, 65];
const FRAME = Uint8Array.from({ length: 80 }, (_, i) => i + 1);

/** What is left of a frame after helpers moved its beginning and end, and a bit for each that refused to. */
function outcome(jit: 'on' | 'off', moves: readonly (readonly [helper: number, delta: number])[]): object {
  const { kernel } = createEmbeddedKernel(jit === 'off' ? { jit } : {});
  const calls = moves.map(([helper, delta]) => `r1 = r6\nr2 = ${delta}\ncall ${helper}\nr7 <<= 1\nr0 >>= 63\nr7 |= r0`);
  const text = `r6 = r1\nr7 = 0\n${calls.join('\n')}\nr0 = r7\nexit`;
  const insns = encodeInsns(parseAssembly(text, { map: () => 0 as Fd })); // there are none
  const prog_fd = kernel.bpf('BPF_PROG_LOAD', {
    prog_type: progTypeNumber.xdp,
    insns,
    insn_cnt: insns.length / 8,
    license: 'GPL',
  });
  const attr = {
    prog_fd,
    data_in: FRAME,
    data_size_in: FRAME.length,
    data_out: new Uint8Array(4096),
    data_size_out: 4096,
  };
  const ctx_in = new Uint8Array(24);
  ctx_in[4] = FRAME.length; // data_end
  const ran = { ...attr, ctx_in, ctx_size_in: 24, ctx_out: new Uint8Array(24), ctx_size_out: 24, retval: 0 };
  kernel.bpf('BPF_PROG_TEST_RUN', ran);
  return { refused: ran.retval, size: ran.data_size_out, frame: ran.data_out.slice(0, 256), context: ran.ctx_out };
}

const helper = fc.constantFrom(HEAD, META, TAIL);
// biome-ignore format: a list
const edges = [0, 1, -1, 4, -4, 14, -14, 20, -20, 66, 67, -66, -67, 80, -80, 216, -216, 217, -217, -240, -252, -256, 256, 3440, 3441, 0x7fffffff, -0x80000000];
const delta = fc.oneof(
  fc.constantFrom(...edges),
  fc.integer({ min: -300, max: 300 }),
  fc.integer({ min: -75, max: 75 }).map((n) => 4 * n),
  fc.integer(),
);

it('moves the ends of a frame as the helpers do', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(helper, delta), { maxLength: 6 }), (moves) => {
      expect(outcome('on', moves)).toEqual(outcome('off', moves));
    }),
    { seed: 7, numRuns: 150 },
  );
});

it.each([
  ['the head', [[HEAD, -20]], { refused: 0, size: 100 }],
  ['the head further than there is room', [[HEAD, -217]], { refused: 1, size: 80 }],
  ['the head so that less than a header is left', [[HEAD, 67]], { refused: 1, size: 80 }],
  [
    'metadata, then the head with it',
    [
      [META, -8],
      [HEAD, -4],
    ],
    { refused: 0, size: 8 + 84 },
  ],
  ['metadata of no whole words', [[META, -6]], { refused: 1, size: 80 }],
  ['the tail', [[TAIL, 100]], { refused: 0, size: 180 }],
  ['the tail beyond the page', [[TAIL, 4000]], { refused: 1, size: 80 }],
] as const)('%s', (_name, moves, want) => {
  expect(outcome('on', moves)).toMatchObject(want);
});
