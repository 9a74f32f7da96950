import { allOperations, type Insn, JUMP_OPS } from '../../src/isa/index.ts';
import { type Case, CaseWriter } from './case.ts';
import { ARRIVAL_PAIRS, arrive, constant, EDGES, FEW, IMMEDIATES, PAIRS } from './operands.ts';

interface Form {
  readonly name: string;
  readonly insn: Partial<Insn>;
}

const ALL = allOperations().flatMap(([opcode, operation]) =>
  operation.kind === 'jump'
    ? [{ name: `${JUMP_OPS[operation.op][1]}${operation.bits}`, source: operation.source, insn: { opcode } }]
    : [],
);
const BY_REGISTER: readonly Form[] = ALL.filter(({ source }) => source === 'reg');
const BY_NUMBER: readonly Form[] = ALL.filter(({ source }) => source === 'imm').flatMap(({ name, insn }) =>
  IMMEDIATES.map((imm) => ({ name: `${name} ${imm}`, insn: { ...insn, imm } })),
);

/** Both ways use r1, of which the jump has told something: `r1 + 3` if it is not taken, else `~r1`. */
function jump(to: CaseWriter, { name, insn }: Form): void {
  const isBinary = ((insn.opcode ?? 0) & 0x08) !== 0;
  to.add(
    { ...insn, dst: 1, ...(isBinary && { src: 2 }), off: 3 },
    { opcode: 0xbf, dst: 3, src: 1 },
    { opcode: 0x07, dst: 3, imm: 3 },
    { opcode: 0x05, off: 2 },
    { opcode: 0xbf, dst: 3, src: 1 },
    { opcode: 0xa7, dst: 3, imm: -1 },
  );
  to.keep(name, 3);
}

function write(name: string, forms: readonly Form[], runs: Case['runs'], ready: (to: CaseWriter) => void): Case {
  const to = new CaseWriter(name);
  for (const form of forms) {
    ready(to);
    jump(to, form);
  }
  return to.finish(runs);
}

function constants(form: Form): Case {
  const to = new CaseWriter(`jump ${form.name} of constants`);
  for (const a of FEW)
    for (const b of FEW) {
      to.add(...constant(1, a), ...constant(2, b));
      jump(to, { ...form, name: `${form.name} of 0x${a.toString(16)} and 0x${b.toString(16)}` });
    }
  return to.finish();
}

const ONE = EDGES.map((edge) => [edge]);

function halfConstant(side: 1 | 2): Case[] {
  return FEW.map((value) =>
    write(`jumps with 0x${value.toString(16)} in r${side}`, BY_REGISTER, ONE, (to) => {
      to.add(...constant(side, value));
      to.load(3 - side, 0);
    }),
  );
}

/** Conditional jumps, each on each pair of edges. */
export const jumpCases: readonly Case[] = [
  ...ARRIVAL_PAIRS.map(([first, second]) =>
    write(`jumps by ${first} and ${second}`, BY_REGISTER, PAIRS, (to) => {
      arrive(to, 1, 0, first);
      arrive(to, 2, 1, second);
    }),
  ),
  ...ARRIVAL_PAIRS.map(([arrival]) =>
    write(`jumps by ${arrival} and numbers`, BY_NUMBER, ONE, (to) => arrive(to, 1, 0, arrival)),
  ),
  ...BY_REGISTER.map(constants),
  ...halfConstant(1),
  ...halfConstant(2),
  ...FEW.map((value) =>
    write(`jumps by 0x${value.toString(16)} and numbers`, BY_NUMBER, [[]], (to) => to.add(...constant(1, value))),
  ),
];
