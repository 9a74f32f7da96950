import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cpuMs } from '../../test/support/cpu.ts';
import { objectBytes } from '../../test/support/objects.ts';
import { parseElf } from '../elf/index.ts';
import { BpfError } from '../errors.ts';
import { type Btf, parseBtf } from './btf.ts';
import { printC } from './print-c.ts';
import { BTF_KINDS, type BtfComposite, type BtfKind } from './types.ts';

const VMLINUX = '/sys/kernel/btf/vmlinux';
const clang = spawnSync('clang-19', ['--version']).status === 0;
if (!clang) console.log('skipped: C is not compiled, for there is no clang-19');

function btfOf(object: Uint8Array): Btf {
  return parseBtf(parseElf(object).sections.find((section) => section.name === '.BTF')?.data ?? new Uint8Array(0));
}

/** A record to be: the words after the name, and how its kind and number of parts are packed. Names among the words are texts. */
interface Row {
  readonly kind: BtfKind;
  readonly name?: string;
  /** Its size or the type that it refers to. */
  readonly value?: number;
  readonly count?: number;
  readonly flag?: boolean;
  readonly words?: readonly (number | string)[];
}

/** BTF of these types; the first has id 1. */
function madeOf(...rows: readonly Row[]): Btf {
  return splitOf(undefined, ...rows);
}

/** BTF that goes on from `base`: the first type has the id after its last. */
function splitOf(base: Btf | undefined, ...rows: readonly Row[]): Btf {
  const before = base?.stringsLength ?? 0;
  let strings = '\0';
  const text = (name: string) => {
    if (name === '') return 0;
    const at = before + strings.length;
    strings += `${name}\0`;
    return at;
  };
  const words = rows.flatMap(({ kind, name = '', value = 0, count = 0, flag = false, words: more = [] }) => [
    text(name),
    ((flag ? 0x80000000 : 0) | (BTF_KINDS.indexOf(kind) << 24) | count) >>> 0,
    value,
    ...more.map((word) => (typeof word === 'string' ? text(word) : word >>> 0)),
  ]);
  const length = 4 * words.length;
  const all = [0x1eb9f, 24, 0, length, length, strings.length, ...words];
  const bytes = new Uint8Array(4 * all.length + strings.length);
  const view = new DataView(bytes.buffer);
  for (const [i, word] of all.entries()) view.setUint32(4 * i, word, true);
  bytes.set(new TextEncoder().encode(strings), 4 * all.length);
  return parseBtf(bytes, base);
}

const int = (name: string, size: number, encoding = 0, bits = 8 * size, offset = 0): Row => ({
  kind: 'int',
  name,
  value: size,
  words: [(encoding << 24) | (offset << 16) | bits],
});
const ref = (kind: BtfKind, value: number, name = ''): Row => ({ kind, name, value });
const array = (typeId: number, length: number): Row => ({ kind: 'array', words: [typeId, typeId, length] });
type Member = readonly [name: string, typeId: number, bitOffset: number, bitSize?: number];
const composite = (kind: 'struct' | 'union', name: string, size: number, ...members: readonly Member[]): Row => ({
  kind,
  name,
  value: size,
  count: members.length,
  flag: true,
  words: members.flatMap(([member, typeId, at, width = 0]) => [member, typeId, ((width << 24) | at) >>> 0]),
});
const struct = (name: string, size: number, ...members: readonly Member[]) =>
  composite('struct', name, size, ...members);
const union = (name: string, size: number, ...members: readonly Member[]) => composite('union', name, size, ...members);
const enumeration = (name: string, size: number, ...values: readonly (readonly [string, number])[]): Row => ({
  kind: 'enum',
  name,
  value: size,
  count: values.length,
  flag: values.some(([, value]) => value < 0),
  words: values.flat(),
});
const func = (returns: number, ...params: readonly number[]): Row => ({
  kind: 'func_proto',
  value: returns,
  count: params.length,
  words: params.flatMap((typeId) => ['', typeId]),
});

