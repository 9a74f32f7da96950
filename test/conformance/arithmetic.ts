import { ALU_OPS, allOperations, type Insn, type Operation } from '../../src/isa/index.ts';
import { type Case, CaseWriter } from './case.ts';
import { ARRIVAL_PAIRS, arrive, constant, EDGES, FEW, IMMEDIATES, PAIRS } from './operands.ts';

/** An instruction without its registers: r1 is changed, by r2 where there is a second. */
interface Form {
  readonly name: string;
  readonly insn: Partial<Insn>;
}

/** Every way to combine two registers. */
const BINARY: readonly Form[] = allOperations().flatMap(([opcode, operation]) =>
  operation.kind === 'alu' && operation.source === 'reg' ? variants(opcode, operation) : [],
);

/** Every way to change a register by a number; a width cannot be shifted by, nor 0 be divided by. */
const IMMEDIATE: readonly Form[] = allOperations().flatMap(([opcode, operation]) =>
  operation.kind !== 'alu' || operation.source !== 'imm'
    ? []
    : variants(opcode, operation).flatMap(({ name, insn }) =>
        IMMEDIATES.filter((imm) => isAllowed(operation, imm)).map((imm) => ({
          name: `${name} ${imm}`,
          insn: { ...insn, imm },
        })),
      ),
);

const UNARY: readonly Form[] = allOperations().flatMap(([opcode, operation]) => {
  if (operation.kind === 'neg') return [{ name: `neg${operation.bits}`, insn: { opcode } }];
  if (operation.kind !== 'end') return [];
  return [16, 32, 64].map((imm) => ({ name: `${operation.to}${imm}`, insn: { opcode, imm } }));
});

type Alu = Extract<Operation, { kind: 'alu' }>;

function variants(opcode: number, { op, bits, source }: Alu): Form[] {
  const form = (name: string, off: number) => ({ name: `${name}${bits} (${source})`, insn: { opcode, off } });
  const plain = form(ALU_OPS[op][1], 0);
  if (op === 'div' || op === 'mod') return [plain, form(`s${ALU_OPS[op][1]}`, 1)];
  if (op !== 'mov' || source === 'imm') return [plain];
  return [plain, ...[8, 16, 32].filter((size) => size < bits).map((size) => form(`= (s${size})`, size))];
}

function isAllowed({ op, bits }: Alu, imm: number): boolean {
  if (op === 'div' || op === 'mod') return imm !== 0;
  return !['lsh', 'rsh', 'arsh'].includes(op) || (imm >= 0 && imm < bits);
}

/** Does something to r1, by r2, and keeps all of it; then once more, of which only the low half is used. */
function twice(to: CaseWriter, { name, insn }: Form, ready: () => void): void {
  for (const size of [8, 4] as const) {
    ready();
    to.add({ ...insn, dst: 1, ...(isBinary(insn) && { src: 2 }) });
    to.keep(size === 8 ? name : `the low half of ${name}`, 1, size);
  }
}

const isBinary = ({ opcode = 0 }: Partial<Insn>) => (opcode & 0x08) !== 0 && (opcode & 0xf7) !== 0xd4;

function write(name: string, forms: readonly Form[], runs: Case['runs'], ready: (to: CaseWriter) => void): Case {
  const to = new CaseWriter(name);
  for (const form of forms) twice(to, form, () => ready(to));
  return to.finish(runs);
}

const ONE = EDGES.map((edge) => [edge]);

/** Both operands are in the program, so that compilers know the result. */
function constants(form: Form): Case {
  const to = new CaseWriter(`${form.name} of constants`);
  for (const a of FEW)
    for (const b of FEW)
      twice(to, { ...form, name: `${form.name} of 0x${a.toString(16)} and 0x${b.toString(16)}` }, () =>
        to.add(...constant(1, a), ...constant(2, b)),
      );
  return to.finish();
}

/** One of them is in the program, the other is not. */
function halfConstant(side: 1 | 2): Case[] {
  return FEW.map((value) =>
    write(`arithmetic with 0x${value.toString(16)} in r${side}`, BINARY, ONE, (to) => {
      to.add(...constant(side, value));
      to.load(3 - side, 0);
    }),
  );
}

/** Arithmetic, each operation on each pair of edges. */
export const arithmeticCases: readonly Case[] = [
  ...ARRIVAL_PAIRS.map(([first, second]) =>
    write(`arithmetic of ${first} and ${second}`, BINARY, PAIRS, (to) => {
      arrive(to, 1, 0, first);
      arrive(to, 2, 1, second);
    }),
  ),
  ...ARRIVAL_PAIRS.flatMap(([arrival]) => [
    write(`arithmetic of ${arrival} and numbers`, IMMEDIATE, ONE, (to) => arrive(to, 1, 0, arrival)),
    write(`${arrival} changed`, UNARY, ONE, (to) => arrive(to, 1, 0, arrival)),
  ]),
  ...BINARY.map(constants),
  ...halfConstant(1),
  ...halfConstant(2),
  ...FEW.map((value) =>
    write(`0x${value.toString(16)} changed`, [...UNARY, ...IMMEDIATE], [[]], (to) => to.add(...constant(1, value))),
  ),
];
