import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root } from '../../test/support/kernels.ts';
import { objectBytes } from '../../test/support/objects.ts';
import { BpfError, ObjectError } from '../errors.ts';
import { generateSkeleton, generateSubskeleton } from './index.ts';

const GENERATORS = { skeleton: generateSkeleton, subskeleton: generateSubskeleton } as const;
type Kind = keyof typeof GENERATORS;
const KINDS: readonly Kind[] = ['skeleton', 'subskeleton'];

function generate(kind: Kind, file: string, name?: string): string {
  return GENERATORS[kind](objectBytes(file), { file, name }).text;
}

/** What a program can use of a header, whoever wrote it: both tools' headers are read by this. */
function offer(header: string, name: string) {
  const plain = header.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^#ifdef __cplusplus[\s\S]*?^#endif.*$/gm, '');
  const struct = plain.match(new RegExp(`^struct ${name} \\{[\\s\\S]*?^\\};`, 'm'))?.[0] ?? '';
  // Of a section with nothing to offer, bpftool before 7.5 offers an empty struct.
  const empty = /struct \w+ \{\s*\} \*?(\w+);/g;
  const nothing = [...struct.matchAll(empty)].map((match) => match[1]);
  const members = spaced(struct.replace(empty, '').replace(/_Bool/g, 'bool'))
    // A pointer to an array or a function, as C declares it.
    .replace(/(?:__)?typeof(?:__)?\(([^()[]*)((?:\[\d+\])+)\) \*(\w+);/g, (_, of, size, name) =>
      spaced(`${of} (*${name})${size};`),
    )
    .replace(/(?:__)?typeof(?:__)?\(([^()]*)\( \*\)(\([^()]*\))\) \*(\w+);/g, '$1( * *$3)$2;');
  const functions = [...plain.matchAll(/static (?:inline )?([\w* \n]*?\w+__\w+\([^)]*\))[\s;]/g)]
    .map((match) => spaced(match[1] ?? ''))
    .filter((text) => !text.includes('__attribute__') && !text.includes('__assert'));
  const cpp = [...header.matchAll(/^\tstatic inline (.*);$/gm)].map((match) => match[1]);
  const looked = [...plain.matchAll(/(?:name = "(.*)"|&obj->([\w.]+));/g)]
    .map((match) => match[1] ?? match[2])
    .filter((what) => !nothing.includes(what));
  return { members, functions: [...new Set(functions)].sort(), cpp, looked, bytes: embedded(header) };
}

function spaced(text: string): string {
  return text
    .replace(/\s+/g, ' ')
    .replace(/,? \}/g, ' }')
    .replace(/ ?\* ?/g, ' *')
    .trim();
}

/** The bytes in the string literals of `elf_bytes`. */
function embedded(header: string): Uint8Array {
  const body = header.match(/__elf_bytes\(size_t \*sz\)\s*\{([\s\S]*?)^\}/m)?.[1] ?? '';
  const escapes = body.match(/\\(?:0|x[0-9a-f]{2})/g) ?? [];
  return Uint8Array.from(escapes, (text) => (text === '\\0' ? 0 : Number.parseInt(text.slice(2), 16)));
}

const OBJECTS = [
  'examples/globals/template.bpf.o',
  'test/objects/btf_maps.o',
  'test/objects/calls.o',
  'test/objects/core.o',
  'test/objects/externs.o',
  'test/objects/globals.o',
  'test/objects/loops.o',
  'test/objects/types.o',
];
const bpftoolMissing = spawnSync('bpftool', ['version']).error !== undefined;
if (bpftoolMissing) console.log('skipped: comparison with the headers of bpftool, which is not installed');

describe.skipIf(bpftoolMissing).each(KINDS)('gen %s', (kind) => {
  it.each(OBJECTS)('offers of %s what bpftool offers', (file) => {
    const { stdout } = spawnSync('bpftool', ['gen', kind, join(root, file), 'name', 'some_name'], { encoding: 'utf8' });
    expect(stdout).toContain('struct some_name {');
    expect(offer(generate(kind, file, 'some_name'), 'some_name')).toEqual(offer(stdout, 'some_name'));
  });
});

