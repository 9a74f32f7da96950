import { type Insn, ldImm64 } from '../../src/isa/index.ts';
import type { CaseWriter } from './case.ts';

const u64 = (n: bigint) => BigInt.asUintN(64, n);

/** Numbers at which arithmetic turns: 0, the ends of each width, widths of shifts. */
// biome-ignore format: by kind
export const EDGES: readonly bigint[] = [
  0n, 1n, 7n, 31n, 32n, 64n, 0x80n, 0x8000n, 0x7fff_ffffn, 0x8000_0000n, 0xffff_ffffn, 0x1_0000_0000n,
  2n ** 63n - 1n, 2n ** 63n, u64(-1n), u64(-3n), u64(-0x8000_0001n), 0x1234_5678_9abc_def0n,
];
/** Fewer, where each is in the program. */
// biome-ignore format: one line
export const FEW: readonly bigint[] = [0n, 1n, 33n, 0x7fff_ffffn, 0x8000_0000n, 2n ** 63n, u64(-1n), 0x1234_5678_9abc_def0n];
/** Immediates: signed, 32 bits. */
export const IMMEDIATES = [0, 1, 10, 31, 32, 63, 0xffff, 0x7fff_ffff, -1, -0x8000_0000];

export const PAIRS = EDGES.flatMap((a) => EDGES.map((b) => [a, b] as const));

/** How a number gets into a register: what is known of it there differs. */
export type Arrival = keyof typeof ARRIVALS;

// biome-ignore format: aligned table
const ARRIVALS = {
  u64: { opcode: 0x79 }, u32: { opcode: 0x61 }, u16: { opcode: 0x69 }, u8: { opcode: 0x71 },
  s32: { opcode: 0x81 }, s16: { opcode: 0x89 }, s8: { opcode: 0x91 },
  stack: undefined,
} as const;

/** Two operands: as much of 64 bits as possible, and both of one kind. */
// biome-ignore format: one line
export const ARRIVAL_PAIRS: readonly (readonly [Arrival, Arrival])[] = [
  ['u64', 'u64'], ['u32', 'u32'], ['s32', 's32'], ['u64', 'u8'], ['u16', 'u64'], ['s8', 's16'], ['stack', 'stack'],
];

/** Puts an input into a register. */
export function arrive(to: CaseWriter, dst: number, input: number, arrival: Arrival): void {
  const load = ARRIVALS[arrival];
  if (load !== undefined) {
    to.add({ ...load, dst, src: 9, off: 8 * input });
    return;
  }
  to.load(dst, input);
  to.add({ opcode: 0x7b, dst: 10, src: dst, off: -8 - 8 * input }, { opcode: 0xb7, dst });
  to.add({ opcode: 0x79, dst, src: 10, off: -8 - 8 * input });
}

/** A number that is in the program. */
export function constant(dst: number, value: bigint): [Insn, Insn] {
  return ldImm64(dst, value);
}
