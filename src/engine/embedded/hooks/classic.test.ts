import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex } from '../../../bytes/hex.ts';
import { Machine } from '../machine.ts';
import { Skb } from '../progs/skb.ts';
import { decodeClassic, runClassic } from './classic.ts';

type Tuple = readonly [code: number, jt: number, jf: number, k: number];

const machine = new Machine();

function classic(...insns: readonly Tuple[]): Uint8Array {
  const bytes = new Uint8Array(8 * insns.length);
  const view = new DataView(bytes.buffer);
  for (const [i, [code, jt, jf, k]] of insns.entries()) {
    view.setUint16(8 * i, code, true);
    view.setUint8(8 * i + 2, jt);
    view.setUint8(8 * i + 3, jf);
    view.setUint32(8 * i + 4, k, true);
  }
  return bytes;
}

/** What a program returns for a frame; `undefined` if it is refused. */
function run(bytes: Uint8Array, frame: Uint8Array): number | undefined {
  const insns = decodeClassic(bytes);
  if (insns === undefined) return undefined;
  const skb = Skb.create(machine.memory, {
    frame,
    netns: machine.namespaces.first,
    ifindex: 7,
    ingressIfindex: 0,
    pktType: 3,
  });
  if (skb === undefined) throw new Error('no memory');
  try {
    return runClassic(insns, skb, machine);
  } finally {
    skb.free();
  }
}

const FRAME = Uint8Array.from({ length: 64 }, (_, i) => [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x46][i] ?? i);
const RET_A: Tuple = [0x16, 0, 0, 0];

describe('classic BPF', () => {
  it.each<[string, readonly Tuple[], number | undefined]>([
    ['returns a constant', [[0x06, 0, 0, 0xffffffff]], 0xffffffff],
    ['loads a byte', [[0x30, 0, 0, 14], RET_A], 0x46],
    ['loads a half, in network order', [[0x28, 0, 0, 12], RET_A], 0x0800],
    ['loads a word', [[0x20, 0, 0, 60], RET_A], 0x3c3d3e3f],
    [
      'returns 0 for a load beyond the end',
      [
        [0x20, 0, 0, 61],
        [0x06, 0, 0, 1],
      ],
      0,
    ],
    ['loads with an index', [[0x01, 0, 0, 10], [0x50, 0, 0, 4], RET_A], 0x46],
    ['an IPv4 header length', [[0xb1, 0, 0, 14], [0x87, 0, 0, 0], RET_A], 24],
    ['the packet length', [[0x80, 0, 0, 0], RET_A], 64],
    ['scratch memory', [[0x00, 0, 0, 9], [0x02, 0, 0, 15], [0x00, 0, 0, 1], [0x60, 0, 0, 15], RET_A], 9],
    ['relative to the network header', [[0x30, 0, 0, 0xfff00000], RET_A], 0x46],
    ['the protocol', [[0x28, 0, 0, 0xfffff000], RET_A], 0x0800],
    ['the device', [[0x20, 0, 0, 0xfffff008], RET_A], 7],
    [
      'a jump on a condition',
      [
        [0x00, 0, 0, 5],
        [0x15, 0, 1, 5],
        [0x06, 0, 0, 1],
        [0x06, 0, 0, 2],
      ],
      1,
    ],
    ['wraps', [[0x00, 0, 0, 0xffffffff], [0x04, 0, 0, 2], RET_A], 1],
    [
      'division by X = 0 returns 0',
      [
        [0x00, 0, 0, 8],
        [0x3c, 0, 0, 0],
        [0x06, 0, 0, 1],
      ],
      0,
    ],

    ['no instruction', [], undefined],
    ['no return at the end', [[0x00, 0, 0, 1]], undefined],
    [
      'a jump out',
      [
        [0x05, 0, 0, 5],
        [0x06, 0, 0, 0],
      ],
      undefined,
    ],
    [
      'a conditional jump out',
      [
        [0x15, 5, 0, 0],
        [0x06, 0, 0, 0],
      ],
      undefined,
    ],
    ['a division by a constant 0', [[0x34, 0, 0, 0], RET_A], undefined],
    ['a shift by 32', [[0x64, 0, 0, 32], RET_A], undefined],
    ['a scratch word that there is not', [[0x02, 0, 0, 16], RET_A], undefined],
    ['a scratch word that was not written', [[0x60, 0, 0, 3], RET_A], undefined],
    ['one written on one way only', [[0x15, 0, 1, 0], [0x02, 0, 0, 3], [0x60, 0, 0, 3], RET_A], undefined],
    ['an instruction of eBPF', [[0xb7, 0, 0, 0], RET_A], undefined],
    ['an extension that there is not', [[0x20, 0, 0, 0xfffff03d], RET_A], undefined],
  ])('%s', (_name, insns, want) => {
    expect(run(classic(...insns), FRAME)).toBe(want);
  });

  it('any bytes are refused or end', () => {
    const tuple = fc.tuple(
      fc.oneof(
        fc.constantFrom(
          0x00,
          0x20,
          0x28,
          0x30,
          0x40,
          0x05,
          0x15,
          0x2d,
          0x02,
          0x60,
          0x04,
          0x0c,
          0x34,
          0x3c,
          0xb1,
          0x16,
          0x06,
        ),
        fc.nat(255),
      ),
      fc.nat(3),
      fc.nat(3),
      fc.oneof(fc.nat(80), fc.integer({ min: 0xffe00000, max: 0xffffffff })),
    );
    fc.assert(
      fc.property(fc.array(tuple, { maxLength: 12 }), (insns) => {
        const result = run(classic(...insns, RET_A), FRAME);
        if (result !== undefined) expect(result).toBe(result >>> 0);
      }),
      { seed: 3, numRuns: 500 },
    );
  });
});