describe('generateSkeleton', () => {
  it('embeds the object as it is', () => {
    expect(embedded(generate('skeleton', 'test/objects/globals.o'))).toEqual(objectBytes('test/objects/globals.o'));
  });

  it('is called as the file is', () => {
    const bytes = objectBytes('test/objects/types.o');
    expect(generateSkeleton(bytes, { file: '/a.b/some-thing.bpf.o' }).text).toContain('struct some_thing_bpf {');
    expect(generateSkeleton(bytes, { file: 'x'.repeat(80) }).text).toContain(`struct ${'x'.repeat(63)} {`);
  });

  it('offers nothing that is hidden or static', () => {
    const header = generate('skeleton', 'test/objects/hidden.o');
    expect(header).not.toMatch(/secret|counter/);
    expect(header).toContain('struct bpf_map *data;');
  });

  it('shows the numbers and functions of struct_ops maps', () => {
    const header = generate('skeleton', 'test/objects/struct_ops.o');
    expect(header).toContain(`
		struct struct_ops__skep_link__tcp_congestion_ops {
			struct bpf_program *ssthresh;
			struct bpf_program *cong_avoid;
			struct bpf_program *set_state;
			struct bpf_program *undo_cwnd;
			char __unnamed_4[16];
			unsigned int flags;
			char __unnamed_6[4];
			struct bpf_program *skep_not_in_any_kernel;
			int skep_number;
			char __unnamed_9[4];
		} *skep_link;
`);
    expect(header).toContain('\tmap->link = &obj->links.skep_link;');
    expect(header).toContain('obj->struct_ops.skep_plain =');
  });

  it('says which names make it a header for C alone', () => {
    const file = 'examples/globals/template.bpf.o';
    expect(generateSkeleton(objectBytes(file), { file }).notes).toEqual([
      'template is a word of C++: the header compiles as C only',
    ]);
  });

  it('writes the same for the same object', () => {
    expect(generate('skeleton', 'test/objects/globals.o')).toBe(generate('skeleton', 'test/objects/globals.o'));
  });
});

/** An object with a name replaced by one of the same length, wherever it stands. */
function renamed(file: string, from: string, to: string): Uint8Array {
  expect(to.length).toBe(from.length);
  const bytes = objectBytes(file);
  const text = Buffer.from(bytes).toString('latin1');
  for (let at = text.indexOf(from); at >= 0; at = text.indexOf(from, at + 1)) bytes.set(Buffer.from(to, 'latin1'), at);
  return bytes;
}

