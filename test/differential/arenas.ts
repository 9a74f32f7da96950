import fc from 'fast-check';
import { encodeInsns } from '../../src/isa/index.ts';
import { BPF_F_MMAPABLE, BPF_F_NO_USER_CONV, BPF_F_SLEEPABLE, progTypeNumber } from '../../src/uapi/bpf.ts';
import type { Fd } from '../../src/uapi/fd.ts';
import { arena } from '../contract/arena-calls.ts';
import { assembleWithKfuncs } from '../contract/arena-insns.ts';
import { outcome, type Session } from '../contract/session.ts';

/** A program on an arena, how often it runs, and which page user space writes to before each run. */
export interface ArenaCase {
  readonly pages: number;
  readonly start: bigint;
  readonly flags: number;
  readonly text: string;
  readonly touched: readonly number[];
}

const PAGE = 4096;
const MAX_PAGES = 6;
/** Where nothing else is: for each number of pages a place at the start of 4 GiB, one at the end, and one in the middle. What was mapped once is mapped with as many. */
function startOf(place: number, pages: number): bigint {
  const within = [0, 2 ** 32 - pages * PAGE, 0x7fff_e000][place] ?? 0;
  return 0x250000000000n + BigInt(pages * 3 + place) * 0x200000000n + BigInt(within);
}

/** Numbers, all the time; r7 and r8 are pointers into the arena. */
const number = fc.constantFrom(0, 1, 2, 3, 4, 5);
const pointer = fc.constantFrom(7, 8);
const offset = fc.oneof(fc.constantFrom(0, 0, 8, 16), fc.constantFrom(-8, -1, 3, 4088, 4090, 4095, 4096, 8190, 32767));
const immediate = fc.oneof(
  fc.integer({ min: -9, max: 9 }),
  fc.constantFrom(PAGE, -PAGE, 4088, 0x7fff_ffff, -0x8000_0000),
);
const page = fc.integer({ min: -1, max: MAX_PAGES });
const count = fc.oneof(fc.integer({ min: 0, max: MAX_PAGES + 1 }), fc.constant(-1));
const size = fc.constantFrom('u8', 'u16', 'u32', 'u64');
const word = fc.constantFrom('u32', 'u64');
const at = (reg: number, off: number) => `(r${reg} ${off < 0 ? '-' : '+'} ${Math.abs(off)})`;
/** The register with the address of a page, or the next, in user space. */
const address = (reg: number, n: number, more = 0) =>
  n < 0
    ? [`r${reg} = map[name:a][0]+0`, `r${reg} -= ${PAGE - more}`]
    : [`r${reg} = map[name:a][0]+${n * PAGE}`, `r${reg} += ${more}`];
const CUT = { u8: ['wN &= 255'], u16: ['wN &= 65535'], u32: ['wN &= -1'], u64: [] } as const;
const AGAIN = ['r1 = 1', 'r2 = -2', 'r3 = 3', 'r4 = 4096', 'r5 = 5'];

const call = (name: string, pages: number, where: readonly string[]) => [
  ...where,
  'r1 = map[name:a]',
  `w3 = ${pages}`,
  ...(name === 'alloc' ? ['r4 = -1', 'r5 = 0'] : []),
  `call bpf_arena_${name}_pages`,
  ...(name === 'free' ? ['r0 = 6'] : []),
  ...AGAIN,
];

