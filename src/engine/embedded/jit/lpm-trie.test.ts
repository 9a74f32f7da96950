import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { SysError } from '../../../errors.ts';
import { encodeInsns, parseAssembly } from '../../../isa/index.ts';
import { BPF_F_NO_PREALLOC, mapTypeNumber, progTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import { createEmbeddedKernel, type EmbeddedKernel } from '../embedded.ts';

const [KEY, VALUE, FRAME] = [16, 56, 128];
const NOTHING = 777;
const words = Array.from({ length: (FRAME - KEY) / 8 }, (_, i) => [KEY + 8 * i, KEY - FRAME + 8 * i] as const);
const update = (flags: number) => `
  r1 = map[name:m]
  r2 = r10
  r2 += ${KEY - FRAME}
  r3 = r10
  r3 += ${VALUE - FRAME}
  r4 = ${flags}
  call bpf_map_update_elem`;
const onKey = (helper: string) => `
  r1 = map[name:m]
  r2 = r10
  r2 += ${KEY - FRAME}
  call ${helper}`;

/** What byte 14 of a frame asks for; what is left of it says the key and the value. The verdict is the result, or the first byte of a value. */
const OPERATIONS = {
  lookup: '',
  any: update(0),
  noexist: update(1),
  exist: update(2),
  delete: onKey('bpf_map_delete_elem'),
  // What the pointer to a value leads to when another has taken its place, and when its memory is used again.
  replace: `${onKey('bpf_map_lookup_elem')}\nr7 = r0\nif r7 == 0 goto nothing\n${update(0)}\nr0 = *(u8 *)(r7 + 0)`,
  reuse: `${onKey('bpf_map_lookup_elem')}\nr7 = r0\nif r7 == 0 goto nothing\n${onKey('bpf_map_delete_elem')}
  r1 = *(u8 *)(r10 ${KEY - FRAME + 5})
  r1 ^= 128
  *(u8 *)(r10 ${KEY - FRAME + 5}) = r1
  ${update(0)}\nr0 = *(u8 *)(r7 + 0)`,
} as const;
type Operation = keyof typeof OPERATIONS;
const NAMES = Object.keys(OPERATIONS) as Operation[];

const PROGRAM = `
  r0 = ${NOTHING}
  r6 = *(u32 *)(r1 + 0)
  r7 = *(u32 *)(r1 + 4)
  r8 = r6
  r8 += ${FRAME}
  if r8 > r7 goto out
  ${words.map(([frame, stack]) => `r3 = *(u64 *)(r6 + ${frame})\n*(u64 *)(r10 ${stack}) = r3`).join('\n')}
  r9 = *(u8 *)(r6 + 14)
  ${NAMES.map((name, i) => `if r9 == ${i} goto ${name}`).join('\n')}
  goto out
  ${NAMES.slice(1)
    .map((name) => `${name}:${OPERATIONS[name]}\ngoto out`)
    .join('\n')}
lookup:
  ${onKey('bpf_map_lookup_elem')}
  if r0 == 0 goto nothing
  r0 = *(u8 *)(r0 + 0)
  goto out
nothing:
  r0 = ${NOTHING}
out:
  exit`;

interface Shape {
  readonly dataSize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
}
/** A length in bits, and those bytes of data that are not 0. */
interface Prefix {
  readonly length: number;
  readonly first: number;
  readonly second: number;
  readonly last: number;
}

const opened: EmbeddedKernel[] = [];
afterEach(() => {
  for (const embedded of opened.splice(0)) embedded[Symbol.dispose]();
});

function setUp({ dataSize, valueSize, maxEntries }: Shape, jit: 'on' | 'off' = 'on') {
  const embedded = createEmbeddedKernel({ jit, cpus: 2 });
  opened.push(embedded);
  const { kernel, lab } = embedded;
  const attr = { key_size: 4 + dataSize, value_size: valueSize, max_entries: maxEntries, map_flags: BPF_F_NO_PREALLOC };
  const map_fd = kernel.bpf('BPF_MAP_CREATE', { map_type: mapTypeNumber.lpm_trie, ...attr });
  const insns = encodeInsns(parseAssembly(PROGRAM, { map: () => map_fd }));
  const attrs = { prog_type: progTypeNumber.xdp, insns, insn_cnt: insns.length / 8, license: 'GPL' };
  const program = kernel.bpf('BPF_PROG_LOAD', attrs);
  const runner = lab.xdp(kernel, program);

  const keyOf = ({ length, first, second, last }: Prefix): Uint8Array => {
    const key = new Uint8Array(4 + dataSize);
    key.set([length, length >> 8], 0);
    key.set([first, second], 4);
    key[key.length - 1] = last;
    return key;
  };
  const frameOf = (operation: Operation, prefix: Prefix, value = 0): Uint8Array => {
    const frame = new Uint8Array(FRAME);
    frame[14] = NAMES.indexOf(operation);
    frame.set(keyOf(prefix), KEY);
    return frame.fill(value, VALUE);
  };
  const system = (call: () => void): number => {
    try {
      call();
      return 0;
    } catch (error) {
      if (error instanceof SysError) return -error.errno;
      throw error;
    }
  };
  return {
    embedded,
    program,
    frameOf,
    run: (operation: Operation, prefix: Prefix, value?: number): number =>
      runner.run(frameOf(operation, prefix, value)) | 0,
    /** The same by a system call. */
    call(operation: 'any' | 'noexist' | 'exist' | 'delete' | 'lookup', prefix: Prefix, n = 0): number {
      const key = keyOf(prefix);
      const value = new Uint8Array(valueSize).fill(n);
      if (operation === 'delete') return system(() => kernel.bpf('BPF_MAP_DELETE_ELEM', { map_fd, key }));
      if (operation === 'lookup')
        return system(() => kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd, key, value })) === 0
          ? (value[0] ?? 0)
          : NOTHING;
      const flags = BigInt(['any', 'noexist', 'exist'].indexOf(operation));
      return system(() => kernel.bpf('BPF_MAP_UPDATE_ELEM', { map_fd, key, value, flags }));
    },
    /** All, in the order in which the map gives them. */
    contents(): string[] {
      const found: string[] = [];
      const key = new Uint8Array(4 + dataSize);
      const value = new Uint8Array(valueSize);
      for (let from: { key?: Uint8Array } = {}; ; from = { key }) {
        if (system(() => kernel.bpf('BPF_MAP_GET_NEXT_KEY', { map_fd, ...from, next_key: key })) !== 0) return found;
        kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd, key, value });
        found.push(`${key} = ${value}`);
      }
    },
  };
}

