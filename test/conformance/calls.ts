import { DONE, INPUT, lines, result, type Scenario, SMALL } from './scenario.ts';

/** Functions that are called, and called back. */
export const calls: readonly Scenario[] = [
  {
    name: 'calls eight deep, each with registers and a stack of its own',
    runs: SMALL,
    text: `
      r1 = ${INPUT(0)}
      r7 = 70
      r8 = 80
      call f1
      ${result(0)} = r0
      ${result(1)} = r7
      ${result(2)} = r8
      ${DONE}
      ${lines(7, (i) => {
        const depth = i + 1;
        const deeper = depth === 7 ? 'r0 = r7' : `r1 = r7\nr1 += ${depth}\ncall f${depth + 1}`;
        return `f${depth}:
          r7 = r1
          r8 = ${depth}
          r7 *= 3
          *(u64 *)(r10 - 8) = r7
          *(u32 *)(r10 - 16) = r8
          ${deeper}
          r2 = *(u64 *)(r10 - 8)
          w3 = *(u32 *)(r10 - 16)
          r0 ^= r2
          r0 += r3
          r0 += r8
          exit`;
      })}`,
  },
  {
    name: 'five arguments and a result of 64 bits; a pointer to the stack of the caller',
    runs: SMALL,
    text: `
      r1 = ${INPUT(0)}
      r1 *= -1
      r2 = ${INPUT(1)}
      r3 = 3
      r4 = 0x123456789abcdef0 ll
      *(u64 *)(r10 - 8) = r4
      r5 = r10
      r5 += -8
      call five
      ${result(0)} = r0
      r1 = *(u64 *)(r10 - 8)
      ${result(1)} = r1
      ${DONE}
    five:
      r0 = r1
      r0 -= r2
      r0 *= r3
      r0 ^= r4
      r1 = *(u64 *)(r5 + 0)
      r1 += r0
      *(u64 *)(r5 + 0) = r1
      *(u8 *)(r5 + 3) = 0xee
      exit`,
  },
  {
    name: 'a function in a loop, called at several places',
    runs: SMALL,
    text: `
      r7 = ${INPUT(0)}
      r8 = 0
    top:
      r1 = r7
      call step
      r7 = r0
      r1 = r0
      r1 >>= 3
      call step
      r7 += r0
      r8 += 1
      if r8 < 10 goto top
      ${result(0)} = r7
      ${DONE}
    step:
      if r1 & 1 goto odd
      r1 >>= 1
      r0 = r1
      exit
    odd:
      r1 *= 3
      r1 += 1
      r0 = r1
      exit`,
  },
  {
    name: 'bpf_loop within bpf_loop, which ends early',
    runs: SMALL,
    text: `
      r1 = ${INPUT(0)}
      *(u64 *)(r10 - 8) = r1
      *(u64 *)(r10 - 16) = 0
      r1 = 12
      r2 = each ll
      r3 = r10
      r3 += -16
      r4 = 0
      call bpf_loop
      ${result(0)} = r0
      r1 = *(u64 *)(r10 - 16)
      ${result(1)} = r1
      ${DONE}
    each:
      r6 = r1
      r7 = r2
      r1 = 3
      r2 = inner ll
      r3 = r7
      r4 = 0
      call bpf_loop
      r1 = *(u64 *)(r7 + 0)
      r1 += r0
      *(u64 *)(r7 + 0) = r1
      r2 = *(u64 *)(r7 + 8)
      r0 = 0
      if r6 <= r2 goto more
      r0 = 1
    more:
      exit
    inner:
      r3 = *(u64 *)(r2 + 0)
      r3 *= 3
      r3 ^= r1
      *(u64 *)(r2 + 0) = r3
      r0 = 0
      exit`,
  },
  {
    name: 'each element of a map, some of which are changed',
    text: `
      ${lines(
        5,
        (i) => `
        *(u32 *)(r10 - 4) = ${i * 3}
        *(u64 *)(r10 - 24) = ${i + 100}
        *(u64 *)(r10 - 16) = ${i}
        r1 = map[name:hash]
        r2 = r10
        r2 += -4
        r3 = r10
        r3 += -24
        r4 = 0
        call bpf_map_update_elem`,
      )}
      *(u64 *)(r10 - 40) = 0
      r1 = map[name:hash]
      r2 = each ll
      r3 = r10
      r3 += -40
      r4 = 0
      call bpf_for_each_map_elem
      ${result(0)} = r0
      r1 = *(u64 *)(r10 - 40)
      ${result(1)} = r1
      r1 = map[name:array]
      r2 = each ll
      r3 = r10
      r3 += -40
      r4 = 0
      call bpf_for_each_map_elem
      ${result(2)} = r0
      r1 = *(u64 *)(r10 - 40)
      ${result(3)} = r1
      ${DONE}
    each:
      w5 = *(u32 *)(r2 + 0)
      r0 = *(u64 *)(r3 + 0)
      r0 += r5
      r1 = *(u64 *)(r4 + 0)
      r1 += r0
      *(u64 *)(r4 + 0) = r1
      if r5 & 1 goto odd
      *(u64 *)(r3 + 8) = -1
    odd:
      r0 = 0
      exit`,
  },
];

const tailCall = (index: number | string) => `
  r1 = r6
  r2 = map[name:progs]
  r3 = ${index}
  call bpf_tail_call`;

const COUNT = `
  r1 = ${result(0)}
  r1 += 1
  ${result(0)} = r1`;

/** Programs that others go on with. */
export const tailCalls: readonly Scenario[] = [
  {
    name: 'tail calls: to one, to none, out of the array',
    targets: [`${COUNT}\nr0 = 40\nexit`, `${COUNT}\n${tailCall(0)}\nr0 = 41\nexit`],
    runs: [0n, 1n, 2n, 8n, 2n ** 32n, 2n ** 32n + 1n, 2n ** 64n - 1n].map((n) => [n]),
    text: `r8 = ${INPUT(0)}\n${COUNT}\n${tailCall('r8')}\nr0 = 42\nexit`,
  },
  { name: 'tail calls to itself, as often as it may', text: `${COUNT}\n${tailCall(7)}\nr0 = ${result(0)}\nexit` },
  {
    name: 'tail calls of a function, to which the result comes back',
    targets: [`${COUNT}\nr0 = 0x77\nexit`],
    runs: [[0n], [1n]],
    text: `
      r1 = r6
      r2 = ${INPUT(0)}
      call jump
      ${result(1)} = r0
      r0 += 1
      exit
    jump:
      r3 = r2
      r2 = map[name:progs]
      call bpf_tail_call
      r0 = 0x55
      exit`,
  },
  {
    name: 'tail calls of a function, counted with those of where they lead to',
    targets: [`${COUNT}\n${tailCall(0)}\nr0 = 0x77\nexit`],
    text: `
      r1 = r6
      call jump
      ${result(1)} = r0
      r1 = r6
      call jump
      ${result(2)} = r0
      r0 = 3
      exit
    jump:
      r2 = map[name:progs]
      r3 = 0
      call bpf_tail_call
      r0 = 0x55
      exit`,
  },
  {
    name: 'tail calls of a function to the program that calls it',
    text: `
      ${COUNT}
      r1 = r6
      call jump
      r2 = ${result(1)}
      r2 += r0
      ${result(1)} = r2
      r0 = 3
      exit
    jump:
      r2 = map[name:progs]
      r3 = 7
      call bpf_tail_call
      r0 = 1000
      exit`,
  },
];
