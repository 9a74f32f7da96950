import { BtfBuilder } from '../../src/btf/index.ts';
import { decodeInsn, type Insn } from '../../src/isa/index.ts';
import type { BpfAttr } from '../../src/uapi/attr.ts';
import type { Fd } from '../../src/uapi/fd.ts';
import { bpfProgInfo } from '../../src/uapi/info.ts';
import { bytecode, I } from '../support/bytecode.ts';
import { lastWords, outcome, type Session } from './session.ts';
import type { Row } from './suite.ts';

/** What is wrong with one load: records as words, and what else of the attributes is not as it should be. */
interface Given {
  readonly funcs?: readonly (readonly number[])[];
  readonly lines?: readonly (readonly number[])[];
  readonly relos?: readonly (readonly number[])[];
  readonly insns?: Uint8Array;
  readonly attr?: BpfAttr<'BPF_PROG_LOAD'>;
}

interface Case extends Given {
  readonly name: string;
  /** `ok`, with the first constant of a program that has relocations, or the errno and the last words of the log. */
  readonly answer: string;
}

/** int main() { return sub(); } with a constant of two slots first; sub begins at slot 4. */
const PROGRAM = bytecode(I.imm64(1, 1n), I.callPc(1), I.exit, I.mov(0, 0), I.exit);
/** One function, which reads the packet. */
const ONE = bytecode(I.mov(0, 0), I.exit);

/** The types of the programs: ids by name. */
const T = { int: 1, proto: 2, main: 3, sub: 4, nothing: 5, quiet: 6, local: 7, missing: 8, colors: 9 } as const;
const builder = new BtfBuilder();
builder.add({ kind: 'int', name: 'int', size: 4, bits: 32, bitOffset: 0, encoding: 'signed' });
builder.add({ kind: 'func_proto', name: '', returns: T.int, params: [] });
builder.add({ kind: 'func', name: 'main', typeId: T.proto, linkage: 1 });
builder.add({ kind: 'func', name: 'sub', typeId: T.proto, linkage: 0 });
builder.add({ kind: 'func_proto', name: '', returns: 0, params: [] });
builder.add({ kind: 'func', name: 'quiet', typeId: T.nothing, linkage: 0 });
builder.add({
  kind: 'struct',
  name: 'task_struct___own',
  size: 8,
  members: [
    { name: 'pid', typeId: T.int, bitOffset: 0, bitSize: 0 },
    { name: 'nowhere', typeId: T.int, bitOffset: 32, bitSize: 0 },
  ],
});
builder.add({
  kind: 'struct',
  name: 'of_no_kernel',
  size: 4,
  members: [{ name: 'x', typeId: T.int, bitOffset: 0, bitSize: 0 }],
});
builder.add({
  kind: 'enum',
  name: 'bpf_map_type',
  size: 4,
  signed: false,
  values: [{ name: 'BPF_MAP_TYPE_ARRAY', value: 7n }],
});
const FILE = builder.string('dir/file.c');
const LINE = builder.string('  return 0;');
/** Accesses of relocations. */
const ROOT = builder.string('0');
const FIRST = builder.string('0:0');
const SECOND = builder.string('0:1');
const THIRD = builder.string('0:2');
const TEXT = builder.string('x');
const BTF = builder.bytes();

const FUNCS = [
  [0, T.main],
  [4, T.sub],
] as const;
/** insn_off, file_name_off, line_off, line << 10 | column. */
const line = (insn: number, file = FILE, text = LINE) => [insn, file, text, 1 << 10];
const LINES = [line(0), line(2), line(4)];

const words = (records: readonly (readonly number[])[]) => new Uint8Array(Uint32Array.from(records.flat()).buffer);

/** The attributes that hand over the records of a case. */
function records({ funcs = FUNCS, lines = LINES, relos = [] }: Given): BpfAttr<'BPF_PROG_LOAD'> {
  const size = (rows: readonly (readonly number[])[]) => 4 * (rows[0]?.length ?? 0);
  return {
    func_info: words(funcs),
    func_info_cnt: funcs.length,
    func_info_rec_size: size(funcs),
    line_info: words(lines),
    line_info_cnt: lines.length,
    line_info_rec_size: size(lines),
    core_relos: words(relos),
    core_relo_cnt: relos.length,
    core_relo_rec_size: size(relos),
  };
}

/** The first instruction as the kernel has it. */
function first({ kernel }: Session, prog: Fd): Insn {
  const insns = new Uint8Array(16);
  const info = bpfProgInfo.encode({ xlated_prog_len: insns.length });
  kernel.bpf('BPF_OBJ_GET_INFO_BY_FD', {
    bpf_fd: prog,
    info,
    info_len: info.length,
    arrays: { xlated_prog_insns: insns },
  });
  return decodeInsn(insns, 0);
}

