import { decodeInsns, encodeInsns, formatInsn, type Insn, parseAssembly } from '../../src/isa/index.ts';
import { kernelBtf } from '../../src/loader/kernel-btf.ts';
import type { Kernel } from '../../src/sys/kernel.ts';
import type { BpfAttr } from '../../src/uapi/attr.ts';
import { BPF_F_MMAPABLE, BPF_F_NO_USER_CONV, BPF_F_SLEEPABLE, progTypeNumber } from '../../src/uapi/bpf.ts';
import type { Fd } from '../../src/uapi/fd.ts';
import { bpfProgInfo } from '../../src/uapi/info.ts';
import { arena } from './arena-calls.ts';
import { outcome, type Session } from './session.ts';
import type { Row } from './suite.ts';

const START = 0x123456789000n;
/** What begins with a multiple of 4 GiB, and what ends with one. */
const FIRST = { map_extra: 0x130000000000n, max_entries: 1 };
const LAST = { map_extra: 0x1300fffff000n, max_entries: 1 };

/** What functions of the kernel are called by in a text. */
const KFUNCS = ['bpf_arena_alloc_pages', 'bpf_arena_free_pages', 'bpf_arena_reserve_pages'] as const;
const MARK = 1_000_000;
const CALL = 0x85;
const BPF_PSEUDO_KFUNC_CALL = 2;

/** The instructions of a text in which functions of the kernel are called by their names. */
export function assembleWithKfuncs(kernel: Kernel, text: string, map: (name: string) => number | undefined): Insn[] {
  const named = KFUNCS.reduce((line, name, i) => line.replaceAll(`call ${name}`, `call ${MARK + i}`), text);
  return parseAssembly(named, { map }).map((insn) => {
    const name = insn.opcode === CALL ? KFUNCS[insn.imm - MARK] : undefined;
    return name === undefined
      ? insn
      : { ...insn, src: BPF_PSEUDO_KFUNC_CALL, imm: kernelBtf(kernel).find('func', name) ?? 0 };
  });
}

/** Loads a program of type syscall that has the arena `a`: the fd, or the errno and the last words of the log. */
function loadText(s: Session, text: string, attr: BpfAttr<'BPF_MAP_CREATE'>, more: readonly Fd[] = []): Fd | string {
  const maps = [arena(s, { map_extra: START, ...attr }), ...more];
  const insns = assembleWithKfuncs(s.kernel, text.replace(/; */g, '\n'), (name) => maps['ab'.indexOf(name)]);
  const log_buf = new Uint8Array(1 << 14);
  let fd = 0 as Fd; // no fd yet
  const answer = outcome(() => {
    fd = s.prog({
      prog_type: progTypeNumber.syscall,
      prog_flags: BPF_F_SLEEPABLE,
      insns: encodeInsns(insns),
      insn_cnt: insns.length,
      log_buf,
      log_size: log_buf.length,
      log_level: 1,
    });
  });
  if (answer === 'ok') return fd;
  const log = new TextDecoder().decode(log_buf.subarray(0, log_buf.indexOf(0))).trimEnd();
  return `${answer} ${log.split('\n').at(-2) ?? ''}`;
}

/** What a program leaves in the eight words of its context, which r6 leads to, up to the last that is not 0. */
function run(s: Session, text: string, attr: BpfAttr<'BPF_MAP_CREATE'> = {}): string {
  const prog_fd = loadText(s, `r6 = r1; ${text}; r0 = 0; exit`, attr);
  if (typeof prog_fd === 'string') return prog_fd;
  const words = new BigUint64Array(8);
  const ctx_in = new Uint8Array(words.buffer);
  s.kernel.bpf('BPF_PROG_TEST_RUN', { prog_fd, ctx_in, ctx_size_in: ctx_in.length });
  const last = words.findLastIndex((word) => word !== 0n);
  return [...words.subarray(0, last + 1)].map((word) => word.toString(16)).join(' ');
}