/** The kernel's own tests of classic programs, kept beside the repository because they are other people's. */
const file = resolve(import.meta.dirname, '../../../../../shared/vectors/test_bpf/vectors-dev.json');
const there = existsSync(file);
if (!there) console.log(`skipped: the vectors of test_bpf are not there (${file})`);

/** Refused because a jump of the kernel's translation to eBPF would not fit into 16 bits; here such programs run as they are. */
const TOO_FAR = ['testbpf/bpf_maxinsns_jump_over_msh'];

interface Vector {
  readonly id: string;
  readonly kind: string;
  readonly expected_errcode: number | null;
  readonly data: string | null;
  readonly frag_data: string | null;
  readonly tests: readonly { readonly data_size: number; readonly result: number }[];
  readonly insns?: readonly string[];
}

describe.skipIf(!there)("the kernel's tests of classic BPF", () => {
  const vectors: Vector[] = there ? JSON.parse(readFileSync(file, 'utf8')).vectors : [];
  const bytesOf = (insns: readonly string[]) => fromHex(insns.join('')) ?? new Uint8Array(0);
  /** Reads what only the packet of those tests has: mark, hash, VLAN, netlink attributes, its headers' places. */
  const usesExtension = (bytes: Uint8Array) => {
    const view = new DataView(bytes.buffer);
    return Array.from({ length: bytes.length / 8 }, (_, i) => view.getUint32(8 * i + 4, true)).some(
      (k) => k >= 0xffe00000,
    );
  };
  const chosen = vectors.flatMap((vector): [string, Vector, Uint8Array][] => {
    const bytes = bytesOf(vector.insns ?? []);
    const runs =
      vector.kind === 'classic' && bytes.length > 0 && vector.frag_data === null && !TOO_FAR.includes(vector.id);
    return runs && (vector.expected_errcode !== null || !usesExtension(bytes)) ? [[vector.id, vector, bytes]] : [];
  });
  it('has some', () => {
    expect(chosen.length).toBeGreaterThan(20);
  });
  it.each(chosen)('%s', (_id, vector, bytes) => {
    if (vector.expected_errcode) {
      expect(decodeClassic(bytes)).toBeUndefined();
      return;
    }
    const data = fromHex(vector.data ?? '') ?? new Uint8Array(0);
    for (const { data_size: size, result } of vector.tests) {
      const frame = new Uint8Array(size);
      frame.set(data.subarray(0, size));
      expect(run(bytes, frame)).toBe(result >>> 0);
    }
  });
});
