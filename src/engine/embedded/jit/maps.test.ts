import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeInsns, parseAssembly } from '../../../isa/index.ts';
import { BPF_F_NO_PREALLOC, type MapType, mapTypeNumber, progTypeNumber } from '../../../uapi/bpf.ts';
import type { Fd } from '../../../uapi/fd.ts';
import { createEmbeddedKernel } from '../embedded.ts';

/** A frame says what is done: the operation in byte 14, the key from byte 16 on, the value from byte 32 on. The verdict is the result. */
const PROGRAM = `
  r0 = 0
  r6 = *(u32 *)(r1 + 0)
  r7 = *(u32 *)(r1 + 4)
  r8 = r6
  r8 += 48
  if r8 > r7 goto out
  r3 = *(u64 *)(r6 + 16)
  *(u64 *)(r10 - 32) = r3
  r3 = *(u64 *)(r6 + 24)
  *(u64 *)(r10 - 24) = r3
  r3 = *(u64 *)(r6 + 32)
  *(u64 *)(r10 - 16) = r3
  r3 = *(u64 *)(r6 + 40)
  *(u64 *)(r10 - 8) = r3
  r9 = *(u8 *)(r6 + 14)
  r1 = map[name:m]
  r2 = r10
  r2 += -32
  if r9 == 0 goto lookup
  if r9 == 4 goto delete
  r3 = r10
  r3 += -16
  r4 = 0
  if r9 == 1 goto update
  r4 = 1
  if r9 == 2 goto update_new
  r4 = 2
  call bpf_map_update_elem
  goto out
update_new:
  call bpf_map_update_elem
  goto out
update:
  call bpf_map_update_elem
  goto out
delete:
  call bpf_map_delete_elem
  goto out
lookup:
  call bpf_map_lookup_elem
  if r0 != 0 goto found
  r0 = 77
  goto out
found:
  r0 = *(u8 *)(r0 + 0)
out:
  exit`;

interface Shape {
  readonly type: MapType;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags?: number;
}

function setUp({ type, keySize, valueSize, maxEntries, flags = 0 }: Shape, jit: 'on' | 'off') {
  const { kernel, lab } = createEmbeddedKernel({ jit });
  const attr = { key_size: keySize, value_size: valueSize, max_entries: maxEntries, map_flags: flags };
  const map = kernel.bpf('BPF_MAP_CREATE', { map_type: mapTypeNumber[type], ...attr });
  const insns = encodeInsns(parseAssembly(PROGRAM, { map: () => map }));
  const program = kernel.bpf('BPF_PROG_LOAD', {
    prog_type: progTypeNumber.xdp,
    insns,
    insn_cnt: insns.length / 8,
    license: 'GPL',
  });
  const runner = lab.xdp(kernel, program);
  const contents = (): string[] => {
    const found: string[] = [];
    const size = type.includes('percpu') ? 2 * ((valueSize + 7) & ~7) : valueSize;
    const [key, next] = [new Uint8Array(keySize), new Uint8Array(keySize)];
    for (let first = true; ; first = false) {
      try {
        const from = first ? {} : { key };
        kernel.bpf('BPF_MAP_GET_NEXT_KEY', { map_fd: map as Fd, ...from, next_key: next });
      } catch {
        return found.sort();
      }
      key.set(next);
      const value = new Uint8Array(size);
      kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd: map as Fd, key, value });
      found.push(`${key} = ${value}`);
    }
  };
  return { run: (frame: Uint8Array) => runner.run(frame), contents };
}

// biome-ignore format: aligned table
const SHAPES: readonly Shape[] = [
  { type: 'hash',            keySize: 4,  valueSize: 8,  maxEntries: 4 },
  { type: 'hash',            keySize: 13, valueSize: 3,  maxEntries: 8 },
  { type: 'hash',            keySize: 16, valueSize: 16, maxEntries: 5 },
  { type: 'hash',            keySize: 7,  valueSize: 12, maxEntries: 8, flags: BPF_F_NO_PREALLOC },
  { type: 'hash',            keySize: 7,  valueSize: 12, maxEntries: 400_000, flags: BPF_F_NO_PREALLOC },
  { type: 'percpu_hash',     keySize: 5,  valueSize: 9,  maxEntries: 4 },
  { type: 'lru_hash',        keySize: 4,  valueSize: 8,  maxEntries: 4 },
  { type: 'lru_percpu_hash', keySize: 2,  valueSize: 4,  maxEntries: 4 },
  { type: 'array',           keySize: 4,  valueSize: 6,  maxEntries: 9 },
  { type: 'percpu_array',    keySize: 4,  valueSize: 16, maxEntries: 9 },
  { type: 'lpm_trie',        keySize: 8,  valueSize: 4,  maxEntries: 12, flags: BPF_F_NO_PREALLOC },
  { type: 'lpm_trie',        keySize: 12, valueSize: 8,  maxEntries: 12, flags: BPF_F_NO_PREALLOC },
  { type: 'lpm_trie',        keySize: 16, valueSize: 8,  maxEntries: 12, flags: BPF_F_NO_PREALLOC },
];

describe('maps of compiled programs hold what those of interpreted ones do', () => {
  it.each(SHAPES.map((shape) => [`${shape.type} ${shape.keySize} ${shape.valueSize}`, shape] as const))(
    '%s',
    (_name, shape) => {
      const step = fc.record({ operation: fc.nat(4), key: fc.nat(11), value: fc.nat(255) });
      fc.assert(
        fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
          const [compiled, interpreted] = [setUp(shape, 'on'), setUp(shape, 'off')];
          for (const { operation, key, value } of steps) {
            const frame = new Uint8Array(64);
            frame[14] = operation;
            // Of tries the first word is a length, and prefixes that begin alike matter.
            if (shape.type === 'lpm_trie')
              frame.set([(key * 3) % (8 * shape.keySize - 32), 0, 0, 0, key >> 1, key << 6], 16);
            else frame.set([key, 0, 0, 0], 16);
            frame.fill(value, 32, 48);
            expect(compiled.run(frame)).toBe(interpreted.run(frame));
          }
          expect(compiled.contents()).toEqual(interpreted.contents());
        }),
        { seed: 11, numRuns: 12 },
      );
    },
  );
});