export function answerOf(session: Session, given: Given): string {
  const btf = session.own(session.kernel.bpf('BPF_BTF_LOAD', { btf: BTF, btf_size: BTF.length }));
  const { insns = PROGRAM } = given;
  const log_buf = new Uint8Array(1 << 16);
  const answer = outcome(() => {
    const prog = session.prog({
      insns,
      insn_cnt: insns.length / 8,
      prog_btf_fd: btf,
      log_level: 1,
      log_size: log_buf.length,
      log_buf,
      ...records(given),
      ...given.attr,
    });
    return given.relos === undefined ? 'ok' : `ok ${first(session, prog).imm}`;
  });
  const text = lastWords(log_buf);
  return String(answer).startsWith('ok') || text === '' ? String(answer) : `${answer} ${text}`;
}

/** Of enum bpf_core_relo_kind. */
const FIELD_BYTE_OFFSET = 0;
const FIELD_BYTE_SIZE = 1;
const FIELD_EXISTS = 2;
const TYPE_ID_LOCAL = 6;
const TYPE_EXISTS = 8;
const TYPE_SIZE = 9;
const ENUMVAL_EXISTS = 10;
const ENUMVAL_VALUE = 11;

const RELOCATED = { insns: ONE, funcs: [[0, T.main]], lines: [line(0)] };

/** A program that returns what one relocation makes of `value`, which the compiler put there. */
function relocated(offset: number, type: number, access: number, kind: number, tail?: number, value = 1) {
  const relo = [offset, type, access, kind];
  return {
    ...RELOCATED,
    insns: bytecode(I.mov(0, value), I.exit),
    relos: [tail === undefined ? relo : [...relo, tail]],
  };
}

const NO_LINES = { lines: [] };
const NO_FUNCS = { funcs: [] };

