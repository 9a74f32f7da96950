import fc from 'fast-check';
import type { Fd } from '../../src/uapi/fd.ts';
import type { Session } from '../contract/session.ts';
import { BPF_LOG_LEVEL2, type Program, verify } from '../contract/verdict.ts';

/** Mostly one that begins with a number. */
const register = fc.constantFrom(0, 0, 0, 2, 2, 3, 3, 4, 4, 5, 5, 7, 7, 8, 8, 1, 6, 9);
const base = fc.constantFrom(10, 10, 10, 0, 1, 2, 6, 7);
const immediate = fc.oneof(
  fc.integer({ min: -4, max: 31 }),
  fc.constantFrom(64, 255, 256, 512, 0xffff, 0x7fff_ffff, -0x8000_0000, -512),
);
const size = fc.constantFrom('u8', 'u16', 'u32', 'u64');
const offset = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(-8, -16, -24, 0, 8, 16) },
  { weight: 1, arbitrary: fc.integer({ min: -40, max: 40 }) },
);
const at = (register: number, off: number): string => `(r${register} ${off < 0 ? '-' : '+'} ${Math.abs(off)})`;
const aluOp = fc.constantFrom('+=', '-=', '*=', '/=', '%=', '&=', '|=', '^=', '<<=', '>>=', 's>>=', 's/=', 's%=', '=');
const jumpOp = fc.constantFrom('==', '!=', '<', '<=', '>', '>=', 's<', 's<=', 's>', 's>=', '&');
const width = fc.constantFrom('r', 'r', 'w');
const distance = fc.nat(4);
const call = fc.constantFrom(
  'bpf_get_prandom_u32',
  'bpf_ktime_get_ns',
  'bpf_map_lookup_elem',
  'bpf_map_update_elem',
  'bpf_skb_load_bytes',
  'bpf_ringbuf_submit',
);

const LOOKUP = ['*(u32 *)(r10 - 4) = 1', 'r2 = r10', 'r2 += -4'];
/** What programs do in several steps, so that some of it is right. */
const phrase = fc.constantFrom(
  [...LOOKUP, 'r1 = map[name:hash]', 'call bpf_map_lookup_elem', 'if r0 == 0 goto +1'],
  [...LOOKUP, 'r1 = map[name:array]', 'call bpf_map_lookup_elem', 'if r0 != 0 goto +2', 'r0 = 0', 'exit'],
  ['call bpf_get_prandom_u32', 'r0 &= 15', 'r7 = r10', 'r7 += -32', 'r7 += r0'],
  ['call bpf_get_prandom_u32', 'r7 = r0', 'if r7 > 8 goto +2', 'r0 = r7', 'r0 <<= 1'],
  ['r6 = *(u32 *)(r1 + 0)', 'r7 = *(u32 *)(r1 + 16)'],
  [
    'r2 = *(u32 *)(r1 + 76)',
    'r3 = *(u32 *)(r1 + 80)',
    'r4 = r2',
    'r4 += 14',
    'if r4 > r3 goto +2',
    'r0 = *(u16 *)(r2 + 12)',
  ],
  [
    'r1 = map[name:ring]',
    'r2 = 16',
    'r3 = 0',
    'call bpf_ringbuf_reserve',
    'if r0 == 0 goto +3',
    'r1 = r0',
    'r2 = 0',
    'call bpf_ringbuf_submit',
  ],
  ['r8 = 0', 'r8 += 1', 'if r8 < 5 goto -2'],
  ['*(u64 *)(r10 - 16) = r6', 'r6 = 0', 'r6 = *(u64 *)(r10 - 16)'],
  ['*(u32 *)(r10 - 16) = r7', 'if w7 > 9 goto +1', 'r8 = *(u32 *)(r10 - 16)'],
  ['call bpf_get_prandom_u32', 'r8 = r0', 'r7 = r8', 'r7 += 4', 'if r8 > 20 goto +1', 'r7 >>= 2'],
  [
    'call bpf_get_prandom_u32',
    'w2 = w0',
    'if w2 s> 16 goto +4',
    'if w2 s< 1 goto +3',
    'r1 = r10',
    'r1 += -32',
    'r3 = r1',
  ],
  ['call bpf_get_prandom_u32', 'r0 <<= 32', 'r0 s>>= 32', 'r5 = r0', 'if r5 s> 7 goto +1', 'r5 &= 31'],
  ['r1 = r6', 'r2 = 0', 'r3 = r10', 'r3 += -32', 'r4 = 8', 'call bpf_skb_load_bytes'],
  [
    ...LOOKUP,
    'r1 = map[name:hash]',
    'call bpf_map_lookup_elem',
    'r9 = r0',
    'if r9 == 0 goto +4',
    'r7 &= 7',
    'r9 += r7',
    'r8 = *(u64 *)(r9 + 0)',
    'r8 >>= 60',
  ],
  ['r6 = r1'],
  ['r1 = r6'],
  ['r6 = r1'],
  ['r1 = r6'],
);

