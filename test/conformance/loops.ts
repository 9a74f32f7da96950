import { DONE, INPUT, lines, range, result, type Scenario, SMALL } from './scenario.ts';

/** Ways round and round, some of which compilers do not know as loops. */
export const loops: readonly Scenario[] = [
  {
    name: 'loops in loops',
    runs: SMALL,
    text: `
      r1 = ${INPUT(0)}
      r1 &= 15
      r2 = 0
      r7 = 1
    outer:
      if r2 >= r1 goto out
      r3 = 0
    inner:
      if r3 > r2 goto next
      r7 *= 3
      r7 += r3
      r3 += 1
      goto inner
    next:
      r2 += 1
      goto outer
    out:
      ${result(0)} = r7
      ${DONE}`,
  },
  {
    name: 'a loop with several ways out, into others of its ends',
    runs: SMALL,
    text: `
      r1 = ${INPUT(0)}
      r2 = ${INPUT(1)}
      r3 = 0
    top:
      r2 *= 5
      r2 += r1
      r4 = r2
      r4 &= 31
      if r4 == 3 goto first
      r2 >>= 1
      if w2 s< 0 goto second
      if r2 & 64 goto third
      r3 += 1
      if r3 < 20 goto top
      r7 = 4
      goto out
    first:
      r7 = 1
      goto out
    second:
      r7 = 2
    third:
      r7 = 3
    out:
      ${result(0)} = r2
      ${result(1)} = r3
      ${result(2)} = r7
      ${DONE}`,
  },
  {
    name: 'a loop that is entered at two places',
    runs: SMALL,
    text: `
      r1 = ${INPUT(0)}
      r2 = 0
      r7 = 1
      if r1 & 1 goto middle
    top:
      r7 += 3
      w7 *= 5
    middle:
      r7 <<= 1
      r2 += 1
      if r2 < 9 goto top
      ${result(0)} = r7
      ${DONE}`,
  },
  {
    name: 'two loops that lead into one another',
    runs: SMALL,
    text: `
      r1 = ${INPUT(0)}
      r2 = 0
      r7 = 1
      if r1 & 2 goto b
    a:
      r7 ^= r1
      r2 += 1
      if r2 > 12 goto out
      r7 *= 7
      if r1 & 1 goto inner
    b:
      w7 += w2
      r2 += 1
      if r2 > 15 goto out
      if r1 & 4 goto a
    inner:
      r7 s>>= 1
      r2 += 2
      if r2 > 14 goto out
      if r1 & 8 goto b
      goto a
    out:
      ${result(0)} = r7
      ${result(1)} = r2
      ${DONE}`,
  },
  {
    name: 'may_goto in loops',
    runs: SMALL,
    text: `
      r1 = ${INPUT(0)}
      r7 = 0
    outer:
      may_goto out
      if r1 == 0 goto out
      r1 -= 1
      r2 = ${INPUT(1)}
    inner:
      may_goto outer
      if r2 == 0 goto outer
      r2 -= 1
      r7 += r1
      goto inner
    out:
      ${result(0)} = r7
      ${DONE}`,
  },
  {
    name: 'registers that change places in a loop',
    runs: SMALL,
    text: `
      r1 = ${INPUT(0)}
      w2 = *(u32 *)(r9 + 8)
      r3 = 5
      r4 = 0
    top:
      r5 = r1
      r1 = r2
      r2 = r3
      r3 = r5
      w3 += w1
      r4 += 1
      if r4 < 7 goto top
      ${result(0)} = r1
      ${result(1)} = r2
      ${result(2)} = r3
      ${DONE}`,
  },
];

/** A comparison tree over so many numbers, as compilers make of a switch. */
function tree(low: number, high: number): string {
  if (low === high) return `r7 = ${(low * 0x1357) ^ 0x55}\ngoto out`;
  const middle = (low + high) >> 1;
  return `if r1 > ${middle} goto l${middle}_${high}\n${tree(low, middle)}\nl${middle}_${high}:\n${tree(middle + 1, high)}`;
}

/** Words, and numbers whose low words are these. */
const WORDS = [...range(20), 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff].flatMap((n) => [
  [BigInt(n)],
  [BigInt(n) | (3n << 32n)],
]);

/** What follows a switch of so many ways, named `name` and a number: ways differ in what they do to r7, and where they go on. */
const ways = (name: string, count: number, out: string): string =>
  lines(
    count,
    (i) => `${name}${i}:\nr7 *= ${i + 3}\nr7 ${['+', '^', '-'][i % 3]}= r1\n${i % 4 === 3 ? '' : `goto ${out}`}`,
  );

