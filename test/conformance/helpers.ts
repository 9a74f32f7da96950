import { DONE, INPUT, range, result, type Scenario } from './scenario.ts';

const SIZES = [0, 4, 7, 8, 20, 39];
/** Two words of every kind, and what a sum begins with. */
const WORDS = [0n, 1n, 0xffffn, 0xffff_ffffn, 0x8000_0001_0000_ffffn, 2n ** 64n - 1n, 0x0123_4567_89ab_cdefn];
const SUMS = WORDS.flatMap((from) => WORDS.map((to, i) => [from, to, WORDS[(i * 5) % WORDS.length] ?? 0n]));

/** Each word of the inputs `count` times on the stack, from `at` on. */
const copies = (input: number, at: number): string =>
  `r1 = ${INPUT(input)}\n${range(5)
    .map((i) => `*(u64 *)(r10 - ${at - 8 * i}) = r1\nr1 *= 3`)
    .join('\n')}`;

/** Helpers that compiled programs do by themselves. */
export const helpers: readonly Scenario[] = [
  {
    name: 'differences of checksums',
    runs: SUMS,
    text: `
      ${copies(0, 48)}
      ${copies(1, 96)}
      ${SIZES.flatMap((from) => SIZES.map((to) => [from, to] as const))
        .filter(([from, to], i) => from === 0 || to === 0 || i % 3 === 0)
        .map(
          ([from, to], i) => `
            r1 = ${from === 0 ? '0' : 'r10'}
            ${from === 0 ? '' : 'r1 += -48'}
            r2 = ${from}
            r3 = ${to === 0 ? '0' : 'r10'}
            ${to === 0 ? '' : 'r3 += -96'}
            r4 = ${to}
            w5 = *(u32 *)(r9 + 16)
            call bpf_csum_diff
            ${result(i)} = r0`,
        )
        .join('\n')}
      ${DONE}`,
  },
  {
    name: 'bytes of a packet, in it, at its end and beyond',
    runs: [0, 1, 14, 33, 44, 57, 60, 63, 64, 65, 1000, 0x7fff_ffff, -1, -20, -0x8000_0000].map((n) => [
      BigInt.asUintN(64, BigInt(n)),
    ]),
    text: `
      ${[1, 2, 4, 7, 20, 64]
        .map(
          (size, i) => `
            ${range(8)
              .map((n) => `*(u64 *)(r10 - ${8 * (n + 1)}) = ${n + 5}`)
              .join('\n')}
            r1 = r6
            w2 = *(u32 *)(r9 + 0)
            r3 = r10
            r3 += -64
            r4 = ${size}
            call bpf_skb_load_bytes
            ${result(2 * i)} = r0
            r7 = 0
            ${range(8)
              .map((n) => `r1 = *(u64 *)(r10 - ${8 * (n + 1)})\nr7 *= 31\nr7 += r1`)
              .join('\n')}
            ${result(2 * i + 1)} = r7`,
        )
        .join('\n')}
      ${DONE}`,
  },
];
