import { ATOMICS, allOperations, type Insn, ldImm64, type MemSize } from '../../src/isa/index.ts';
import { type Case, CaseWriter, INPUTS, VALUE } from './case.ts';
import { constant, EDGES, FEW, IMMEDIATES } from './operands.ts';
import { wideLoads } from './wide-loads.ts';

interface Access {
  readonly name: string;
  readonly opcode: number;
  readonly size: MemSize;
}

const rows = allOperations();
const LOADS: readonly Access[] = rows.flatMap(([opcode, operation]) =>
  operation.kind === 'load'
    ? [{ name: `${operation.signed ? 's' : 'u'}${8 * operation.size}`, opcode, size: operation.size }]
    : [],
);
const storesBy = (source: 'imm' | 'reg'): readonly Access[] =>
  rows.flatMap(([opcode, operation]) =>
    operation.kind === 'store' && operation.source === source
      ? [{ name: `u${8 * operation.size}`, opcode, size: operation.size }]
      : [],
  );
const STORES = storesBy('reg');

type AtomicName = keyof typeof ATOMICS;

/** Two words, of which nothing is the same. */
const PATTERN = [0x8182_8384_85f6_8788n, 0x1112_9394_1596_1798n];
const places = (size: number, end = 16) => Array.from({ length: end / size }, (_, i) => i * size);

/** Where two words are: on the stack, or in the map, from the first input on. */
const AREAS = { stack: { base: 10, at: -16 }, map: { base: VALUE, at: 0 } } as const;
type Area = keyof typeof AREAS;

/** Two words, a store of one size over them, then loads of one size: all places, so that stores and loads overlap in every way that is aligned. */
function overlaps(area: Area, store: Access, load: Access): Case {
  const to = new CaseWriter(`${store.name} stored, ${load.name} loaded, ${area}`);
  const { base, at } = AREAS[area];
  for (const where of places(store.size)) {
    for (const [i, word] of PATTERN.entries()) {
      to.add(...constant(1, word), { opcode: 0x7b, dst: base, src: 1, off: at + 8 * i });
    }
    to.load(2, 2);
    to.add({ opcode: store.opcode, dst: base, src: 2, off: at + where });
    for (const from of places(load.size)) {
      to.add({ opcode: load.opcode, dst: 3, src: base, off: at + from });
      to.keep(`${load.name} at ${from} behind ${store.name} at ${where}`, 3);
    }
  }
  return to.finish(FEW.map((word) => [0n, 0n, word]));
}

/** Loads that are not aligned, which maps allow on the machines that there are. */
function unaligned(): Case {
  const to = new CaseWriter('loads that are not aligned');
  for (const { name, opcode, size } of LOADS)
    for (let off = 0; off + size <= 16; off++) {
      to.add({ opcode, dst: 3, src: VALUE, off });
      to.keep(`${name} at ${off}`, 3);
    }
  return to.finish([PATTERN]);
}

function immediates(area: Area): Case {
  const to = new CaseWriter(`numbers stored, ${area}`);
  const { base, at } = AREAS[area];
  for (const { name, opcode, size } of storesBy('imm'))
    for (const imm of IMMEDIATES)
      for (const off of places(size, 8)) {
        to.add(...constant(1, PATTERN[0] ?? 0n), { opcode: 0x7b, dst: base, src: 1, off: at });
        to.add({ opcode, dst: base, off: at + off, imm }, { opcode: 0x79, dst: 3, src: base, off: at });
        to.keep(`${name} ${imm} at ${off}`, 3);
      }
  return to.finish();
}

const ATOMIC_SIZES: Readonly<Record<AtomicName, readonly MemSize[]>> = {
  ...(Object.fromEntries(Object.keys(ATOMICS).map((name) => [name, [4, 8]])) as Record<AtomicName, MemSize[]>), // of the table's names
  load_acquire: [1, 2, 4, 8],
  store_release: [1, 2, 4, 8],
};
const ATOMIC_CODES = new Map(rows.flatMap(([opcode, row]) => (row.kind === 'atomic' ? [[row.size, opcode]] : [])));