/** Prefixes as text of 0 and 1, and what they have. */
function createModel({ dataSize, maxEntries }: Shape) {
  const held = new Map<string, number>();
  const text = ({ length, first, second, last }: Prefix): string => {
    const bytes = [first, second, ...Array.from({ length: dataSize - 3 }, () => 0), last];
    return bytes
      .map((byte) => byte.toString(2).padStart(8, '0'))
      .join('')
      .slice(0, length);
  };
  const isLong = ({ length }: Prefix): boolean => length > 8 * dataSize;
  const lookup = (prefix: Prefix): number => {
    for (let name = text(prefix); !isLong(prefix); name = name.slice(0, -1)) {
      const value = held.get(name);
      if (value !== undefined || name === '') return value ?? NOTHING;
    }
    return NOTHING;
  };
  const put = (prefix: Prefix, value: number, flags: number): number => {
    const name = text(prefix);
    if (isLong(prefix)) return -errno.EINVAL;
    if (flags === 1 && held.has(name)) return -errno.EEXIST;
    if (flags === 2 && !held.has(name)) return -errno.ENOENT;
    if (!held.has(name) && held.size === maxEntries) return -errno.ENOSPC;
    held.set(name, value);
    return 0;
  };
  const take = (prefix: Prefix): number =>
    isLong(prefix) ? -errno.EINVAL : held.delete(text(prefix)) ? 0 : -errno.ENOENT;
  return {
    get size(): number {
      return held.size;
    },
    /** What an operation answers; `undefined`: that depends on where nodes lie. */
    run(operation: Operation, prefix: Prefix, value: number): number | undefined {
      const before = lookup(prefix);
      switch (operation) {
        case 'lookup':
          return before;
        case 'delete':
          return take(prefix);
        case 'replace':
          if (before !== NOTHING) put(prefix, value, 0);
          return before;
        case 'reuse':
          if (before === NOTHING) return before;
          take(prefix);
          put({ ...prefix, second: prefix.second ^ 128 }, value, 0);
          return undefined;
        default:
          return put(prefix, value, ['any', 'noexist', 'exist'].indexOf(operation));
      }
    },
  };
}

const prefixIn = (dataSize: number): fc.Arbitrary<Prefix> =>
  fc.record({
    length: fc.oneof(fc.nat(18), fc.integer({ min: 8 * dataSize - 9, max: 8 * dataSize + 1 })),
    first: fc.nat(255),
    second: fc.constantFrom(0, 128),
    last: fc.nat(7),
  });