// biome-ignore format: a line a kind
const phrase = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.oneof(size, fc.constantFrom('s8', 's16', 's32')), number, pointer, offset).map(([type, dst, from, off]) => [`r${dst} = *(${type} *)${at(from, off)}`]) },
  { weight: 4, arbitrary: fc.tuple(size, number, pointer, offset).map(([type, src, to, off]) => [`*(${type} *)${at(to, off)} = r${src}`]) },
  { weight: 2, arbitrary: fc.tuple(size, immediate, pointer, offset).map(([type, imm, to, off]) => [`*(${type} *)${at(to, off)} = ${imm}`]) },
  { weight: 1, arbitrary: fc.tuple(pointer, pointer, offset).map(([src, to, off]) => [`*(u64 *)${at(to, off)} = r${src}`]) },
  { weight: 2, arbitrary: fc.tuple(word, fc.constantFrom('+=', '|=', '&=', '^='), number, pointer, offset).map(([type, op, src, to, off]) => [`lock *(${type} *)${at(to, off)} ${op} r${src}`]) },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom('32', '64'), fc.constantFrom('fetch_add', 'xchg'), number, pointer, offset).map(([bits, op, src, to, off]) => fetching(op, bits, src, at(to, off))) },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom('32', '64'), number, pointer, offset).map(([bits, src, to, off]) => comparing(bits, src, at(to, off))) },
  { weight: 2, arbitrary: fc.tuple(size, number, pointer, offset).map(([type, dst, from, off]) => [...CUT[type].map((cut) => cut.replace('N', String(dst))), `${type === 'u64' ? 'r' : 'w'}${dst} = load_acquire((${type} *)${at(from, off)})`]) },
  { weight: 1, arbitrary: fc.tuple(size, number, pointer, offset).map(([type, src, to, off]) => [`store_release((${type} *)${at(to, off)}, ${type === 'u64' ? 'r' : 'w'}${src})`]) },
  { weight: 2, arbitrary: fc.tuple(pointer, fc.constantFrom('+=', '-=', '&=', '^='), immediate).map(([dst, op, imm]) => [`r${dst} ${op} ${imm}`]) },
  { weight: 1, arbitrary: fc.tuple(pointer, fc.constantFrom('+=', '-=', '|=', '<<=', 's>>='), number).map(([dst, op, src]) => [`r${dst} ${op} r${src}`]) },
  { weight: 3, arbitrary: fc.tuple(number, fc.constantFrom('+=', '-=', '*=', '&=', '^=', '>>=', '='), immediate).map(([dst, op, imm]) => [`r${dst} ${op} ${op === '>>=' ? imm & 31 : imm}`]) },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom('r', 'w'), number, fc.constantFrom('+=', '-=', '^=', '='), number).map(([w, dst, op, src]) => [`${w}${dst} ${op} ${w}${src}`]) },
  { weight: 1, arbitrary: fc.tuple(number, pointer).map(([dst, src]) => [`w${dst} = w${src}`]) },
  { weight: 2, arbitrary: fc.tuple(number, pointer).map(([dst, src]) => [`r${dst} = addr_space_cast(r${src}, 1, 0)`]) },
  { weight: 1, arbitrary: fc.tuple(number, number).map(([dst, src]) => [`r${dst} = addr_space_cast(r${src}, 1, 0)`]) },
  { weight: 1, arbitrary: fc.tuple(pointer, number).map(([dst, src]) => [`r${dst} = addr_space_cast(r${src}, 0, 1)`]) },
  { weight: 2, arbitrary: fc.tuple(pointer, page).map(([dst, n]) => [...address(dst, n), `r${dst} = addr_space_cast(r${dst}, 0, 1)`]) },
  { weight: 2, arbitrary: fc.tuple(count, fc.oneof(fc.constant(['r2 = 0']), page.map((n) => address(2, n)))).map(([n, where]) => call('alloc', n, where)) },
  { weight: 1, arbitrary: fc.tuple(count, fc.nat(MAX_PAGES), fc.constantFrom(0, 0, 100)).map(([n, first, more]) => call('free', n, [`page ${first} ${more}`])) },
  { weight: 1, arbitrary: fc.tuple(count, fc.nat(MAX_PAGES), fc.constantFrom(0, 0, 100)).map(([n, first, more]) => call('reserve', n, address(2, first, more))) },
);

/** Of no more bits than what is fetched: Linux leaves all of a register where nothing is, though its verifier does not know. */
function fetching(op: string, bits: string, src: number, place: string): string[] {
  const type = bits === '32' ? 'u32' : 'u64';
  const cut = bits === '32' ? [`w${src} = w${src}`] : [];
  if (op === 'fetch_add') return [...cut, `r${src} = atomic_fetch_add((${type} *)${place}, r${src})`];
  const open = place.replace(')', '');
  return [...cut, bits === '32' ? `w${src} = xchg32_32${open}, w${src})` : `r${src} = xchg_64${open}, r${src})`];
}

/** Of 32 bits Linux leaves the high word of r0 as it was where the numbers are equal, but only in an arena: so it is 0. */
function comparing(bits: string, src: number, place: string): string[] {
  const open = place.replace(')', '');
  return bits === '32'
    ? ['w0 = w0', `w0 = cmpxchg32_32${open}, w0, w${src})`]
    : [`r0 = cmpxchg_64${open}, r0, r${src})`];
}

