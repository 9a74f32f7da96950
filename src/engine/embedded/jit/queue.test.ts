import fc from 'fast-check';
import { expect, it } from 'vitest';
import { encodeInsns, parseAssembly } from '../../../isa/index.ts';
import { mapTypeNumber, progTypeNumber } from '../../../uapi/bpf.ts';
import { createEmbeddedKernel } from '../embedded.ts';

/** A frame says what is done in byte 14, and the value from byte 16 on, where that which comes out is written, too. The verdict is the result. */
const program = (valueSize: number) => {
  const words = Array.from({ length: Math.ceil(valueSize / 8) }, (_, i) => [16 + 8 * i, -80 + 8 * i] as const);
  return `
  r0 = 99
  r6 = *(u32 *)(r1 + 0)
  r7 = *(u32 *)(r1 + 4)
  r8 = r6
  r8 += 96
  if r8 > r7 goto out
  ${words.map(([frame, stack]) => `r3 = *(u64 *)(r6 + ${frame})\n*(u64 *)(r10 ${stack}) = r3`).join('\n')}
  r9 = *(u8 *)(r6 + 14)
  r1 = map[name:m]
  r2 = r10
  r2 += -80
  if r9 == 0 goto pop
  if r9 == 1 goto peek
  r3 = 0
  if r9 == 2 goto push
  r3 = 2
  if r9 == 3 goto push_over
  r3 = 1
  call bpf_map_push_elem
  goto show
push:
  call bpf_map_push_elem
  goto show
push_over:
  call bpf_map_push_elem
  goto show
pop:
  call bpf_map_pop_elem
  goto show
peek:
  call bpf_map_peek_elem
show:
  ${words.map(([frame, stack]) => `r3 = *(u64 *)(r10 ${stack})\n*(u64 *)(r6 + ${frame}) = r3`).join('\n')}
out:
  exit`;
};

function setUp(type: 'queue' | 'stack', valueSize: number, maxEntries: number, jit: 'on' | 'off') {
  const { kernel } = createEmbeddedKernel({ jit });
  const attr = { key_size: 0, value_size: valueSize, max_entries: maxEntries };
  const map_fd = kernel.bpf('BPF_MAP_CREATE', { map_type: mapTypeNumber[type], ...attr });
  const insns = encodeInsns(parseAssembly(program(valueSize), { map: () => map_fd }));
  const attrs = { prog_type: progTypeNumber.xdp, insns, insn_cnt: insns.length / 8, license: 'GPL' };
  const prog_fd = kernel.bpf('BPF_PROG_LOAD', attrs);
  return {
    run(data_in: Uint8Array): readonly [number, Uint8Array] {
      const ran = { prog_fd, data_in, data_size_in: 96, data_out: new Uint8Array(96), data_size_out: 96, retval: 0 };
      kernel.bpf('BPF_PROG_TEST_RUN', ran);
      return [ran.retval | 0, ran.data_out];
    },
    /** What comes out, until it is empty. */
    contents(): string[] {
      const found: string[] = [];
      for (const value = new Uint8Array(valueSize); ; found.push(`${value}`)) {
        try {
          kernel.bpf('BPF_MAP_LOOKUP_AND_DELETE_ELEM', { map_fd, value });
        } catch {
          return found;
        }
      }
    },
  };
}

// biome-ignore format: aligned table
it.each([
  ['queue', 8, 3], ['queue', 13, 1], ['queue', 72, 2],
  ['stack', 4, 3], ['stack', 31, 1], ['stack', 72, 2],
] as const)('a %s of values of %i bytes gives compiled programs what it gives others', (type, valueSize, maxEntries) => {
  const step = fc.record({ operation: fc.nat(4), value: fc.nat(255) });
  const results = new Set<number>();
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 50 }), (steps) => {
      const compiled = setUp(type, valueSize, maxEntries, 'on');
      const interpreted = setUp(type, valueSize, maxEntries, 'off');
      for (const { operation, value } of steps) {
        const frame = Uint8Array.from({ length: 96 }, (_, i) => value + i);
        frame[14] = operation;
        const left = compiled.run(frame);
        results.add(left[0]);
        expect(left).toEqual(interpreted.run(frame));
      }
      expect(compiled.contents()).toEqual(interpreted.contents());
    }),
    { seed: 13, numRuns: 15 },
  );
  expect([...results].sort()).toEqual([-2, -22, -7, 0]); // ENOENT, EINVAL, E2BIG
});
