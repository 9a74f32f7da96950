import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeInsns, parseAssembly } from '../../../isa/index.ts';
import { mapTypeNumber, progTypeNumber } from '../../../uapi/bpf.ts';
import type { Fd } from '../../../uapi/fd.ts';
import { createEmbeddedKernel } from '../embedded.ts';

/** Runs programs one after the other on one kernel: what each returned, and the frame it left. */
function outcomes(jit: 'on' | 'off', texts: readonly string[], repeat = 1): object {
  const { kernel } = createEmbeddedKernel({ jit, seed: 7 });
  const map = kernel.bpf('BPF_MAP_CREATE', {
    map_type: mapTypeNumber.array,
    key_size: 4,
    value_size: 64,
    max_entries: 1,
  });
  return texts.map((text) => {
    const insns = encodeInsns(parseAssembly(text, { map: () => map }));
    const attr = { prog_type: progTypeNumber.xdp, insns, insn_cnt: insns.length / 8, license: 'GPL' };
    const prog_fd: Fd = kernel.bpf('BPF_PROG_LOAD', attr);
    const data_in = Uint8Array.from({ length: 48 }, (_, i) => i + 1);
    const ran = { prog_fd, data_in, data_size_in: 48, data_out: new Uint8Array(48), data_size_out: 48, retval: 0 };
    kernel.bpf('BPF_PROG_TEST_RUN', { ...ran, repeat });
    const again = { ...ran, repeat };
    kernel.bpf('BPF_PROG_TEST_RUN', again);
    return [again.retval, again.data_out];
  });
}

describe('bytes of a frame', () => {
  const [LOAD, STORE] = [189, 190];
  const step = fc.record({
    helper: fc.constantFrom(LOAD, STORE),
    size: fc.constantFrom(1, 2, 3, 4, 7, 8, 13, 16, 31, 48, 49, 64),
    // biome-ignore format: a list
    offset: fc.oneof(fc.integer({ min: -2, max: 50 }), fc.constantFrom(0x7fffffff, -0x80000000, -1, 0x7ffffff0)),
  });
  /** Adds up what is on the stack, so that all that was loaded counts. */
  const sum = Array.from({ length: 8 }, (_, i) => `r1 = *(u64 *)(r10 - ${8 * (i + 1)})\nr7 *= 31\nr7 += r1`).join('\n');
  const zeros = Array.from({ length: 8 }, (_, i) => `*(u64 *)(r10 - ${8 * (i + 1)}) = ${i + 3}`).join('\n');

  it('are loaded and stored as the helpers do it', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 6 }), (steps) => {
        const calls = steps.map(
          ({ helper, size, offset }) =>
            `r1 = r6\nr2 = ${offset}\nr3 = r10\nr3 += -64\nr4 = ${size}\ncall ${helper}\nr7 *= 31\nr7 += r0`,
        );
        const texts = [`r6 = r1\nr7 = 0\n${zeros}\n${calls.join('\n')}\n${sum}\nr0 = r7\nr7 >>= 32\nr0 ^= r7\nexit`];
        expect(outcomes('on', texts)).toEqual(outcomes('off', texts));
      }),
      { seed: 3, numRuns: 80 },
    );
  });
});

it('random numbers are the same, whoever asks next', () => {
  const text = 'call bpf_get_prandom_u32\nr6 = r0\ncall bpf_get_prandom_u32\nr6 <<= 1\nr0 ^= r6\nexit';
  // Seeds of maps are from the same stream.
  const texts = [text, `r6 = 1\n${text}`, text];
  expect(outcomes('on', texts, 700)).toEqual(outcomes('off', texts, 700));
});