/** Some are passed over, by what a register holds. */
const step = fc.tuple(
  phrase,
  fc.option(fc.tuple(number, fc.constantFrom('==', '!=', '>', 's<'), immediate), { freq: 4 }),
);

type Step = readonly [lines: readonly string[], unless: readonly [number, string, number] | null];

/** Pages that are freed are of the arena: Linux 6.18 takes those before its first for free ones afterwards. */
function freed(line: string, pages: number): readonly string[] {
  const [, first, more] = /^page (\d+) (\d+)$/.exec(line) ?? [];
  return first === undefined ? [line] : address(2, Number(first) % pages, Number(more));
}

function textOf(steps: readonly Step[], pages: number): string {
  const lines = [
    'r6 = r1',
    'r0 = 0',
    ...AGAIN,
    ...address(7, 0),
    'r7 = addr_space_cast(r7, 0, 1)',
    'r8 = r7',
    `r8 += ${PAGE}`,
  ];
  // Before anything is handed out, it is seen what user space has written to.
  lines.push(...call('alloc', 1, address(2, 1)));
  for (const [i, [body, unless]] of steps.entries()) {
    if (unless !== null) lines.push(`if r${unless[0]} ${unless[1]} ${unless[2]} goto past${i}`);
    lines.push(...body.flatMap((line) => freed(line, pages)), `past${i}:`);
  }
  for (const [i, reg] of [0, 1, 2, 3, 4, 5, 7, 8].entries()) lines.push(`*(u64 *)(r6 + ${8 * i}) = r${reg}`);
  return [...lines, 'r0 = 0', 'exit'].join('\n');
}

export const arenaCase: fc.Arbitrary<ArenaCase> = fc
  .record({
    pages: fc.integer({ min: 1, max: MAX_PAGES }),
    place: fc.nat(2),
    flags: fc.constantFrom(0, 0, 0, BPF_F_NO_USER_CONV),
    steps: fc.array(step, { minLength: 1, maxLength: 25 }),
    touched: fc.array(fc.integer({ min: -MAX_PAGES, max: MAX_PAGES - 1 }), { minLength: 1, maxLength: 3 }),
  })
  .map(({ pages, place, flags, steps, touched }) => ({
    pages,
    start: startOf(place, pages),
    flags: BPF_F_MMAPABLE | flags,
    text: textOf(steps, pages),
    touched,
  }));

/** What it leaves in registers by each run, and in memory in the end. */
export function runArena(session: Session, { pages, start, flags, text, touched }: ArenaCase): string[] {
  const { kernel } = session;
  const map = arena(session, { max_entries: pages, map_extra: start, map_flags: flags });
  using mapping = kernel.mmap(map, pages * PAGE, 'read and write', 0, Number(start));
  const insns = assembleWithKfuncs(kernel, text, () => map);
  let prog_fd: Fd | undefined;
  const log_buf = new Uint8Array(1 << 15);
  const answer = outcome(() => {
    prog_fd = session.prog({
      prog_type: progTypeNumber.syscall,
      prog_flags: BPF_F_SLEEPABLE,
      insns: encodeInsns(insns),
      insn_cnt: insns.length,
      log_buf,
      log_size: log_buf.length,
      log_level: 1,
    });
    return 'ok';
  });
  if (prog_fd === undefined) return [String(answer), new TextDecoder().decode(log_buf).split('\n').at(-3) ?? ''];
  const lines = [String(answer)];
  for (const touch of touched) {
    // Negative: none.
    if (touch >= 0 && touch < pages) mapping.bytes[touch * PAGE + 21] = 42;
    const words = new BigUint64Array(8);
    const ctx_in = new Uint8Array(words.buffer);
    kernel.bpf('BPF_PROG_TEST_RUN', { prog_fd, ctx_in, ctx_size_in: ctx_in.length });
    lines.push([...words].map((value) => value.toString(16)).join(' '));
  }
  const view = new DataView(mapping.bytes.buffer, mapping.bytes.byteOffset);
  for (let i = 0; i < pages * PAGE; i += 8)
    if (view.getBigUint64(i, true) !== 0n) lines.push(`${i}: ${view.getBigUint64(i, true).toString(16)}`);
  return lines;
}