describe('a skeleton', () => {
  const globals = 'test/objects/globals.o';

  it.each([
    ['a map that libbpf does not open', objectBytes('test/objects/elf_map_7.o'), 'which no libbpf since 1.0 opens'],
    ['a map that is called as a section', renamed(globals, 'dat_', 'data'), 'would both be called data in maps'],
    ['a name with a line break', renamed(globals, 'dat_', 'd\na_'), 'called "d\\na_", which no C header can name'],
    ['a variable of that kind', renamed(globals, 'after_char', 'after\x01char'), 'which no C header can name'],
    ['two variables in one place', renamed(globals, 'huge\0', 'here\0'), 'here starts within the variable before it'],
    ['an object that is too large', new Uint8Array(33 << 20), 'more than the 33554432 that a header can embed'],
    ['what is no object', Uint8Array.of(1, 2, 3), 'x.o'],
  ])('refuses %s', (_, bytes, message) => {
    const read = () => generateSkeleton(bytes, { file: 'x.o' });
    expect(read).toThrow(ObjectError);
    expect(read).toThrow(message);
  });

  it.each([
    ['a name that is none in C', 'a b'],
    ['a word of C', 'struct'],
    ['a long name', 'x'.repeat(64)],
    ['no name', ''],
  ])('refuses %s', (_, name) => {
    expect(() => generateSkeleton(objectBytes(globals), { file: 'x.o', name })).toThrow(
      'a C name of at most 63 characters',
    );
  });

  it('refuses a file whose name makes none, and says what to do', () => {
    expect(() => generateSkeleton(objectBytes(globals), { file: '7.o' })).toThrow("give one with 'name NAME'");
  });

  it('makes C names of others, and keeps what libbpf looks for', () => {
    const header = generateSkeleton(renamed(globals, 'dat_', 'd"-x'), { file: 'x.o' }).text;
    expect(header).toContain('struct bpf_map *d__x;');
    expect(header).toContain('map->name = "d\\"-x";');
  });

  it('survives what is damaged', () => {
    const original = objectBytes(globals);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(original.length - 4), fc.nat(0xffffffff)), { maxLength: 4 }), (changes) => {
        const bytes = new Uint8Array(original);
        for (const [at, value] of changes) new DataView(bytes.buffer).setUint32(at & ~3, value, true);
        try {
          generateSkeleton(bytes, { file: 'x.o' });
          generateSubskeleton(bytes, { file: 'x.o' });
        } catch (error) {
          if (!(error instanceof BpfError)) throw error;
        }
      }),
      { seed: 15, numRuns: 300 },
    );
  });
});

function nameOf(file: string): string {
  return file.replace(/^.*\/|\.bpf\.o$|\.o$/g, '');
}

const COMPILERS = [
  ['gcc', ['-x', 'c']],
  ['clang-19', ['-x', 'c']],
  ['g++', ['-x', 'c++']],
] as const;

describe.each(COMPILERS)('the headers with %s', (compiler, language) => {
  const folder = mkdtempSync(join(tmpdir(), 'skep-skeleton-'));
  beforeAll(() => {
    for (const file of [...OBJECTS, 'test/objects/struct_ops.o']) {
      const name = nameOf(file);
      for (const kind of KINDS)
        writeFileSync(join(folder, `${name}.${kind}.h`), generate(kind, file, `${name}_${kind}`));
    }
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** What the compiler complains of, warnings included; `undefined` if there is none. */
  function compile(code: string): string | undefined {
    const words = [...language, '-std=gnu++17', '-Wall', '-Wextra', '-Werror', '-Wno-unused-function', '-c', '-', '-o'];
    const input = `#include <stdbool.h>\n#include "globals.h"\n${code}`;
    const flags = language[1] === 'c' ? words.filter((word) => word !== '-std=gnu++17') : words;
    const options = { input, encoding: 'utf8', cwd: folder } as const;
    const { error, stderr } = spawnSync(compiler, [...flags, '/dev/null', `-I${root}/test/objects`], options);
    return error === undefined ? stderr : undefined;
  }
  const probe = compile('#include <bpf/libbpf.h>');

  it('compile', (context) => {
    if (probe !== '') context.skip(`${compiler} or libbpf-dev is not installed`);
    const types = `
enum color { RED };
enum big { LARGE = 0x100000000LL };
struct shape { long room[6]; };
`;
    // `template`, the name of a program, is a word of C++.
    const names = OBJECTS.map(nameOf).filter((name) => language[1] === 'c' || name !== 'template');
    for (const kind of KINDS) {
      const includes = names.map((name) => `#include "${name}.${kind}.h"\n`);
      expect(compile(`${types}${includes.join('')}#include "struct_ops.${kind}.h"\n`)).toBe('');
    }
  });

  it('complain where the program has another type than the object', (context) => {
    if (probe !== '') context.skip(`${compiler} or libbpf-dev is not installed`);
    const types = 'enum color { RED };\nenum big { LARGE = 0x100000000LL };\nstruct shape { long room[5]; };\n';
    expect(compile(`${types}#include "types.skeleton.h"\n`)).toContain("unexpected size of 'shape'");
  });
});