/** The program as the kernel shows it. */
function shown(s: Session, text: string, attr: BpfAttr<'BPF_MAP_CREATE'> = {}): string {
  const fd = loadText(s, `r9 = map[name:a]; r3 = addr_space_cast(r1, 0, 1); ${text}; r0 = 0; exit`, attr);
  if (typeof fd === 'string') return fd;
  const { xlated_prog_len } = s.info(fd, bpfProgInfo);
  const xlated_prog_insns = new Uint8Array(xlated_prog_len);
  s.info(fd, bpfProgInfo, { xlated_prog_len }, { xlated_prog_insns });
  const insns = decodeInsns(xlated_prog_insns);
  // Without the arena in front, and the end.
  const lines = insns.slice(2, -2).map((insn, i) => {
    const known = formatInsn(insn, insns[i + 3]).replace(/^\(..\) /, '');
    return known.startsWith('BUG') ? `${insn.opcode.toString(16)} r${insn.dst} r${insn.src} ${insn.imm}` : known;
  });
  return lines.join('; ');
}

const alloc = (count: number, address = 'r2 = 0'): string =>
  `r1 = map[name:a]; ${address}; r3 = ${count}; r4 = -1; r5 = 0; call bpf_arena_alloc_pages; r7 = addr_space_cast(r0, 0, 1)`;
/** r7 is a pointer to a byte where no page is. */
const MISSING = 'r1 = map[name:a]; r7 = map[name:a][0]+8192; r7 = addr_space_cast(r7, 0, 1)';
const put = (word: number, reg: string): string => `*(u64 *)(r6 + ${8 * word}) = ${reg}`;

/** What an instruction does to r0, which is 3, r4, which is 0x1_0000_0005, and a word, which is 3. */
const onWord = (s: Session, insn: string): string =>
  run(
    s,
    `${alloc(1)}; *(u64 *)(r7 + 0) = 3; r0 = 3; r4 = 0x100000005 ll; ${insn}; ${put(0, 'r0')}; ${put(1, 'r4')}; r0 = *(u64 *)(r7 + 0); ${put(2, 'r0')}`,
  );
/** The same where there is no word. */
export const onNothing = (s: Session, insn: string, r4 = '5'): string =>
  run(
    s,
    `${MISSING}; r0 = 3; r4 = ${r4}; ${insn}; ${put(0, 'r0')}; ${put(1, 'r4')}; r0 = *(u64 *)(r7 + 0); ${put(2, 'r0')}`,
  );

