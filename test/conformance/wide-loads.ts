import type { Insn } from '../../src/isa/index.ts';
import { type Case, CaseWriter, VALUE } from './case.ts';

/** How a number is put together from what lies next to each other: what shifts say about the order of bytes, and what else is done. */
export interface Gathering {
  /** 1: bytes; 2: words of 16 bits. */
  readonly unit: 1 | 2;
  /** Units. */
  readonly count: number;
  readonly order: 'le' | 'be';
  readonly bits: 32 | 64;
  /** One after the other, or the halves by themselves. */
  readonly shape: 'chain' | 'tree';
  readonly joint: keyof typeof JOINTS;
  readonly disturbance: (typeof DISTURBANCES)[number];
  /** Which unit that concerns. */
  readonly at: number;
}

const JOINTS = { or: 0x4f, xor: 0xaf, add: 0x0f };
export const DISTURBANCES = ['none', 'base', 'shift', 'gap', 'store', 'other', 'moved', 'signed'] as const;
const LOADS = { 1: { u: 0x71, s: 0x91 }, 2: { u: 0x69, s: 0x89 } } as const;
/** Registers: what is put together last, the halves, the address, and what is stored. */
const [RESULT, HALF, PART, BASE, STORED] = [3, 4, 5, 2, 7];

/** Reads the units from r9 + 8 on, and leaves r3. */
export function gather(gathering: Gathering): readonly Partial<Insn>[] {
  const { count, shape, bits, joint } = gathering;
  const join = (dst: number, src: number) => ({ opcode: bits === 64 ? JOINTS[joint] : JOINTS[joint] - 3, dst, src });
  const half = shape === 'tree' && count > 2 ? count >> 1 : count;
  const insns: Partial<Insn>[] = [
    { opcode: 0xbf, dst: BASE, src: VALUE },
    { opcode: 0xb7, dst: STORED, imm: 0x5a },
  ];
  for (let i = 0; i < count; i++) {
    const into = i < half ? RESULT : HALF;
    const isFirst = i === 0 || i === half;
    insns.push(...unit(gathering, i, isFirst ? into : PART));
    if (!isFirst) insns.push(join(into, PART));
  }
  if (half < count) insns.push(join(RESULT, HALF));
  return insns;
}

/** Reads one unit, and shifts it to its place. */
function unit(
  { unit: size, count, order, bits, disturbance, at }: Gathering,
  i: number,
  into: number,
): Partial<Insn>[] {
  const now = disturbance !== 'none' && i === at;
  const place = order === 'le' ? i : count - 1 - i;
  const shift = Math.min(8 * size * place + (now && disturbance === 'shift' ? 1 : 0), bits - 1);
  const off = 8 + size * i + (now && disturbance === 'gap' ? 1 : 0);
  const base = now && disturbance === 'base' ? STORED : BASE;
  const opcode = LOADS[size][now && disturbance === 'signed' ? 's' : 'u'];
  const before: Partial<Insn>[] = [];
  if (base === STORED) before.push({ opcode: 0xbf, dst: STORED, src: BASE });
  if (now && disturbance === 'store') before.push({ opcode: 0x73, dst: VALUE, src: STORED, off: 8 });
  if (now && disturbance === 'other') before.push({ opcode: 0x73, dst: 10, src: STORED, off: -1 });
  if (now && disturbance === 'moved') before.push({ opcode: 0x07, dst: BASE, imm: 1 });
  return [
    ...before,
    { opcode, dst: base === STORED ? STORED : into, src: base, off },
    ...(base === STORED ? [{ opcode: 0xbf, dst: into, src: STORED }] : []),
    ...(shift === 0 ? [] : [{ opcode: bits === 64 ? 0x67 : 0x64, dst: into, imm: shift }]),
  ];
}

const SIZES = [
  [1, 2],
  [1, 3],
  [1, 4],
  [1, 8],
  [2, 2],
  [2, 4],
] as const;

/** Each way to put numbers together, and each thing that may come between. */
export const gatherings: readonly Gathering[] = (['le', 'be'] as const).flatMap((order) =>
  (['chain', 'tree'] as const).flatMap((shape) =>
    SIZES.flatMap(([unit, count]) =>
      (unit * count > 4 ? ([64] as const) : ([32, 64] as const)).flatMap((bits) =>
        DISTURBANCES.map((disturbance, i) => {
          const joint = (['or', 'xor', 'add'] as const)[i % 3] ?? 'or';
          return { unit, count, order, bits, shape, joint, disturbance, at: count - 1 };
        }),
      ),
    ),
  ),
);

export function wideLoads(): Case {
  const to = new CaseWriter('numbers put together from bytes');
  for (const gathering of gatherings) {
    to.add(...gather(gathering));
    to.keep(Object.values(gathering).join(' '), 3);
  }
  return to.finish([[0n, 0x8182_8384_f586_8788n, 0x1112_9394_1596_1798n, 0x0102_0304_0506_0708n]]);
}
