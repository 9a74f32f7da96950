import fc from 'fast-check';
import { allOperations, type Insn, type Operation } from '../../src/isa/index.ts';
import { type Case, CaseWriter, observe } from '../conformance/case.ts';
import { EDGES, IMMEDIATES } from '../conformance/operands.ts';
import { DISTURBANCES, gather } from '../conformance/wide-loads.ts';
import { outcome, type Session } from '../contract/session.ts';

/** Registers that hold numbers, all the time. */
const NUMBERS = [0, 1, 2, 3, 4, 5, 7, 8];
const SLOTS = 3;
/** Less than what the program ends with has instructions, so that no jump leads out of it. */
const MAX_DISTANCE = 8;

const register = fc.constantFrom(...NUMBERS);
const distance = fc.nat(MAX_DISTANCE);
const number = fc.oneof(fc.constantFrom(...IMMEDIATES), fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff }));
const rows = allOperations();

/** Any number for an instruction, but for those that no kernel takes. */
function immediate(operation: Operation): fc.Arbitrary<number> {
  if (operation.kind !== 'alu') return number;
  if (operation.op === 'div' || operation.op === 'mod') return number.map((imm) => imm || 1);
  return ['lsh', 'rsh', 'arsh'].includes(operation.op) ? fc.nat(operation.bits - 1) : number;
}

/** Division with signs, and moves that extend a sign. */
function variant(operation: Operation): fc.Arbitrary<number> {
  if (operation.kind !== 'alu') return fc.constant(0);
  if (operation.op === 'div' || operation.op === 'mod') return fc.constantFrom(0, 1);
  if (operation.op !== 'mov' || operation.source === 'imm') return fc.constant(0);
  return fc.constantFrom(0, 8, 16, operation.bits === 64 ? 32 : 0);
}

const computations = rows.flatMap(([opcode, operation]): fc.Arbitrary<Partial<Insn>>[] => {
  switch (operation.kind) {
    case 'alu':
      return [
        operation.source === 'reg'
          ? fc.record({ opcode: fc.constant(opcode), dst: register, src: register, off: variant(operation) })
          : fc.record({
              opcode: fc.constant(opcode),
              dst: register,
              imm: immediate(operation),
              off: variant(operation),
            }),
      ];
    case 'neg':
      return [fc.record({ opcode: fc.constant(opcode), dst: register })];
    case 'end':
      return [fc.record({ opcode: fc.constant(opcode), dst: register, imm: fc.constantFrom(16, 32, 64) })];
    default:
      return [];
  }
});

const jumps = rows.flatMap(([opcode, operation]): fc.Arbitrary<Partial<Insn>>[] =>
  operation.kind !== 'jump'
    ? []
    : operation.source === 'reg'
      ? [fc.record({ opcode: fc.constant(opcode), dst: register, src: register, off: distance })]
      : [fc.record({ opcode: fc.constant(opcode), dst: register, imm: number, off: distance })],
);

/** Places on the stack that are aligned for the size. */
const place = (size: number) => fc.nat((8 * SLOTS) / size - 1).map((n) => -8 * SLOTS + n * size);

const accesses = rows.flatMap(([opcode, operation]): fc.Arbitrary<Partial<Insn>>[] => {
  const code = fc.constant(opcode);
  const stack = fc.constant(10);
  if (operation.kind === 'load')
    return [fc.record({ opcode: code, dst: register, src: stack, off: place(operation.size) })];
  if (operation.kind !== 'store') return [];
  const off = place(operation.size);
  return operation.source === 'reg'
    ? [fc.record({ opcode: code, dst: stack, src: register, off })]
    : [fc.record({ opcode: code, dst: stack, off, imm: number })];
});

/** One register compared with numbers that are close to each other, again and again: with luck, a switch. */
const switches = fc
  .tuple(
    register,
    fc.option(fc.constantFrom(7, 15, 63)),
    fc.constantFrom(0, 0, 0, 1, 5, -3),
    fc.array(fc.record({ jump: fc.constantFrom(...rows.filter(isNumberJump)), imm: fc.nat(9), off: distance }), {
      minLength: 4,
      maxLength: 12,
    }),
  )
  .map(([dst, mask, first, compares]): Partial<Insn>[] => [
    ...(mask === null ? [] : [{ opcode: 0x57, dst, imm: mask }]),
    ...compares.map(({ jump: [opcode], imm, off }) => ({ opcode, dst, imm: first + imm, off })),
  ]);

function isNumberJump([, operation]: (typeof rows)[number]): boolean {
  return operation.kind === 'jump' && operation.source === 'imm' && operation.op !== 'jset';
}

/** Numbers put together from what is next to each other in memory. */
const gathered = fc
  .record({
    unit: fc.constantFrom(1 as const, 1 as const, 2 as const),
    count: fc.integer({ min: 2, max: 8 }),
    order: fc.constantFrom('le' as const, 'be' as const),
    bits: fc.constantFrom(32 as const, 64 as const),
    shape: fc.constantFrom('chain' as const, 'tree' as const),
    joint: fc.constantFrom('or' as const, 'xor' as const, 'add' as const),
    disturbance: fc.oneof({ weight: 8, arbitrary: fc.constant('none' as const) }, fc.constantFrom(...DISTURBANCES)),
    at: fc.nat(7),
  })
  // Without the addresses, which are others elsewhere.
  .map((gathering) => [...gather(gathering), { opcode: 0xb7, dst: 2 }, { opcode: 0xb7, dst: 7 }]);

const single = fc.oneof(
  { weight: 6, arbitrary: fc.oneof(...computations) },
  { weight: 2, arbitrary: fc.oneof(...jumps) },
  { weight: 2, arbitrary: fc.oneof(...accesses) },
);
const instructions = fc.oneof(
  { weight: 30, arbitrary: single.map((insn) => [insn]) },
  { weight: 1, arbitrary: switches },
  { weight: 1, arbitrary: gathered },
);

/** Arithmetic, jumps and a stack, on numbers alone: each program is safe, and its results are the same everywhere. */
export const randomCase: fc.Arbitrary<Case> = fc
  .tuple(
    fc.array(instructions, { minLength: 1, maxLength: 30 }),
    fc.array(fc.array(fc.constantFrom(...EDGES), { minLength: 4, maxLength: 4 }), { minLength: 1, maxLength: 4 }),
  )
  .map(([insns, runs]) => {
    const to = new CaseWriter('random');
    for (const [i, dst] of NUMBERS.entries()) {
      if (i < 4) to.load(dst, i);
      else to.add({ opcode: 0xb7, dst, imm: i - 6 });
    }
    for (let slot = 0; slot < SLOTS; slot++) to.add({ opcode: 0x7b, dst: 10, src: slot, off: -8 * (slot + 1) });
    to.add(...insns.flat());
    for (const reg of NUMBERS) to.keep(`r${reg}`, reg);
    to.add({ opcode: 0x79, dst: 1, src: 10, off: -8 });
    to.keep('the stack', 1);
    return to.finish(runs);
  });

/** What a program leaves in its registers, for each run. */
export function runCase({ kernel }: Session, given: Case): string[] {
  let lines: string[] = [];
  const answer = outcome(() => {
    lines = observe(kernel, given).map((words) => [...words].map((word) => word.toString(16)).join());
    return 'ok';
  });
  return [String(answer), ...lines];
}
