import fc from 'fast-check';
import { BtfBuilder } from '../../src/btf/index.ts';
import { decodeInsns, encodeInsns, formatInsn, parseAssembly } from '../../src/isa/index.ts';
import type { BpfAttr } from '../../src/uapi/attr.ts';
import type { Fd } from '../../src/uapi/fd.ts';
import { bpfProgInfo } from '../../src/uapi/info.ts';
import { outcome, type Session } from '../contract/session.ts';

/**
 * Programs that Linux shows as they were loaded but for what no path comes to: nothing in them is put in place of something else. Of each function the
 * instructions, and which of those have lines of their own.
 */
export type PlainProgram = readonly (readonly (readonly [text: string, line: boolean])[])[];

const register = fc.constantFrom(0, 2, 3, 7, 8);
const immediate = fc.integer({ min: -3, max: 12 });
const aluOp = fc.constantFrom('+=', '-=', '*=', '&=', '|=', '^=', '=');
const jumpOp = fc.constantFrom('==', '!=', '<', '>=', 's>', '&');
const width = fc.constantFrom('r', 'w');
const distance = fc.nat(4);

// biome-ignore format: a line a kind
const line = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(width, register, aluOp, immediate).map(([w, dst, op, imm]) => [`${w}${dst} ${op} ${imm}`]) },
  { weight: 2, arbitrary: fc.tuple(register, immediate).map(([dst, imm]) => [`r${dst} = ${imm} ll`]) },
  { weight: 6, arbitrary: fc.tuple(width, register, jumpOp, immediate, distance).map(([w, dst, op, imm, n]) => [`if ${w}${dst} ${op} ${imm} goto +${n}`]) },
  { weight: 2, arbitrary: distance.map((n) => ['if r7 != 7 goto +1', `goto +${n}`]) },
  { weight: 1, arbitrary: distance.map((n) => ['if r8 != 8 goto +1', `gotol +${n}`]) },
  { weight: 1, arbitrary: fc.constantFrom(['may_goto +0'], ['may_goto +1', 'may_goto +0'], ['if r2 == 2 goto +1', 'goto +1', 'may_goto +0'], ['if r2 != 2 goto +1', 'goto +1', 'goto +0'], ['goto +0'], ['may_goto +0', 'goto +0']) },
  { weight: 1, arbitrary: fc.constantFrom(['r8 = 0', 'r8 += 1', 'if r8 < 3 goto -2'], ['call bpf_get_prandom_u32'], ['call bpf_get_prandom_u32', 'r7 = r0'], ['if r7 == 7 goto +1', 'exit'], ['if r3 == 3 goto +1', 'exit']) },
  { weight: 2, arbitrary: fc.constantFrom(['call first'], ['call second'], ['if r7 == 7 goto +1', 'call first'], ['if r8 == 8 goto +1', 'call second']) },
);
const START = ['r0 = 0', 'r2 = 2', 'r3 = 3', 'r7 = 7', 'r8 = 8'];
/** As many as a jump may go too far. */
const END = ['r0 = 0', 'r0 = 0', 'r0 = 0', 'r0 = 0', 'exit'];

const body = fc
  .array(line, { minLength: 1, maxLength: 10 })
  .map((lines) => [...START, ...lines.flat(), ...END])
  .chain((texts) => fc.tuple(...texts.map((text) => fc.tuple(fc.constant(text), fc.boolean()))));

/** The second function calls none, so that no call comes back to where it began. */
export const plainProgram: fc.Arbitrary<PlainProgram> = fc.tuple(
  body,
  body.map((lines) => lines.filter(([text]) => text !== 'call first')),
  body.map((lines) => lines.filter(([text]) => !/^call (first|second)$/.test(text))),
);

const NAMES = ['main', 'first', 'second'] as const;
const builder = new BtfBuilder();
const int = builder.add({ kind: 'int', name: 'int', size: 4, bits: 32, bitOffset: 0, encoding: 'signed' });
const proto = builder.add({ kind: 'func_proto', name: '', returns: int, params: [] });
const IDS = NAMES.map((name) => builder.add({ kind: 'func', name, typeId: proto, linkage: 0 }));
const TEXT = builder.string('x');
const BTF = builder.bytes();

/** The instructions, functions and lines of a program as the kernel shows them. */
export function showProgram(session: Session, program: PlainProgram): string[] {
  const { kernel } = session;
  let prog: Fd | undefined;
  const answer = outcome(() => {
    prog = session.prog(attributes(session, program));
    return 'ok';
  });
  if (prog === undefined) return [String(answer)];
  const { xlated_prog_len, nr_func_info, nr_line_info } = session.info(prog, bpfProgInfo);
  const info = bpfProgInfo.encode({
    xlated_prog_len,
    nr_func_info,
    nr_line_info,
    func_info_rec_size: 8,
    line_info_rec_size: 16,
  });
  const xlated_prog_insns = new Uint8Array(xlated_prog_len);
  const func_info = new Uint8Array(8 * nr_func_info);
  const line_info = new Uint8Array(16 * nr_line_info);
  const arrays = { xlated_prog_insns, func_info, line_info };
  kernel.bpf('BPF_OBJ_GET_INFO_BY_FD', { bpf_fd: prog, info, info_len: info.length, arrays });
  const insns = decodeInsns(xlated_prog_insns);
  const call = ({ src, off, imm }: { src: number; off: number; imm: number }) =>
    src === 0 ? 'helper' : `${off} ${imm}`;
  return [
    'ok',
    ...insns.map((insn, i) => `${i}: ${formatInsn(insn, insns[i + 1], { call })}`),
    `functions ${new Uint32Array(func_info.buffer).join(' ')}`,
    `lines ${new Uint32Array(line_info.buffer).join(' ')}`,
  ];
}

function attributes(session: Session, program: PlainProgram): BpfAttr<'BPF_PROG_LOAD'> {
  // Functions that nobody calls are none.
  const called = (name: string) => program.some((lines) => lines.some(([text]) => text === `call ${name}`));
  const functions = program.flatMap((lines, i) => {
    const name = NAMES[i] ?? '';
    return name === 'main' || called(name) ? [{ name, id: IDS[i] ?? 0, lines }] : [];
  });
  const text = functions.map(({ name, lines }) => [`${name}:`, ...lines.map(([insn]) => insn)].join('\n')).join('\n');
  const insns = encodeInsns(parseAssembly(text));
  const func_info: number[] = [];
  const line_info: number[] = [];
  let at = 0;
  for (const { id, lines } of functions) {
    func_info.push(at, id);
    for (const [i, [insn, hasLine]] of lines.entries()) {
      if (i === 0 || hasLine) line_info.push(at, TEXT, TEXT, at << 10);
      at += insn.endsWith(' ll') ? 2 : 1;
    }
  }
  return {
    insns,
    insn_cnt: insns.length / 8,
    prog_btf_fd: session.own(session.kernel.bpf('BPF_BTF_LOAD', { btf: BTF, btf_size: BTF.length })),
    func_info: words(func_info),
    func_info_cnt: func_info.length / 2,
    func_info_rec_size: 8,
    line_info: words(line_info),
    line_info_cnt: line_info.length / 4,
    line_info_rec_size: 16,
  };
}

const words = (values: readonly number[]) => new Uint8Array(Uint32Array.from(values).buffer);