const INT = int('int', 4, 1);
const CHAR = int('char', 1);
const LONG = int('long unsigned int', 8);

/** Without the guards, on one line, with single blanks. */
function body(text: string): string {
  return text.replace(/^#.*$/gm, '').replace(/\s+/g, ' ').trim();
}

// biome-ignore format: a row for each case
const CASES: readonly (readonly [what: string, rows: readonly Row[], printed: string])[] = [
  ['members',                     [INT, CHAR, struct('s', 8, ['a', 1, 0], ['b', 2, 32])],           'struct s { int a; char b; };'],
  ['pointers and qualifiers',     [CHAR, ref('const', 1), ref('ptr', 2), ref('const', 3), ref('ptr', 4), ref('restrict', 5), ref('volatile', 6), ref('typedef', 7, 't')],
                                  'typedef const char *const *restrict volatile t;'],
  ['restrict only where C has it', [INT, ref('restrict', 1), ref('typedef', 2, 't')],               'typedef int t;'],
  ['a pointer to an array',       [INT, array(1, 3), array(2, 2), ref('ptr', 3), ref('typedef', 4, 't')], 'typedef int (*t)[2][3];'],
  ['an array of pointers',        [INT, ref('ptr', 1), array(2, 2), ref('typedef', 3, 't')],        'typedef int *t[2];'],
  ['a constant array',            [INT, array(1, 2), ref('const', 2), ref('typedef', 3, 't')],      'typedef const int t[2];'],
  ['a pointer to a function',     [INT, CHAR, ref('ptr', 2), func(3, 1, 3), ref('ptr', 4), ref('typedef', 5, 'f')], 'typedef char *(*f)(int, char *);'],
  ['a function that returns one', [INT, func(1), ref('ptr', 2), func(3, 1), ref('ptr', 4), array(5, 2), ref('typedef', 6, 'f')], 'typedef int (*(*f[2])(int))(void);'],
  ['variadic functions',          [INT, func(1, 1, 0), func(0, 0), ref('typedef', 2, 'f'), ref('typedef', 3, 'g')], 'typedef int f(int, ...); typedef void g();'],
  ['a type tag',                  [INT, ref('type_tag', 1, 'user'), ref('ptr', 2), ref('typedef', 3, 't')], 'typedef __attribute__((btf_type_tag("user"))) int *t;'],
  ['a tag that would end a text', [INT, ref('type_tag', 1, 'a"))) x'), ref('ptr', 2), ref('typedef', 3, 't')], 'typedef int *t;'],
  ['a struct that points to itself', [ref('ptr', 2), struct('s', 8, ['next', 1, 0])],               'struct s { struct s *next; };'],
  ['structs that point to each other', [ref('ptr', 4), struct('a', 8, ['b', 1, 0]), ref('ptr', 2), struct('b', 16, ['a', 2, 0], ['p', 3, 64])],
                                  'struct b; struct a { struct b *b; }; struct b { struct a a; struct a *p; };'],
  ['by value first',              [struct('a', 4, ['b', 2, 0]), struct('b', 4, ['x', 3, 0]), INT],  'struct b { int x; }; struct a { struct b b; };'],
  ['typedefs before their use',   [struct('a', 8, ['t', 2, 0]), ref('ptr', 3), ref('typedef', 1, 't')], 'struct a; typedef struct a t; struct a { t *t; };'],
  ['a struct without a name',     [INT, ref('typedef', 3, 't'), struct('', 4, ['x', 1, 0])],        'typedef struct { int x; } t;'],
  ['unnamed members',             [INT, struct('', 4, ['x', 1, 0]), union('', 4, ['', 2, 0], ['y', 1, 0]), struct('s', 4, ['', 3, 0])],
                                  'struct s { union { struct { int x; }; int y; }; };'],
  ['an unnamed member of a named type', [INT, struct('a', 4, ['x', 1, 0]), ref('typedef', 2, 't'), struct('s', 4, ['', 3, 0])],
                                  'struct a { int x; }; typedef struct a t; struct s { struct { int x; }; };'],
  ['a gap',                       [CHAR, struct('s', 16, ['a', 1, 0], ['b', 1, 64])],               'struct s { char a; long: 56; char b; long: 56; };'],
  ['a large gap',                 [CHAR, struct('s', 4096, ['a', 1, 0])],                           'struct s { char a; unsigned char __pad1[4095]; };'],
  ['a packed struct',             [INT, CHAR, struct('s', 5, ['a', 2, 0], ['b', 1, 8])],            'struct s { char a; int b; } __attribute__((packed));'],
  ['a packed end',                [INT, CHAR, struct('s', 5, ['b', 1, 0], ['a', 2, 32])],           'struct s { int b; char a; } __attribute__((packed));'],
  ['bit-fields',                  [INT, struct('s', 8, ['a', 1, 0, 3], ['b', 1, 3, 5], ['c', 1, 40, 4])], 'struct s { int a: 3; int b: 5; long: 32; int c: 4; };'],
  ['a bit-field over a border',   [INT, struct('s', 8, ['a', 1, 0, 30], ['b', 1, 30, 4])],          'struct s { int a: 30; int b: 4; long: 30; } __attribute__((packed));'],
  ['bit-fields of older BTF',     [int('int', 4, 1, 3, 2), { ...struct('s', 4), count: 1, flag: false, words: ['a', 1, 0] }], 'struct s { long: 2; int a: 3; };'],
  ['a union with room',           [CHAR, union('u', 8, ['a', 1, 0])],                               'union u { char a; unsigned char __pad1[8]; };'],
  ['nothing',                     [struct('s', 0)],                                                 'struct s {};'],
  ['an array without end',        [INT, array(1, 0), struct('s', 4, ['n', 1, 0], ['a', 2, 32])],    'struct s { int n; int a[0]; };'],
  ['members in another order',    [INT, CHAR, struct('s', 8, ['b', 2, 32], ['a', 1, 0])],           'struct s { int a; char b; };'],
  ['members that overlap',        [INT, struct('s', 4, ['a', 1, 0], ['b', 1, 0])],                  'struct s { /* members overlap: the offsets are not those of BTF */ int a; int b; };'],
  ['enums',                       [enumeration('e', 4, ['A', 1], ['B', -2])],                       'enum e { A = 1, B = -2, };'],
  ['a small enum',                [enumeration('e', 1, ['A', 1])],                                  'enum e { A = 1, } __attribute__((mode(QI)));'],
  ['a large enum',                [{ kind: 'enum64', name: 'e', value: 8, count: 2, words: ['A', 1, 0, 'B', 0, 1] }], 'enum e { A = 1, B = 4294967296ULL, };'],
  ['a large enum of small values', [{ kind: 'enum64', name: 'e', value: 8, count: 1, words: ['A', 1, 0] }], 'enum e { A = 1, } __attribute__((mode(DI)));'],
  ['constants',                   [enumeration('', 4, ['A', 1])],                                   'enum { A = 1, };'],
  ['an enum without a name',      [enumeration('', 4, ['A', 1]), struct('s', 4, ['a', 1, 0])],      'struct s { enum { A = 1, } a; };'],
  ['an enum without values',      [enumeration('e', 4), struct('s', 4, ['a', 1, 0])],               'enum e { __none = 0 }; struct s { enum e a; };'],
  ['structs of one name',         [INT, CHAR, struct('s', 4, ['a', 1, 0]), struct('s', 1, ['a', 2, 0]), union('s', 4, ['a', 1, 0])],
                                  'struct s { int a; }; struct s___2 { char a; }; union s___3 { int a; };'],
  ['typedefs and enumerators of one name', [INT, ref('typedef', 1, 'A'), enumeration('e', 4, ['A', 1])], 'typedef int A; enum e { A___2 = 1, };'],
  ['a forward declaration',       [{ kind: 'fwd', name: 'f' }, ref('ptr', 1), struct('s', 8, ['f', 2, 0])], 'struct f; struct s { struct f *f; };'],
  ['one that has a definition',   [{ kind: 'fwd', name: 'f' }, INT, struct('f', 4, ['x', 2, 0])],   'struct f { int x; };'],
  ['a union that is declared',    [{ kind: 'fwd', name: 'f', flag: true }],                         'union f;'],
  ['keywords and strange names',  [INT, struct('Vec<u8>', 8, ['for', 1, 0], ['0', 1, 32])],         'struct Vec_u8_ { int for_; int _0; };'],
  ['integers that C does not know', [int('u32', 4), int('ssizetype', 8, 1), int('long int', 4, 1), int('u1', 1, 4), struct('s', 24, ['a', 1, 0], ['b', 2, 64], ['c', 3, 128], ['d', 4, 160])],
                                  'struct s { unsigned int a; long long b; int c; _Bool d; };'],
  ['a typedef that clang has',    [INT, ref('typedef', 1, '__builtin_va_list')],                    'typedef int __builtin_va_list___2;'],
  ['functions and variables',     [INT, func(1), { kind: 'func', name: 'f', value: 2, count: 1 }, { kind: 'var', name: 'v', value: 1, words: [1] }], ''],
];

/** The size and the members of a struct as `name at size width`; members of unnamed structs and unions are its own. */
function layout(btf: Btf, type: BtfComposite): string[] {
  const rows: string[] = [];
  const visit = ({ members }: BtfComposite, start: number, prefix: string): void => {
    for (const { name, typeId, bitOffset, bitSize } of members) {
      const inner = btf.resolve(typeId);
      const nested = inner.kind === 'struct' || inner.kind === 'union' ? inner : undefined;
      if (name === '' && nested !== undefined) visit(nested, start + bitOffset, prefix);
      if (name === '' || name.startsWith('__pad')) continue;
      rows.push(`${prefix}${name} at ${start + bitOffset}: ${btf.size(typeId)} bytes, ${bitSize} bits`);
      if (nested?.name === '' && bitSize === 0) visit(nested, start + bitOffset, `${prefix}${name}.`);
    }
  };
  visit(type, 0, '');
  return [`${type.size} bytes`, ...rows.sort()];
}

/** The printed C, compiled with a use of every struct, and the BTF that clang makes of it. */
function compiled(text: string): Btf {
  return inDirectory((directory) => {
    const tags = [...text.matchAll(/^((?:struct|union) \w+) \{/gm)].map((match) => match[1]);
    const source = join(directory, 'x.c');
    const object = join(directory, 'x.o');
    writeFileSync(source, `${text}${tags.map((tag, i) => `${tag} *v${i};\n`).join('')}`);
    execFileSync('clang-19', ['-target', 'bpf', '-g', '-c', source, '-o', object]);
    return btfOf(new Uint8Array(readFileSync(object)));
  });
}

/** What clang says of texts, each in a file of its own; empty if it takes them all. */
function check(texts: readonly string[]): string {
  return inDirectory((directory) => {
    const files = texts.map((text, i) => {
      const file = join(directory, `${i}.c`);
      writeFileSync(file, text);
      return file;
    });
    return spawnSync('clang-19', ['-target', 'bpf', '-fsyntax-only', '-Wno-pragma-clang-attribute', ...files], {
      encoding: 'utf8',
    }).stderr;
  });
}

function inDirectory<T>(use: (directory: string) => T): T {
  const directory = mkdtempSync(join(tmpdir(), 'skep-print-c-'));
  try {
    return use(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** C that does not compile if a struct whose name is the only one of its kind has another size, or a member another offset. */
function layoutAsserts(btf: Btf): string[] {
  const asserts: string[] = [];
  for (let id = 1; id < btf.typeCount; id++) {
    const type = btf.type(id);
    if ((type.kind !== 'struct' && type.kind !== 'union') || type.name === '') continue;
    if (btf.named(type.name).some((other) => other !== id && btf.type(other).kind !== 'typedef')) continue;
    const tag = `${type.kind} ${type.name}`;
    asserts.push(`_Static_assert(sizeof(${tag}) == ${type.size}, "size of ${tag}");\n`);
    for (const { name, bitOffset, bitSize } of type.members) {
      if (name === '' || bitSize !== 0) continue;
      asserts.push(`_Static_assert(__builtin_offsetof(${tag}, ${name}) == ${bitOffset / 8}, "${name} of ${tag}");\n`);
    }
  }
  return asserts;
}

/** Checks every named struct and union; returns how many there were. */
function expectSameLayouts(btf: Btf): number {
  const back = compiled(printC(btf));
  const wrong: object[] = [];
  let count = 0;
  for (let id = 1; id < btf.typeCount; id++) {
    const type = btf.type(id);
    if ((type.kind !== 'struct' && type.kind !== 'union') || type.name === '') continue;
    count++;
    const want = layout(btf, type);
    // Which of several with one name got which number is not said.
    const found = ['', 2, 3, 4, 5, 6, 7, 8, 9]
      .map((n) => back.find(type.kind, n === '' ? type.name : `${type.name}___${n}`))
      .flatMap((at) => {
        const other = at === undefined ? undefined : back.type(at);
        return other?.kind === 'struct' || other?.kind === 'union' ? [layout(back, other)] : [];
      });
    if (!found.some((other) => other.join() === want.join())) wrong.push({ name: type.name, want, found });
  }
  expect(wrong).toEqual([]);
  return count;
}

describe('printC', () => {
  it.each(CASES)('prints %s', (_, rows, printed) => {
    expect(body(printC(madeOf(...rows)))).toBe(printed);
  });

  it('prints the types that are asked for, and what they need', () => {
    const btf = btfOf(objectBytes('test/objects/types.o'));
    const text = printC(btf, { roots: [btf.find('struct', 'shape') ?? 0] });
    expect(text.match(/^(struct|enum|union) \w+/gm)).toEqual(['enum color', 'struct point', 'struct shape']);
    expect(text).toContain('\t__u32 low: 3;\n\t__s32 high: 5;\n\tchar name[8];\n\tvoid *next;\n};\n');
  });

  it('prints of split BTF what its base lacks, and what that needs', () => {
    const base = madeOf(INT, struct('a', 4, ['x', 1, 0]), struct('b', 4, ['x', 1, 0]));
    const split = splitOf(base, struct('c', 8, ['a', 2, 0], ['y', 1, 32]), enumeration('', 4, ['A', 1]));
    expect(body(printC(split))).toBe('struct a { int x; }; struct c { struct a a; int y; }; enum { A = 1, };');
  });

  it('declares the functions that a kernel offers to programs, by name', () => {
    const tag = (name: string, of: number): Row => ({ kind: 'decl_tag', name, value: of, words: [0xffffffff] });
    const named = (name: string): Row => ({ kind: 'func', name, value: 4, count: 1 });
    const types = [INT, struct('s', 4, ['x', 1, 0]), ref('ptr', 2), func(1, 3)];
    const functions = [named('second'), named('first'), named('untagged'), named('taken'), named('no-name')];
    const tags = [5, 6, 8, 9].map((id) => tag('bpf_kfunc', id));
    const btf = madeOf(...types, ...functions, ...tags, tag('bpf_fastcall', 6), enumeration('e', 4, ['taken', 1]));
    const text = printC(btf);
    expect(text.slice(text.indexOf('#endif\n#endif\nextern'))).toBe(`#endif
#endif
extern __bpf_fastcall int first(struct s *) __weak __ksym;
extern int second(struct s *) __weak __ksym;
#endif

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute pop
#endif

#endif /* __VMLINUX_H__ */
`);
    expect(printC(btf, { roots: [2] })).not.toContain('extern');
  });

  it('sorts by kind and name where that is asked for', () => {
    const btf = madeOf(
      struct('b', 4, ['x', 4, 0]),
      struct('a', 4, ['x', 4, 0]),
      ref('typedef', 1, 'a_b'),
      INT,
      ref('typedef', 4, 'number'),
      enumeration('late', 4, ['L', 1]),
      enumeration('early', 4, ['E', 1]),
      ref('typedef', 7, 'for_early'),
    );
    const names = (sorted: boolean) => [...printC(btf, { sorted }).matchAll(/(\w+)(?: \{|;)$/gm)].map((m) => m[1]);
    const members = (list: readonly (string | undefined)[]) => list.filter((name) => name !== 'x');
    expect(members(names(false))).toEqual(['b', 'a', 'a_b', 'number', 'late', 'early', 'for_early']);
    expect(members(names(true))).toEqual(['early', 'for_early', 'late', 'number', 'a', 'b', 'a_b']);
  });

  it.each<[what: string, rows: readonly Row[], message: string]>([
    ['a struct in itself', [struct('s', 4, ['s', 1, 0])], 'type 1 contains itself'],
    ['two structs in each other', [struct('a', 4, ['b', 2, 0]), struct('b', 4, ['a', 1, 0])], 'type 1 contains itself'],
    ['a typedef of itself', [ref('typedef', 1, 't')], 'type 1 is the end of a chain'],
    ['a pointer to itself', [ref('ptr', 1), ref('typedef', 1, 't')], 'type 1 contains itself'],
    [
      'an unnamed struct with a pointer to itself',
      [struct('', 8, ['p', 2, 0]), ref('ptr', 1), ref('typedef', 1, 't')],
      'contains itself',
    ],
    [
      'a chain without end',
      [INT, ...Array.from({ length: 5000 }, (_, i) => ref('ptr', i + 1)), ref('typedef', 5001, 't')],
      'chain',
    ],
    [
      'a long chain of pointers',
      [INT, ...Array.from({ length: 300 }, (_, i) => ref('ptr', i + 1)), ref('typedef', 301, 't')],
      'pointers',
    ],
    ['a type that is not there', [struct('s', 4, ['a', 77, 0])], 'there is no type 77'],
    ['a member without a size', [{ kind: 'fwd', name: 'f' }, struct('s', 4, ['a', 1, 0])], 'has no size'],
    [
      'text that doubles with each type',
      [INT, ...Array.from({ length: 40 }, (_, i) => func(i + 1, i + 1, i + 1)), ref('typedef', 41, 't')],
      'characters as C',
    ],
    [
      'unnamed structs that double',
      [
        CHAR,
        ...Array.from({ length: 30 }, (_, i) =>
          struct('', 0, ...(i === 0 ? [] : [['a', i + 1, 0] as const, ['b', i + 1, 0] as const])),
        ),
        ref('typedef', 31, 't'),
      ],
      'characters as C',
    ],
  ])('refuses %s', (_, rows, message) => {
    expect(() => printC(madeOf(...rows))).toThrow(
      expect.objectContaining({ name: 'ObjectError', message: expect.stringContaining(message) }),
    );
  });

  it('answers damaged BTF with text or with an error of ours', () => {
    const good = btfOf(objectBytes('test/objects/types.o')).bytes;
    const change = fc.tuple(fc.integer({ min: 24, max: good.length - 1 }), fc.integer({ min: 0, max: 255 }));
    let printed = 0;
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), (changes) => {
        const bytes = Uint8Array.from(good);
        for (const [at, value] of changes) bytes[at] = value;
        try {
          printC(parseBtf(bytes));
          printed++;
        } catch (error) {
          if (!(error instanceof BpfError)) throw error;
        }
      }),
      { seed: 1, numRuns: 500 },
    );
    expect(printed).toBeGreaterThan(10);
  });

  describe.skipIf(!clang)('compiled with clang', () => {
    it('takes every case', () => {
      expect(check(CASES.map(([, rows]) => printC(madeOf(...rows))))).toBe('');
    });

    it.each(['test/objects/types.o', 'test/objects/btf_maps.o', 'examples/shared/shared.bpf.o'])(
      'lays out the structs of %s as they were',
      (path) => {
        expect(expectSameLayouts(btfOf(objectBytes(path)))).toBeGreaterThan(1);
      },
    );

    it('lays out structs as they come', () => {
      // Types 1 to 8; what follows a member is at any bit (bit-fields) or byte.
      const types: readonly Row[] = [
        CHAR,
        int('short int', 2, 1),
        INT,
        LONG,
        ref('ptr', 3),
        array(2, 3),
        int('__int128', 16, 1),
        enumeration('e', 1, ['E', 1]),
      ];
      const sizes = [1, 2, 4, 8, 8, 6, 16, 1];
      const member = fc.record({
        type: fc.integer({ min: 1, max: 8 }),
        gap: fc.constantFrom(0, 0, 0, 1, 7, 8, 24, 64, 200, 5000),
        width: fc.constantFrom(0, 0, 0, 1, 3, 8, 15),
        natural: fc.boolean(),
      });
      const made = fc.sample(
        fc.tuple(fc.array(member, { maxLength: 7 }), fc.constantFrom(0, 0, 1, 4, 9), fc.boolean()),
        { seed: 1, numRuns: 400 },
      );
      const structs = made.map(([members, tail, round], n) => {
        let end = 0;
        let most = 1;
        const placed = members.map(({ type, gap, width, natural }, i): Member => {
          const size = sizes[type - 1] ?? 1;
          const align = type === 6 ? 2 : size;
          const bits = type === 5 || type === 6 || type === 7 || width > 8 * size ? 0 : width;
          const unit = bits !== 0 ? 1 : natural ? 8 * align : 8;
          const at = Math.ceil((end + gap) / unit) * unit;
          end = at + (bits === 0 ? 8 * size : bits);
          most = Math.max(most, align);
          return [`m${i}`, type, at, bits];
        });
        const size = Math.ceil(end / 8) + tail;
        return struct(`s${n}`, round ? Math.ceil(size / most) * most : size, ...placed);
      });
      // And each in another one, at an odd place.
      const nested = structs.map((inner, n) =>
        struct(`n${n}`, (inner.value ?? 0) + 4, ['a', 1, 0], ['s', 9 + n, 8], ['z', 1, 8 * (inner.value ?? 0) + 24]),
      );
      expect(expectSameLayouts(madeOf(...types, ...structs, ...nested))).toBe(800);
    });

    it('keeps type tags', () => {
      const back = compiled(
        printC(madeOf(INT, ref('type_tag', 1, 'user'), ref('ptr', 2), struct('s', 8, ['p', 3, 0]))),
      );
      const type = back.type(back.find('struct', 's') ?? 0);
      const pointer = type.kind === 'struct' ? back.type(type.members[0]?.typeId ?? 0) : type;
      expect(pointer.kind === 'ptr' && back.type(pointer.typeId)).toMatchObject({ kind: 'type_tag', name: 'user' });
    });

    it.skipIf(!existsSync(VMLINUX))('lays out the structs of the running kernel as they are', () => {
      const btf = parseBtf(new Uint8Array(readFileSync(VMLINUX)));
      const start = cpuMs();
      const text = printC(btf);
      expect(cpuMs() - start).toBeLessThan(10_000); // 0.7 s where nothing else runs
      const asserts = layoutAsserts(btf);
      expect(asserts.length).toBeGreaterThan(10_000);
      expect(check([`${text}${asserts.join('')}`])).toBe('');
      // The control: one assertion that is wrong is seen.
      expect(check([`${text}_Static_assert(sizeof(struct list_head) == 17, "");`])).toContain(
        'static assertion failed',
      );
    });
  });
});