// biome-ignore format: a line a kind
const line = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(width, register, aluOp, immediate).map(([w, dst, op, imm]) => [`${w}${dst} ${op} ${imm}`]) },
  { weight: 6, arbitrary: fc.tuple(width, register, aluOp, register).map(([w, dst, op, src]) => [`${w}${dst} ${op} ${w}${src}`]) },
  { weight: 1, arbitrary: fc.tuple(width, register).map(([w, dst]) => [`${w}${dst} = -${w}${dst}`]) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom('be16', 'be32', 'be64', 'le32', 'bswap64'), register).map(([op, dst]) => [`r${dst} = ${op} r${dst}`]) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom('s8', 's16', 's32'), register, register).map(([op, dst, src]) => [`r${dst} = (${op})r${src}`]) },
  { weight: 1, arbitrary: fc.tuple(register).map(([dst]) => [`r${dst} = r10`]) },
  { weight: 3, arbitrary: fc.tuple(size, register, base, offset).map(([type, dst, from, off]) => [`r${dst} = *(${type} *)${at(from, off)}`]) },
  { weight: 3, arbitrary: fc.tuple(size, register, base, offset).map(([type, src, to, off]) => [`*(${type} *)${at(to, off)} = r${src}`]) },
  { weight: 2, arbitrary: fc.tuple(size, immediate, base, offset).map(([type, imm, to, off]) => [`*(${type} *)${at(to, off)} = ${imm}`]) },
  { weight: 4, arbitrary: fc.tuple(width, register, jumpOp, immediate, distance).map(([w, dst, op, imm, n]) => [`if ${w}${dst} ${op} ${imm} goto +${n}`]) },
  { weight: 4, arbitrary: fc.tuple(width, register, jumpOp, register, distance).map(([w, dst, op, src, n]) => [`if ${w}${dst} ${op} ${w}${src} goto +${n}`]) },
  { weight: 1, arbitrary: distance.map((n) => [`goto +${n}`]) },
  { weight: 1, arbitrary: call.map((name) => [`call ${name}`]) },
  { weight: 6, arbitrary: phrase },
);

/** Registers that hold something from the start on, so that fewer programs end at once for want of it. */
const START = [
  'r0 = 0',
  'r2 = 2',
  'r3 = -3',
  'r4 = 4',
  'r5 = 500',
  'r6 = r1',
  'r7 = 7',
  'r8 = 8',
  'r9 = r10',
  '*(u64 *)(r10 - 8) = 5',
];

/** As many as a jump may go too far. */
const END = ['r0 = 0', 'r0 = 0', 'r0 = 0', 'r0 = 0', 'exit'];

export const randomProgram: fc.Arbitrary<Program> = fc.record({
  type: fc.constantFrom('socket_filter' as const, 'sched_cls' as const),
  text: fc.array(line, { minLength: 1, maxLength: 14 }).map((lines) => [...START, ...lines.flat(), ...END].join('\n')),
});

/** What a kernel says of a program, how far it had to look, that one which it takes can be run, and the whole log. */
export function runProgram({ kernel }: Session, program: Program): string[] {
  const run = (prog_fd: Fd) => {
    kernel.bpf('BPF_PROG_TEST_RUN', { prog_fd, data_in: new Uint8Array(64), data_size_in: 64 });
    return 'ok';
  };
  const { answer, lastWords, steps, log } = verify(kernel, program, run, BPF_LOG_LEVEL2);
  return [`${answer} ${lastWords}`, `${steps} steps`, ...log];
}
