import { decodeInsns, formatInsn } from '../../src/isa/index.ts';
import type { ProgType } from '../../src/uapi/bpf.ts';
import type { Fd } from '../../src/uapi/fd.ts';
import { bpfProgInfo } from '../../src/uapi/info.ts';
import type { Session } from './session.ts';
import type { Row } from './suite.ts';
import { verify } from './verdict.ts';

/** A program, and what the kernel shows of it when it is loaded. */
interface Case {
  readonly name: string;
  readonly text: string;
  readonly shown: string;
}

// biome-ignore format: a case a line
const CASES: readonly Case[] = [
  { name: 'all of it is used', text: 'r0 = 1; r1 = 5 ll; if r0 == 1 goto +0; exit', shown: 'r0 = 1; r1 = 0x5; if r0 == 0x1 goto pc+0; exit' },
  { name: 'a branch that is always taken', text: 'r0 = 1; if r0 == 1 goto +2; r0 = 2; r0 = 3; exit', shown: 'r0 = 1; exit' },
  { name: 'a branch that is never taken', text: 'r0 = 1; if r0 != 1 goto +2; r0 = 2; exit; r0 = 3; exit', shown: 'r0 = 1; r0 = 2; exit' },
  { name: 'a branch back that is never taken, to what is used', text: 'r0 = 1; r1 = 5 ll; if r0 != 1 goto -3; exit', shown: 'r0 = 1; r1 = 0x5; if r0 != 0x1 goto pc-3; exit' },
  { name: 'a jump over nothing', text: 'r0 = 1; goto +0; exit', shown: 'r0 = 1; exit' },
  { name: 'a long jump over nothing', text: 'r0 = 1; gotol +0; exit', shown: 'r0 = 1; gotol pc+0; exit' },
  { name: 'a jump over a jump over nothing', text: 'r0 = 1; if r0 == 2 goto +1; goto +1; goto +0; exit', shown: 'r0 = 1; exit' },
  { name: 'a jump over what does nothing', text: 'call bpf_get_prandom_u32; if r0 == 2 goto +1; goto +1; goto +0; exit', shown: 'call helper; if r0 == 0x2 goto pc+1; goto pc+0; exit' },
  { name: 'may_goto over nothing', text: 'r0 = 1; may_goto +0; exit', shown: 'r0 = 1; exit' },
  { name: 'may_goto over may_goto over nothing', text: 'r0 = 1; may_goto +1; may_goto +0; exit', shown: 'r0 = 1; exit' },
  { name: 'a constant that nobody loads', text: 'r0 = 1; if r0 == 1 goto +2; r0 = 5 ll; exit', shown: 'r0 = 1; exit' },
  { name: 'a function', text: 'call f; exit; f: r0 = 7; exit', shown: 'call 1 (function 1); exit; r0 = 7; exit' },
  { name: 'a function in a branch that is never taken', text: 'r0 = 1; if r0 == 1 goto +1; call f; call g; exit; f: r0 = 7; exit; g: r0 = 8; exit', shown: 'r0 = 1; call 1 (function 1); exit; r0 = 8; exit' },
  { name: 'the beginning of a function', text: 'call f; exit; f: r0 = 7; if r0 == 7 goto +1; r0 = 8; exit', shown: 'call 1 (function 1); exit; r0 = 7; exit' },
  { name: 'maps', text: 'r1 = map[name:hash]; r2 = map[name:array]; r3 = map[name:hash]; r0 = 0; exit', shown: 'r1 = map 0; r2 = map 1; r3 = map 0; r0 = 0; exit' },
];

/** A register is saved around a call that clobbers none but r0: it is for nothing where that is inlined. */
const SAVING = '*(u64 *)(r10 - 8) = r1; call bpf_get_smp_processor_id; r1 = *(u64 *)(r10 - 8); r0 = 0; exit';

export const xlatedRows: readonly Row[] = [
  ...CASES.map(({ name, text, shown }): Row => [name, (s) => showText(s, text), shown]),
  ['a register that is saved for nothing', (s) => showText(s, SAVING, 'sched_cls').includes('(r10 -8)'), false],
  ['a register that is saved', (s) => showText(s, SAVING, 'socket_filter').includes('(r10 -8)'), true],
];

/** Maps by the order in which they come, helpers by their place alone. */
function showText(session: Session, text: string, type: ProgType = 'socket_filter'): string {
  let shown = '';
  const program = { type, text: text.replace(/; */g, '\n') };
  const { answer, lastWords } = verify(session.kernel, program, (prog) => {
    shown = showInsns(session, prog);
    return 'ok';
  });
  return answer === 'ok' ? shown : `${answer} ${lastWords}`;
}

function showInsns(session: Session, prog: Fd): string {
  const { xlated_prog_len } = session.info(prog, bpfProgInfo);
  const xlated_prog_insns = new Uint8Array(xlated_prog_len);
  session.info(prog, bpfProgInfo, { xlated_prog_len }, { xlated_prog_insns });
  const insns = decodeInsns(xlated_prog_insns);
  const maps: number[] = [];
  const lines: string[] = [];
  for (let i = 0; i < insns.length; i++) {
    const insn = insns[i];
    if (insn === undefined) break;
    const call = () => (insn.src === 0 ? 'helper' : `${insn.off} (function ${insn.imm})`);
    const immediate = (): string | undefined => {
      if (insn.src === 0) return undefined;
      if (!maps.includes(insn.imm)) maps.push(insn.imm);
      return `map ${maps.indexOf(insn.imm)}`;
    };
    lines.push(formatInsn(insn, insns[i + 1], { call, immediate }).replace(/^\(..\) /, ''));
    if (insn.opcode === 0x18) i++;
  }
  return lines.join('; ');
}
