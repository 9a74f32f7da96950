import { bytecode, I } from '../support/bytecode.ts';
import { lastWords, outcome, type Session } from './session.ts';
import type { Row } from './suite.ts';

const ADD_WITH_OFFSET = { opcode: 0x07, dst: 0, off: 4 };
const LESS_WITH_SOURCE = { opcode: 0xc5, dst: 0, src: 1, off: 0 };
const END = [I.mov(0, 0), I.exit] as const;

/** Instructions that are none, and when that is told: `ok`, or the errno, the last words, and after how many steps. */
// biome-ignore format: aligned table
const CASES: readonly (readonly [name: string, insns: Uint8Array, answer: string])[] = [
  ['at once',                                    bytecode(ADD_WITH_OFFSET, ...END),                              'EINVAL BPF_ALU uses reserved fields, after 1'],
  ['on a path',                                  bytecode(I.mov(0, 0), ADD_WITH_OFFSET, ...END),                 'EINVAL BPF_ALU uses reserved fields, after 2'],
  ['where no path comes',                        bytecode(I.mov(0, 0), I.jeq(0, 0, 1), ADD_WITH_OFFSET, ...END), 'ok'],
  ['a register that there is not, where no path comes', bytecode(I.mov(0, 0), I.jeq(0, 0, 1), I.movReg(12, 13), ...END), 'ok'],
  ['a register that there is not',               bytecode(I.movReg(0, 12), ...END),                              'EINVAL R12 is invalid, after 1'],
  ['an opcode that there is not, where no path comes', bytecode(I.mov(0, 0), I.jeq(0, 0, 1), { opcode: 0x8f }, ...END), 'EINVAL unknown opcode 8f, after 0'],
  ['a jump of a register that was not written',  bytecode(LESS_WITH_SOURCE, ...END),                             'EACCES R0 !read_ok, after 1'],
  ['a jump of one that was',                     bytecode(I.mov(0, 0), LESS_WITH_SOURCE, ...END),                'EINVAL BPF_JMP/JMP32 uses reserved fields, after 2'],
  ['a map that is not there, and no end',        bytecode(I.mapFd(1, 9999), I.mov(0, 0)),                        'EINVAL last insn is not an exit or jmp, after 0'],
  ['a map that is not there, and dead code',     bytecode(I.mapFd(1, 9999), ...END, I.exit),                     'EBADF fd 9999 is not pointing to valid bpf_map, after 0'],
  ['helper 0',                                   bytecode(I.call(0), I.exit),                                    'EINVAL program of this type cannot use helper bpf_unspec#0, after 1'],
  ['a helper that there is not',                 bytecode(I.call(9999), I.exit),                                 'EINVAL invalid func unknown#9999, after 1'],
];

export const brokenInsnRows: readonly Row[] = CASES.map(([name, insns, answer]) => [
  name,
  (s) => verdictOf(s, insns),
  answer,
]);

function verdictOf(session: Session, insns: Uint8Array): string {
  const log_buf = new Uint8Array(1 << 14);
  const answer = outcome(() => {
    session.prog({ insns, insn_cnt: insns.length / 8, log_level: 1, log_size: log_buf.length, log_buf });
    return 'ok';
  });
  const steps = /processed (\d+) insns/.exec(new TextDecoder().decode(log_buf))?.[1];
  return answer === 'ok' ? 'ok' : `${answer} ${lastWords(log_buf)}, after ${steps}`;
}