/** An atomic instruction on a word, with r0 for what cmpxchg expects: the word, the register and r0 afterwards. */
function atomics(area: Area): Case {
  const to = new CaseWriter(`atomics, ${area}`);
  const { base } = AREAS[area];
  // Behind the inputs of the map, or on the stack.
  const at = area === 'stack' ? -16 : 8 * (INPUTS - 1);
  for (const [name, sizes] of Object.entries(ATOMIC_SIZES) as [AtomicName, readonly MemSize[]][]) // its own keys
    for (const size of sizes) {
      to.load(1, 0);
      to.load(2, 1);
      to.load(0, 2);
      to.add({ opcode: 0x7b, dst: base, src: 1, off: at });
      const isLoad = name === 'load_acquire';
      const { imm } = ATOMICS[name];
      to.add({ opcode: ATOMIC_CODES.get(size) ?? 0, dst: isLoad ? 2 : base, src: isLoad ? base : 2, off: at, imm });
      to.keep(`the register behind ${name}${8 * size}`, 2);
      to.keep(`r0 behind ${name}${8 * size}`, 0);
      to.add({ opcode: 0x79, dst: 3, src: base, off: at });
      to.keep(`the word behind ${name}${8 * size}`, 3);
    }
  const words = [0n, 1n, 0x8000_0000n, 0xffff_ffffn, 2n ** 63n, 2n ** 64n - 1n, 0x1234_5678_9abc_def0n];
  const runs = words.flatMap((word) => words.flatMap((by) => [word, by, 5n].map((expected) => [word, by, expected])));
  return to.finish(runs);
}

function immediates64(): Case {
  const to = new CaseWriter('numbers of 64 bits');
  for (const edge of EDGES) {
    to.add(...ldImm64(3, edge));
    to.keep(`0x${edge.toString(16)}`, 3);
  }
  return to.finish();
}

/** r0 and what the caller still has, of loads from the packet: in it, at its end, outside of it (where the program ends at once), and from its headers. */
function packetLoads(): Case[] {
  const ways = rows.flatMap(([opcode, row]) =>
    row.kind === 'ld_abs' || row.kind === 'ld_ind' ? [{ opcode, ...row }] : [],
  );
  return ways.flatMap(({ opcode, kind, size }) =>
    [0, 1, 14, 61, 64 - size, 65 - size, 64, 1000, -0x100000, -0x200000, -0x10_0000 + 6, -1].map((imm) => {
      const to = new CaseWriter(`${kind} of ${size} at ${imm}`);
      to.add({ opcode: 0xb7, dst: 7, imm: 77 });
      to.keep('before', 7);
      if (kind === 'ld_ind') to.load(2, 0);
      to.add({ opcode, imm, ...(kind === 'ld_ind' && { src: 2 }) });
      to.keep('what is loaded', 0);
      to.keep('what is kept', 7);
      return to.finish(kind === 'ld_abs' ? [[]] : [[0n], [1n], [2n ** 64n - 1n], [0x1_0000_0001n], [0x7fff_ffffn]]);
    }),
  );
}

/** Forward, back and forward again. */
function jumpsAround(name: string, insn: Partial<Insn>, distance: 'off' | 'imm'): Case {
  const to = new CaseWriter(name);
  to.add({ opcode: 0xb7, dst: 3, imm: 1 }, { ...insn, [distance]: 2 });
  to.add({ opcode: 0x07, dst: 3, imm: 4 }, { ...insn, [distance]: 2 });
  to.add({ opcode: 0x27, dst: 3, imm: 8 }, { ...insn, [distance]: -4 });
  to.keep('r3', 3);
  return to.finish();
}

/** A loop that ends by itself, with may_goto for the verifier's sake. */
function mayGoto(): Case {
  const to = new CaseWriter('may_goto');
  to.load(1, 0);
  to.add({ opcode: 0xb7, dst: 3, imm: 1 }, { opcode: 0x15, dst: 1, off: 4 }, { opcode: 0xe5, off: 3 });
  to.add({ opcode: 0x0f, dst: 3, src: 1 }, { opcode: 0x17, dst: 1, imm: 1 }, { opcode: 0x05, off: -5 });
  to.keep('r3', 3);
  return to.finish([[0n], [1n], [1000n]]);
}

/** Loads, stores, atomics, and what else is no arithmetic and no condition. */
export const memoryCases: readonly Case[] = [
  ...(['stack', 'map'] as const).flatMap((area) => [
    ...STORES.flatMap((store) => LOADS.map((load) => overlaps(area, store, load))),
    immediates(area),
    atomics(area),
  ]),
  unaligned(),
  immediates64(),
  wideLoads(),
  ...packetLoads(),
  jumpsAround('goto', { opcode: 0x05 }, 'off'),
  jumpsAround('gotol', { opcode: 0x06 }, 'imm'),
  mayGoto(),
];