// biome-ignore format: aligned table
const SHAPES: readonly Shape[] = [
  { dataSize: 4,  valueSize: 1,  maxEntries: 1 },
  { dataSize: 4,  valueSize: 8,  maxEntries: 5 },
  { dataSize: 8,  valueSize: 13, maxEntries: 30 },
  { dataSize: 12, valueSize: 4,  maxEntries: 20 },
  { dataSize: 16, valueSize: 72, maxEntries: 30 },
  { dataSize: 32, valueSize: 5,  maxEntries: 40 },
];

describe('a trie that compiled programs change', () => {
  it.each(SHAPES.map((shape) => [JSON.stringify(shape), shape] as const))('%s', (_name, shape) => {
    const results = new Set<number>();
    const step = fc.record({
      operation: fc.constantFrom<Operation>(...NAMES, 'any', 'any', 'delete'),
      prefix: prefixIn(shape.dataSize),
      value: fc.nat(255),
      bySystemCall: fc.constantFrom(false, false, true),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 60, maxLength: 200, size: 'max' }), (steps) => {
        const [compiled, interpreted] = [setUp(shape), setUp(shape, 'off')];
        const model = createModel(shape);
        for (const { operation, prefix, value, bySystemCall } of steps) {
          const answer = ({ call, run }: typeof compiled): number =>
            bySystemCall && operation !== 'replace' && operation !== 'reuse'
              ? call(operation, prefix, value)
              : run(operation, prefix, value);
          const got = answer(compiled);
          results.add(got);
          expect([operation, got]).toEqual([operation, answer(interpreted)]);
          expect(got).toBe(model.run(operation, prefix, value) ?? got);
        }
        const contents = compiled.contents();
        expect(contents).toEqual(interpreted.contents());
        expect(contents.length).toBe(model.size);
      }),
      { seed: 31, numRuns: 12 },
    );
    for (const error of [errno.ENOENT, errno.EINVAL, errno.ENOSPC]) expect(results).toContain(-error);
  });

  const nth = (i: number): Prefix => ({ length: 32, first: i >> 8, second: i & 128, last: i & 255 });

  it('has room for all prefixes, and again once they are taken out', () => {
    const shape = { dataSize: 4, valueSize: 64, maxEntries: 3000 };
    const { run, embedded } = setUp(shape);
    const sizes = [0, 1, 2].map(() => {
      for (let i = 0; i < shape.maxEntries; i++) expect(run('noexist', nth(i), i)).toBe(0);
      expect(run('any', nth(5000))).toBe(-errno.ENOSPC);
      expect(run('noexist', nth(7))).toBe(-errno.EEXIST);
      expect(run('exist', nth(7), 9)).toBe(0);
      expect(run('lookup', nth(7))).toBe(9);
      for (let i = 0; i < shape.maxEntries; i++) expect(run('delete', nth(i))).toBe(0);
      expect(run('lookup', nth(7))).toBe(NOTHING);
      return embedded.memorySize;
    });
    expect(sizes[2]).toBe(sizes[0]);
  });

  it('is changed by several CPUs, and by one again', () => {
    const count = 64;
    const { run, frameOf, contents, program, embedded } = setUp({ dataSize: 4, valueSize: 8, maxEntries: count });
    const prefixes = Array.from({ length: count }, (_, i) => nth(i * 37));
    const onAll = (operation: Operation, repeat: number): number[] => {
      const frames = prefixes.map((prefix, i) => frameOf(operation, prefix, i));
      using batch = embedded.lab.batch(embedded.kernel, program, frames, { cpus: 2 });
      return [...batch.run(repeat).verdicts].map((verdict) => verdict | 0);
    };
    // Some nodes are free before, and some prefixes there.
    for (const prefix of prefixes.slice(0, 20)) expect(run('any', prefix)).toBe(0);
    for (const prefix of prefixes.slice(5, 10)) expect(run('delete', prefix)).toBe(0);
    const [zeros, numbers] = [prefixes.map(() => 0), prefixes.map((_, i) => i)];
    expect(onAll('any', 20)).toEqual(zeros);
    expect(onAll('replace', 20)).toEqual(numbers);
    expect(onAll('lookup', 1000)).toEqual(numbers);
    expect(contents().length).toBe(count);
    expect(run('any', nth(9999))).toBe(-errno.ENOSPC);
    for (let round = 0; round < 3; round++) {
      expect(onAll('delete', 1)).toEqual(zeros);
      expect(contents()).toEqual([]);
      for (const [i, prefix] of prefixes.entries()) expect(run('noexist', prefix, i)).toBe(0);
      expect(onAll('lookup', 1)).toEqual(numbers);
    }
  });
});