// biome-ignore format: aligned table
export const arenaProgramRows: readonly Row[] = [
  ['an arena without an address',         (s) => loadText(s, 'r1 = map[name:a]; r0 = 0; exit', { map_extra: 0n }), "EINVAL arena's user address must be set via map_extra or mmap()"],
  ['two arenas',                          (s) => loadText(s, 'r1 = map[name:a]; r2 = map[name:b]; r0 = 0; exit', {}, [arena(s, { map_extra: START })]), 'EBUSY Only one arena per program'],
  ['a cast without an arena',             (s) => loadText(s, 'r1 = addr_space_cast(r1, 0, 1); r0 = 0; exit', {}), 'EINVAL addr_space_cast insn can only be used in a program that has an associated arena'],
  ['an element of an arena',              (s) => loadText(s, '*(u64 *)(r10 - 8) = 0; r1 = map[name:a]; r2 = r10; r2 += -8; call bpf_map_lookup_elem; r0 = 0; exit', {}), 'EACCES invalid zero-sized read'],
  ['a pointer for a helper',              (s) => shown(s, 'r1 = r3; r2 = 4; call bpf_trace_printk').split(' expected')[0], 'EACCES R1 type=arena'],
  ['what is allocated is a number',       (s) => run(s, `${alloc(1)}; r0 = *(u64 *)(r0 + 0)`), "EACCES R0 invalid mem access 'scalar'"],
  ['a pointer as 32 bits',                (s) => shown(s, 'w4 = w3; r0 = *(u64 *)(r4 + 0)'), "EACCES R4 invalid mem access 'scalar'"],
  ['a negative pointer',                  (s) => shown(s, 'r3 = -r3; r0 = *(u64 *)(r3 + 0)'), "EACCES R3 invalid mem access 'scalar'"],
  ...['or', 'and', 'xor'].map((op): Row =>
    [`fetch_${op}`,                       (s) => shown(s, `r4 = 1; r4 = atomic_fetch_${op}((u64 *)(r3 + 0), r4)`), 'EACCES BPF_ATOMIC stores into R3 arena is not allowed']),

  ['shown: loads and stores',             (s) => shown(s, 'r4 = *(u64 *)(r3 + 8); *(u32 *)(r3 + 4) = r4; *(u8 *)(r3 + 4) = 7'), 'w3 = w1; r4 = *(u64 *)(r3 +8); *(u32 *)(r3 +4) = r4; *(u8 *)(r3 +4) = 7'],
  ['shown: arithmetic',                   (s) => shown(s, 'r4 = r3; r3 += 8; r3 <<= 2; r3 -= r4; r5 = 8; r5 += r3; r2 = 1; r2 += 1'), 'w3 = w1; r4 = r3; w3 += 8; w3 <<= 2; w3 -= w4; r5 = 8; w5 += w3; r2 = 1; r2 += 1'],
  ['shown: casts',                        (s) => shown(s, 'r4 = addr_space_cast(r3, 1, 0)'), 'w3 = w1; r4 = addr_space_cast(r3, 1, 0)'],
  ['shown: casts, NO_USER_CONV',          (s) => shown(s, 'r4 = addr_space_cast(r3, 1, 0)', { map_flags: BPF_F_MMAPABLE | BPF_F_NO_USER_CONV }), 'w3 = w1; w4 = w3'],
  ['shown: a sign',                       (s) => shown(s, 'r4 = *(s32 *)(r3 + 0)'), 'w3 = w1; c1 r4 r3 0'],
  ['shown: an atomic',                    (s) => shown(s, 'r4 = 1; lock *(u64 *)(r3 + 0) += r4'), 'w3 = w1; r4 = 1; fb r3 r4 0'],
  ['shown: an address',                   (s) => shown(s, 'r2 = map[name:a][0]+8'), 'w3 = w1; r2 = 0x123456789008; 0 r0 r0 4660'],

  ['an address: of a byte',               (s) => run(s, `r2 = map[name:a][0]+8; ${put(0, 'r2')}`), '123456789008'],
  ['an address: of the end',              (s) => run(s, `r2 = map[name:a][0]+65536; ${put(0, 'r2')}`), '123456799000'],
  ['an address: of what is behind it',    (s) => run(s, 'r2 = map[name:a][0]+65537'), 'ERANGE invalid access to map value pointer, value_size=0 off=65537'],
  ['casts: to a pointer, and back',       (s) => run(s, `r1 = map[name:a][0]+8; r2 = addr_space_cast(r1, 0, 1); ${put(0, 'r2')}; r3 = addr_space_cast(r2, 1, 0); ${put(1, 'r3')}`), '56789008 123456789008'],
  ['casts: numbers',                      (s) => run(s, `r9 = map[name:a]; r1 = 0; r1 = addr_space_cast(r1, 1, 0); ${put(0, 'r1')}; r1 = 0x500000000 ll; r1 = addr_space_cast(r1, 1, 0); ${put(1, 'r1')}; r1 = 0x500000007 ll; r1 = addr_space_cast(r1, 1, 0); ${put(2, 'r1')}`), '0 0 123400000007'],
  ['casts: NO_USER_CONV',                 (s) => run(s, `r9 = map[name:a]; r1 = 0x500000007 ll; r1 = addr_space_cast(r1, 1, 0); ${put(0, 'r1')}`, { map_flags: BPF_F_MMAPABLE | BPF_F_NO_USER_CONV }), '7'],
  ['arithmetic on pointers',              (s) => run(s, `${alloc(1)}; r1 = r7; r1 *= 3; ${put(0, 'r1')}; r1 = r7; r1 <<= 8; ${put(1, 'r1')}; r1 = r7; r1 -= r7; ${put(2, 'r1')}; r1 = -1; r1 += r7; ${put(3, 'r1')}; r1 = r7; r1 /= 7; ${put(4, 'r1')}; r1 = r7; r1 <<= 40; ${put(5, 'r1')}; r1 = r7; r1 = -r1; ${put(6, 'r1')}`), '369b000 78900000 0 56788fff c5a5db6 78900000 ffffffffa9877000'],

  ...([
    ['r4 = atomic_fetch_add((u64 *)(r7 + 0), r4)', '3 3 100000008'],
    ['w4 = atomic_fetch_add((u32 *)(r7 + 0), w4)', '3 3 8'],
    ['lock *(u64 *)(r7 + 0) += r4',                '3 100000005 100000008'],
    ['lock *(u32 *)(r7 + 0) ^= r4',                '3 100000005 6'],
    ['w4 = xchg32_32(r7 + 0, w4)',                 '3 3 5'],
    ['r4 = xchg_64(r7 + 0, r4)',                   '3 3 100000005'],
    ['r0 = cmpxchg_64(r7 + 0, r0, r4)',            '3 100000005 100000005'],
    ['w0 = cmpxchg32_32(r7 + 0, w0, w4)',          '3 100000005 5'],
    ['r4 = load_acquire((u64 *)(r7 + 0))',         '3 3 3'],
    ['w4 = load_acquire((u8 *)(r7 + 0))',          '3 3 3'],
    ['store_release((u64 *)(r7 +0), r4)',          '3 100000005 100000005'],
    ['store_release((u16 *)(r7 +0), r4)',          '3 100000005 5'],
  ] as const).flatMap(([insn, want]): readonly Row[] => [
    [`a word: ${insn}`,                   (s) => onWord(s, insn), want],
    [`no word: ${insn}`,                  (s) => onNothing(s, insn), '3 5'],
  ]),
  ['no word: loads are 0',                (s) => run(s, `${MISSING}; ${(['u8', 'u16', 'u32', 'u64', 's8', 's16', 's32'] as const).map((size, i) => `r0 = -1; r0 = *(${size} *)(r7 + 0); ${put(i, 'r0')}`).join('; ')}; ${put(7, '1')}`), '0 0 0 0 0 0 0 1'],
  ['no word: stores are lost',            (s) => run(s, `${MISSING}; *(u64 *)(r7 + 0) = -1; r0 = *(u64 *)(r7 + 0); ${put(0, 'r0')}; r1 = map[name:a]; r2 = map[name:a][0]+8192; r3 = 1; r4 = -1; r5 = 0; call bpf_arena_alloc_pages; r0 = *(u64 *)(r7 + 0); ${put(1, 'r0')}; ${put(2, '1')}`), '0 0 1'],

  ['over the end of a page',              (s) => run(s, `${alloc(1)}; *(u64 *)(r7 + 4088) = -1; r0 = *(u64 *)(r7 + 4090); ${put(0, 'r0')}; *(u64 *)(r7 + 4090) = 7; r4 = 2; r4 = atomic_fetch_add((u64 *)(r7 + 4089), r4); ${put(1, 'r4')}; r0 = *(u64 *)(r7 + 4088); ${put(2, 'r0')}`), '0 2 ffffffffffffffff'],
  ['over the start of a page',            (s) => run(s, `${alloc(1, 'r2 = map[name:a][0]+8192')}; *(u64 *)(r7 + 0) = -1; r0 = *(u64 *)(r7 - 4); ${put(0, 'r0')}; *(u64 *)(r7 - 4) = 7; r0 = *(u64 *)(r7 + 0); ${put(1, 'r0')}`), '0 ffffffffffffffff'],
  ['from one page to the next',           (s) => run(s, `${alloc(2)}; r1 = 0x0102030405060708 ll; *(u64 *)(r7 + 4093) = r1; r0 = *(u64 *)(r7 + 4093); ${put(0, 'r0')}; r0 = *(u32 *)(r7 + 4096); ${put(1, 'r0')}`), '102030405060708 2030405'],
  ['an atomic at an odd address',         (s) => run(s, `${alloc(1)}; *(u64 *)(r7 + 0) = -1; r4 = 2; r4 = atomic_fetch_add((u64 *)(r7 + 3), r4); ${put(0, 'r4')}; r0 = *(u64 *)(r7 + 0); ${put(1, 'r0')}; r0 = *(u64 *)(r7 + 8); ${put(2, 'r0')}; r4 = load_acquire((u64 *)(r7 + 1)); ${put(3, 'r4')}`), 'ffffffffff 1ffffff 1 10000000001ffff'],
  ['before a multiple of 4 GiB',          (s) => run(s, `${alloc(1)}; *(u64 *)(r7 + 0) = -1; r0 = *(u64 *)(r7 - 8); ${put(0, 'r0')}; r0 = *(u64 *)(r7 - 4); ${put(1, 'r0')}; r7 -= 8; r0 = *(u64 *)(r7 + 8); ${put(2, 'r0')}; r7 += 8; r0 = *(u64 *)(r7 + 0); ${put(3, 'r0')}`, FIRST), '0 0 0 ffffffffffffffff'],
  ['behind a multiple of 4 GiB',          (s) => run(s, `${alloc(1)}; *(u64 *)(r7 + 4088) = -1; r0 = *(u64 *)(r7 + 4096); ${put(0, 'r0')}; r0 = *(u64 *)(r7 + 4092); ${put(1, 'r0')}; r7 += 4096; r0 = *(u64 *)(r7 - 8); ${put(2, 'r0')}; r7 -= 8; r0 = *(u64 *)(r7 + 0); ${put(3, 'r0')}`, LAST), '0 0 0 ffffffffffffffff'],
  ['with a high word that is nothing',    (s) => run(s, `${alloc(1)}; *(u64 *)(r7 + 0) = 5; r1 = 0x700000000 ll; r1 |= r7; r1 = addr_space_cast(r1, 0, 1); r0 = *(u64 *)(r1 + 0); ${put(0, 'r0')}`), '5'],
  ['a pointer in the arena',              (s) => run(s, `${alloc(1)}; *(u64 *)(r7 + 8) = r7; r0 = *(u64 *)(r7 + 8); ${put(0, 'r0')}; r1 = addr_space_cast(r7, 1, 0); *(u64 *)(r7 + 8) = r1; r1 = *(u64 *)(r7 + 8); r1 = addr_space_cast(r1, 0, 1); *(u64 *)(r1 + 0) = 9; r0 = *(u64 *)(r7 + 0); ${put(1, 'r0')}`), '56789000 9'],
  ['a pointer on the stack',              (s) => run(s, `${alloc(1)}; *(u64 *)(r10 - 8) = r7; r1 = *(u64 *)(r10 - 8); *(u64 *)(r1 + 0) = 9; r0 = *(u64 *)(r7 + 0); ${put(0, 'r0')}`), '9'],
  ['allocating with flags',               (s) => run(s, `r1 = map[name:a]; r2 = 0; r3 = 1; r4 = -1; r5 = 0x100000000 ll; call bpf_arena_alloc_pages; ${put(0, 'r0')}; ${put(1, '1')}`), '0 1'],
  ['allocating at a number',              (s) => run(s, `r1 = map[name:a]; r2 = 0x5678a000; r3 = 1; r4 = -1; r5 = 0; call bpf_arena_alloc_pages; ${put(0, 'r0')}`), '12345678a000'],
];