/** Many ways forward. */
export const branches: readonly Scenario[] = [
  {
    name: 'a switch of 64 ways',
    runs: range(66).map((n) => [BigInt(n)]),
    text: `r1 = ${INPUT(0)}\n${tree(0, 63)}\nout:\n${result(0)} = r7\n${DONE}`,
  },
  {
    name: 'a switch of equalities',
    runs: range(34).map((n) => [BigInt(n)]),
    text: `
      r1 = ${INPUT(0)}
      ${lines(32, (i) => `if r1 == ${i} goto c${i}`)}
      r7 = 99
      goto out
      ${lines(32, (i) => `c${i}:\nr7 = r1\nr7 ${['*', '^', '-', '+'][i & 3]}= ${i + 3}\n${i % 5 === 0 ? '' : 'goto out'}`)}
    out:
      ${result(0)} = r7
      ${DONE}`,
  },
  {
    name: 'a switch of words with signs, of a register of 64 bits',
    runs: WORDS,
    text: `
      r1 = ${INPUT(0)}
      r7 = 1
      if w1 s> 3 goto high
      if w1 s> 1 goto two
      if w1 == 0 goto c0
      if w1 == 1 goto c1
      if w1 s< -1 goto c5
      goto c6
    two:
      if w1 == 2 goto c2
      goto c3
    high:
      if w1 == 5 goto c5
      if w1 s>= 9 goto out
      if w1 > 6 goto c4
      if w1 != 6 goto c6
    ${ways('c', 7, 'out')}
    out:
      ${result(0)} = r7
      ${DONE}`,
  },
  {
    name: 'switches of few bits, the second of which is entered at two places',
    runs: WORDS,
    text: `
      r1 = ${INPUT(0)}
      r7 = 1
      r2 = r1
      r2 &= 7
      if r2 > 3 goto upper
      if r2 > 1 goto middle
      if r2 == 0 goto c0
      goto c1
    middle:
      if r2 == 2 goto c2
      goto c3
    upper:
      if r2 > 5 goto top
      if r2 == 4 goto c4
      goto c5
    top:
      if r2 == 6 goto c6
    ${ways('c', 7, 'second')}
    second:
      r3 = r7
      r3 &= 15
      if r1 & 16 goto inside
      if r3 == 9 goto d0
      if r3 == 8 goto d1
    inside:
      if r3 == 7 goto d2
      if r3 == 6 goto d3
      if r3 == 5 goto d4
      if r3 == 4 goto d0
    ${ways('d', 5, 'out')}
    out:
      ${result(0)} = r7
      ${DONE}`,
  },
  {
    name: 'a switch in a loop, whose ways go round again',
    runs: WORDS,
    text: `
      r1 = ${INPUT(0)}
      r4 = 0
      r7 = 1
    again:
      r4 += 1
      if r4 > 40 goto out
      w2 = w1
      w2 ^= w4
      w2 &= 15
      if w2 s> 7 goto upper
      if w2 s> 3 goto four
      if w2 == 0 goto again
      if w2 == 1 goto c1
      if w2 == 2 goto c2
      r7 += 5
      goto again
    four:
      if w2 == 4 goto c0
      if w2 == 5 goto c3
      if w2 == 6 goto again
      goto c4
    upper:
      if w2 < 10 goto c5
      if w2 == 12 goto again
    ${ways('c', 6, 'again')}
    out:
      ${result(0)} = r7
      ${DONE}`,
  },
  {
    name: '2000 conditions in one another',
    runs: [0n, 1n, 999n, 1999n, 2000n, 2n ** 63n].map((n) => [n]),
    text: `
      r1 = ${INPUT(0)}
      r7 = 0
      ${lines(2000, (i) => `if r1 > ${1999 - i} goto n${i}\nr7 += 1`)}
      ${lines(2000, (i) => `n${1999 - i}:\nr7 ^= ${i}`)}
      ${result(0)} = r7
      ${DONE}`,
  },
  {
    name: '2000 conditions one after the other',
    runs: [0n, 1n, 5n, 2n ** 32n - 1n].map((n) => [n]),
    text: `
      r7 = 0
      ${lines(2000, (i) => `r1 = ${INPUT(0)}\nif r1 & ${1 << (i % 30)} goto a${i}\nr7 += ${i}\na${i}:`)}
      ${result(0)} = r7
      ${DONE}`,
  },
];
