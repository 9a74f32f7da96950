import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeValue, encodeValue, parseBtf } from '../src/btf/index.ts';
import { parseElf, parseRelocations } from '../src/elf/index.ts';
import { BpfError } from '../src/errors.ts';
import { linkObjects } from '../src/linker/index.ts';
import { parseObject } from '../src/object/index.ts';
import { cpuMs } from './support/cpu.ts';
import { CORPUS, objectBytes } from './support/objects.ts';

/**
 * Readers of foreign bytes on mutations of real objects: whatever comes in, out comes a result or a BpfError, soon. SKEP_FUZZ sets the number of
 * mutations of each object (default 150); the seed is fixed, and fast-check prints what to repeat.
 */
const RUNS = Number(process.env.SKEP_FUZZ ?? 150);
/** Milliseconds for one input: far above what any needs, far below a hang. */
const PATIENCE = 2000;

/** A change to a file. Offsets are fractions, so that they fit any length. */
const at = fc.double({ min: 0, max: 1, noNaN: true });
const mutation = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('bit' as const), at, value: fc.nat(7) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('word' as const), at, value: fc.nat(0xffffffff) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('edge' as const),
      at,
      value: fc.constantFrom(0, 1, 2, 3, 4, 8, 16, 0xff, 0x7fffffff, 0x80000000, 0xffffffff),
    }),
  },
  // A file that is cut is seldom read far.
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cut' as const), at, value: fc.constant(0) }) },
);
type Mutation = typeof mutation extends fc.Arbitrary<infer M> ? M : never;

function mutate(original: Uint8Array, mutations: readonly Mutation[]): Uint8Array {
  let bytes = new Uint8Array(original);
  for (const { kind, at, value } of mutations) {
    if (bytes.length < 8) break;
    const offset = Math.floor(at * (bytes.length - 4));
    const view = new DataView(bytes.buffer);
    if (kind === 'bit') bytes[offset] = (bytes[offset] ?? 0) ^ (1 << value);
    else if (kind === 'cut') bytes = bytes.slice(0, offset);
    else view.setUint32(kind === 'edge' ? offset & ~3 : offset, value, true);
  }
  return bytes;
}

/** Runs a reader; only a BpfError may come out of it. */
function survives(read: () => void): void {
  const start = cpuMs();
  try {
    read();
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
  }
  expect(cpuMs() - start).toBeLessThan(PATIENCE);
}

const mutations = fc.array(mutation, { minLength: 1, maxLength: 4 });

describe.each(CORPUS)('mutations of %s', (path) => {
  const original = objectBytes(path);

  it('as ELF', () => {
    fc.assert(
      fc.property(mutations, (changes) => {
        survives(() => {
          const elf = parseElf(mutate(original, changes));
          for (const section of elf.sections) if (section.type === 9) parseRelocations(elf, section);
        });
      }),
      { seed: 11, numRuns: RUNS },
    );
  });

  it('as an object', () => {
    fc.assert(
      fc.property(mutations, (changes) => {
        survives(() => void parseObject(mutate(original, changes), { file: 'fuzz.o' }));
      }),
      { seed: 12, numRuns: RUNS },
    );
  });

  it('as BTF', () => {
    const btf = parseElf(original).sections.find((section) => section.name === '.BTF')?.data ?? new Uint8Array(0);
    fc.assert(
      fc.property(mutations, (changes) => {
        survives(() => {
          const parsed = parseBtf(mutate(btf, changes));
          for (let id = 0; id < parsed.typeCount; id++) {
            survives(() => void parsed.size(id));
            survives(() => {
              const value = decodeValue(parsed, id, new Uint8Array(512));
              encodeValue(parsed, id, value, new Uint8Array(512));
            });
          }
        });
      }),
      { seed: 13, numRuns: RUNS },
    );
  });
});

it.each([
  ['one.o', 'two.o'],
  ['two.o', 'one.o'],
])('mutations of %s, linked with %s', (changed, other) => {
  const original = objectBytes(`test/objects/link/${changed}`);
  const whole = { bytes: objectBytes(`test/objects/link/${other}`), file: other };
  fc.assert(
    fc.property(mutations, (changes) => {
      const damaged = { bytes: mutate(original, changes), file: changed };
      survives(() => void parseObject(linkObjects([damaged, whole])));
      survives(() => void linkObjects([whole, damaged]));
    }),
    { seed: 15, numRuns: RUNS },
  );
});

it('bytes that are nothing at all', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      survives(() => void parseElf(bytes));
      survives(() => void parseBtf(bytes));
      survives(() => void parseObject(bytes));
    }),
    { seed: 14, numRuns: RUNS },
  );
});