// biome-ignore format: a case a line
export const CASES: readonly Case[] = [
  { name: 'records', answer: 'ok' },
  { name: 'no lines', ...NO_LINES, answer: 'ok' },
  { name: 'no functions', ...NO_FUNCS, answer: 'ok' },
  { name: 'neither, and an fd that is none', ...NO_LINES, ...NO_FUNCS, attr: { prog_btf_fd: 9999 as Fd }, answer: 'ok' },
  { name: 'an fd that is none', attr: { prog_btf_fd: 9999 as Fd }, answer: 'EBADF' },

  { name: 'functions: records of 4 bytes', attr: { func_info_rec_size: 4 }, answer: 'EINVAL invalid func info rec size 4' },
  { name: 'functions: records of 9 bytes', attr: { func_info_rec_size: 9, func_info_cnt: 1 }, answer: 'EINVAL invalid func info rec size 9' },
  { name: 'functions: records of 256 bytes', attr: { func_info_rec_size: 256, func_info: new Uint8Array(512) }, answer: 'EINVAL invalid func info rec size 256' },
  { name: 'functions: longer records, zero', funcs: [[0, T.main, 0], [4, T.sub, 0]], answer: 'ok' },
  { name: 'functions: longer records, not zero', funcs: [[0, T.main, 0], [4, T.sub, 1]], answer: 'E2BIG nonzero tailing record in func info' },
  { name: 'functions: the first elsewhere', funcs: [[1, T.main], [4, T.sub]], answer: 'EINVAL nonzero insn_off 1 for the first func info record' },
  { name: 'functions: the first elsewhere, and no type', funcs: [[1, 99], [4, T.sub]], answer: 'EINVAL nonzero insn_off 1 for the first func info record' },
  { name: 'functions: twice the same place', funcs: [[0, T.main], [0, T.sub]], answer: 'EINVAL same or smaller insn offset (0) than previous func info record (0)' },
  { name: 'functions: backwards', funcs: [[0, T.main], [4, T.sub], [3, T.sub]], answer: 'EINVAL same or smaller insn offset (3) than previous func info record (4)' },
  { name: 'functions: beyond the program', funcs: [[0, T.main], [6, T.sub]], answer: "EINVAL func_info BTF section doesn't match subprog layout in BPF program" },
  { name: 'functions: at another instruction', funcs: [[0, T.main], [5, T.sub]], answer: "EINVAL func_info BTF section doesn't match subprog layout in BPF program" },
  { name: 'functions: at the second half', funcs: [[0, T.main], [1, T.sub]], answer: "EINVAL func_info BTF section doesn't match subprog layout in BPF program" },
  { name: 'functions: too few', funcs: [[0, T.main]], answer: "EINVAL number of funcs in func_info doesn't match number of subprogs" },
  { name: 'functions: too many', funcs: [[0, T.main], [4, T.sub], [5, T.sub]], answer: "EINVAL number of funcs in func_info doesn't match number of subprogs" },
  { name: 'functions: more than instructions', funcs: [0, 1, 2, 3, 4, 5, 6, 7].map((at) => [at, T.main]), answer: "EINVAL number of funcs in func_info doesn't match number of subprogs" },
  { name: 'functions: void', funcs: [[0, T.main], [4, 0]], answer: 'EINVAL invalid type id 0 in func info' },
  { name: 'functions: no type', funcs: [[0, T.main], [4, 99]], answer: 'EINVAL invalid type id 99 in func info' },
  { name: 'functions: a negative type', funcs: [[0, T.main], [4, 0xffffffff]], answer: 'EINVAL invalid type id -1 in func info' },
  { name: 'functions: an int', funcs: [[0, T.main], [4, T.int]], answer: 'EINVAL invalid type id 1 in func info' },
  { name: 'functions: a prototype', funcs: [[0, T.main], [4, T.proto]], answer: 'EINVAL invalid type id 2 in func info' },
  { name: 'functions: one that returns nothing', funcs: [[0, T.main], [4, T.quiet]], answer: 'ok' },
  { name: 'functions: the main one returns nothing', funcs: [[0, T.quiet], [4, T.sub]], answer: 'ok' },
  { name: 'functions: twice the same', funcs: [[0, T.main], [4, T.main]], answer: 'ok' },
  { name: 'functions: the buffer is missing', attr: { func_info: undefined }, answer: 'EFAULT' },

  { name: 'lines: records of 12 bytes', attr: { line_info_rec_size: 12 }, answer: 'EINVAL' },
  { name: 'lines: records of 18 bytes', attr: { line_info_rec_size: 18, line_info_cnt: 1 }, answer: 'EINVAL' },
  { name: 'lines: records of 256 bytes', attr: { line_info_rec_size: 256, line_info: new Uint8Array(768) }, answer: 'EINVAL' },
  { name: 'lines: longer records, zero', lines: LINES.map((row) => [...row, 0]), answer: 'ok' },
  { name: 'lines: longer records, not zero', lines: LINES.map((row) => [...row, 1]), answer: 'E2BIG nonzero tailing record in line_info' },
  { name: 'lines: the first elsewhere', lines: [line(2), line(4)], answer: 'EINVAL missing bpf_line_info for func#0' },
  { name: 'lines: none of the second function', lines: [line(0), line(2)], answer: 'EINVAL missing bpf_line_info for 1 funcs starting from func#1' },
  { name: 'lines: the second function later', lines: [line(0), line(5)], answer: 'EINVAL missing bpf_line_info for func#1' },
  { name: 'lines: only the main function', lines: [line(0)], answer: 'EINVAL missing bpf_line_info for 1 funcs starting from func#1' },
  { name: 'lines: twice the same place', lines: [line(0), line(0), line(4)], answer: 'EINVAL Invalid line_info[1].insn_off:0 (prev_offset:0 prog->len:6)' },
  { name: 'lines: backwards', lines: [line(0), line(4), line(2)], answer: 'EINVAL Invalid line_info[2].insn_off:2 (prev_offset:4 prog->len:6)' },
  { name: 'lines: beyond the program', lines: [line(0), line(4), line(6)], answer: 'EINVAL Invalid line_info[2].insn_off:6 (prev_offset:4 prog->len:6)' },
  { name: 'lines: at the second half', lines: [line(0), line(1), line(4)], answer: 'EINVAL Invalid insn code at line_info[1].insn_off' },
  { name: 'lines: more than instructions', lines: [0, 2, 3, 4, 5, 6, 7].map((at) => line(at)), answer: 'EINVAL Invalid line_info[5].insn_off:6 (prev_offset:5 prog->len:6)' },
  { name: 'lines: a file that is no string', lines: [line(0), line(2), line(4, 1 << 20)], answer: 'EINVAL Invalid line_info[2].line_off or .file_name_off' },
  { name: 'lines: a text that is no string', lines: [line(0, FILE, 1 << 20), line(4)], answer: 'EINVAL Invalid line_info[0].line_off or .file_name_off' },
  { name: 'lines: the empty string', lines: [line(0, 0, 0), line(4)], answer: 'ok' },
  { name: 'lines: within a string', lines: [line(0, FILE + 1, LINE + 1), line(4)], answer: 'ok' },
  { name: 'lines: without functions, the second elsewhere', ...NO_FUNCS, lines: [line(0), line(5)], answer: 'EINVAL missing bpf_line_info for func#1' },
  { name: 'lines: the buffer is missing', attr: { line_info: undefined }, answer: 'EFAULT' },
  { name: 'lines: of line 0', insns: ONE, funcs: [[0, T.main]], lines: [[0, FILE, LINE, 0]], answer: 'ok' },

  { name: 'relocations: records of 12 bytes', ...RELOCATED, relos: [[0, T.local, ROOT]], answer: 'EINVAL' },
  { name: 'relocations: records of 18 bytes', ...RELOCATED, attr: { core_relo_rec_size: 18, core_relo_cnt: 1, core_relos: new Uint8Array(18) }, answer: 'EINVAL' },
  { name: 'relocations: longer records, zero', ...relocated(0, T.local, ROOT, TYPE_EXISTS, 0), answer: 'ok 1' },
  { name: 'relocations: longer records, not zero', ...relocated(0, T.local, ROOT, TYPE_EXISTS, 1), answer: 'E2BIG nonzero tailing record in core_relo' },
  { name: 'relocations: within an instruction', ...relocated(4, T.local, ROOT, TYPE_EXISTS), answer: 'EINVAL Invalid core_relo[0].insn_off:4 prog->len:2' },
  { name: 'relocations: beyond the program', ...relocated(24, T.local, ROOT, TYPE_EXISTS), answer: 'EINVAL Invalid core_relo[0].insn_off:24 prog->len:2' },
  { name: 'relocations: no type', ...relocated(0, 99, ROOT, TYPE_EXISTS), answer: 'EINVAL relo #0: bad type id 99' },
  { name: 'relocations: no name', ...relocated(0, T.proto, ROOT, TYPE_EXISTS), answer: 'EINVAL target candidate search failed for 2' },
  { name: 'relocations: of void', ...relocated(0, 0, ROOT, TYPE_EXISTS), answer: 'EINVAL target candidate search failed for 0' },
  { name: 'relocations: no kind', ...relocated(0, T.local, ROOT, 13), answer: "EINVAL prog '': relo #0: parsing [7] STRUCT task_struct___own + 0 failed: -22" },
  { name: 'relocations: no string', ...relocated(0, T.local, 1 << 20, TYPE_EXISTS), answer: "EINVAL prog '': relo #0: parsing [7] STRUCT task_struct___own + <?> failed: -22" },
  { name: 'relocations: the empty string', ...relocated(0, T.local, 0, TYPE_EXISTS), answer: "EINVAL prog '': relo #0: parsing [7] STRUCT task_struct___own +  failed: -22" },
  { name: 'relocations: an access that is none', ...relocated(0, T.local, TEXT, TYPE_EXISTS), answer: "EINVAL prog '': relo #0: parsing [7] STRUCT task_struct___own + x failed: -22" },
  { name: 'relocations: a member that is not there', ...relocated(0, T.local, THIRD, FIELD_EXISTS), answer: "EINVAL prog '': relo #0: parsing [7] STRUCT task_struct___own + 0:2 failed: -22" },
  { name: 'relocations: a member of a type', ...relocated(0, T.local, FIRST, TYPE_EXISTS), answer: "EINVAL prog '': relo #0: parsing [7] STRUCT task_struct___own + 0:0 failed: -22" },
  { name: 'relocations: a type that there is', ...relocated(0, T.local, ROOT, TYPE_EXISTS), answer: 'ok 1' },
  { name: 'relocations: a type of no kernel', ...relocated(0, T.missing, ROOT, TYPE_EXISTS), answer: 'ok 0' },
  { name: 'relocations: its size', ...relocated(0, T.missing, ROOT, TYPE_SIZE), answer: "EINVAL prog '': relo #0: unexpected insn #0 (ALU/ALU64) value: got 1, exp 4 -> 0" },
  { name: 'relocations: its member', ...relocated(0, T.missing, FIRST, FIELD_EXISTS), answer: 'ok 0' },
  { name: 'relocations: the place of its member', ...relocated(0, T.missing, FIRST, FIELD_BYTE_OFFSET), answer: 'EINVAL invalid func unknown#195896080' },
  { name: 'relocations: a member that there is', ...relocated(0, T.local, FIRST, FIELD_EXISTS), answer: 'ok 1' },
  { name: 'relocations: a member of no kernel', ...relocated(0, T.local, SECOND, FIELD_EXISTS), answer: 'ok 0' },
  { name: 'relocations: the place of a member of no kernel', ...relocated(0, T.local, SECOND, FIELD_BYTE_OFFSET), answer: 'EINVAL invalid func unknown#195896080' },
  { name: 'relocations: the size of a member', ...relocated(0, T.local, FIRST, FIELD_BYTE_SIZE, undefined, 4), answer: 'ok 4' },
  { name: 'relocations: another size than the program has', ...relocated(0, T.local, FIRST, FIELD_BYTE_SIZE, undefined, 5), answer: "EINVAL prog '': relo #0: unexpected insn #0 (ALU/ALU64) value: got 5, exp 4 -> 4" },
  { name: 'relocations: the type in the program', ...relocated(0, T.local, ROOT, TYPE_ID_LOCAL, undefined, T.local), answer: 'ok 7' },
  { name: 'relocations: a value', ...relocated(0, T.colors, ROOT, ENUMVAL_VALUE, undefined, 7), answer: 'ok 2' },
  { name: 'relocations: a value that there is', ...relocated(0, T.colors, ROOT, ENUMVAL_EXISTS), answer: 'ok 1' },
  { name: 'relocations: a value of a struct', ...relocated(0, T.local, ROOT, ENUMVAL_EXISTS), answer: "EINVAL prog '': relo #0: parsing [7] STRUCT task_struct___own + 0 failed: -22" },
  { name: 'relocations: of an exit', ...relocated(8, T.local, ROOT, TYPE_EXISTS), answer: "EINVAL prog '': relo #0: trying to relocate unrecognized insn #1, code:0x95, src:0x0, dst:0x0, off:0x0, imm:0x0" },
  { name: 'relocations: without other records', ...relocated(0, T.missing, ROOT, TYPE_EXISTS), lines: [], funcs: [], answer: 'ok 1' },
  { name: 'relocations: of a constant of 64 bits', ...relocated(0, T.local, ROOT, TYPE_ID_LOCAL), insns: bytecode(I.imm64(0, 7n), I.exit), answer: 'ok 7' },
  { name: 'relocations: of another constant of 64 bits', ...relocated(0, T.local, ROOT, TYPE_ID_LOCAL), insns: bytecode(I.imm64(0, 1n << 33n), I.exit), answer: 'ok 7' },
  { name: 'relocations: of a value of 64 bits that is another', ...relocated(0, T.colors, ROOT, ENUMVAL_VALUE), insns: bytecode(I.imm64(0, 1n << 33n), I.exit), answer: "EINVAL prog '': relo #0: unexpected insn #0 (LDIMM64) value: got 8589934592, exp 7 -> 2" },
  { name: 'relocations: of the second half', ...relocated(8, T.local, ROOT, TYPE_ID_LOCAL), insns: bytecode(I.imm64(0, 7n), I.exit), answer: "EINVAL prog '': relo #0: insn #1 (LDIMM64) has unexpected form" },
  { name: 'relocations: of a load', ...relocated(0, T.missing, FIRST, FIELD_EXISTS), insns: bytecode(I.load(4, 0, 1, 1), I.mov(0, 0), I.exit), answer: 'ok 0' },
  { name: 'relocations: of another load', ...relocated(0, T.missing, FIRST, FIELD_EXISTS), insns: bytecode(I.load(4, 0, 1, 4), I.mov(0, 0), I.exit), answer: "EINVAL prog '': relo #0: unexpected insn #0 (LDX/ST/STX) value: got 4, exp 1 -> 0" },
  { name: 'relocations: without lines', ...relocated(0, T.local, ROOT, TYPE_EXISTS), lines: [], answer: 'ok 1' },
  { name: 'relocations: the buffer is missing', ...RELOCATED, attr: { core_relos: undefined, core_relo_cnt: 1, core_relo_rec_size: 16 }, answer: 'EFAULT' },
];

export const loadInfoRows: readonly Row[] = [
  ...CASES.map(({ name, ...given }): Row => [name, (s) => answerOf(s, given), given.answer]),
  ['relocations: the tag is of what they make of it', tagsAreEqual, true],
];

function tagsAreEqual(session: Session): boolean {
  const btf = session.own(session.kernel.bpf('BPF_BTF_LOAD', { btf: BTF, btf_size: BTF.length }));
  const tag = (insns: Uint8Array, given: Given): string => {
    const prog = session.prog({ insns, insn_cnt: 2, prog_btf_fd: btf, ...records(given) });
    return String(session.info(prog, bpfProgInfo).tag);
  };
  const given = relocated(0, T.missing, ROOT, TYPE_EXISTS);
  return tag(given.insns, given) === tag(bytecode(I.mov(0, 0), I.exit), RELOCATED);
}
