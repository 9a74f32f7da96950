import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { arch, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BETTER, DECLARED, LINKED, type Pair, PROLOGUE, REFUSED } from '../../test/support/link-cases.ts';
import { withLinux } from '../../test/support/linux.ts';
import { namespaceMissing, runInNamespace } from '../../test/support/netns.ts';
import { type Btf, parseBtf, parseBtfExt, printC } from '../btf/index.ts';
import { toHex } from '../bytes/hex.ts';
import { type ElfFile, parseElf, parseRelocations, SHT_REL, SHT_STRTAB, SHT_SYMTAB } from '../elf/index.ts';
import { BpfError, type Kernel, load, openObject } from '../index.ts';
import { parseObject } from '../object/index.ts';
import { linkObjects } from './link.ts';

// Links what clang makes as bpftool does, where both are installed.
const missing = ['clang-19', 'bpftool'].find((tool) => spawnSync(tool, ['--version']).error !== undefined);
if (missing !== undefined)
  console.log(`skipped: nothing is compared with bpftool's linker, for ${missing} is not installed`);
const noKernel = namespaceMissing();
const readelf = spawnSync('llvm-readelf-19', ['--version']).status === 0;

const multiarch = `/usr/include/${arch() === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;
const FLAGS = ['-g', '-O2', '--target=bpf', '-mcpu=v3', '-w', '-I', multiarch];
const LICENSE = 'char _license[] SEC("license") = "GPL";';

let work: string;
beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'skep-linker-'));
  writeFileSync(join(work, 'prologue.h'), PROLOGUE);
});
afterAll(() => {
  rmSync(work, { recursive: true });
});

/** The two objects of a pair, compiled once. */
const compiled = new Map<string, readonly [first: string, second: string]>();

function compile([what, ...sources]: Pair | (typeof REFUSED)[number]): readonly [first: string, second: string] {
  const known = compiled.get(what);
  if (known !== undefined) return known;
  const folder = join(work, String(compiled.size));
  mkdirSync(folder);
  for (const [i, name] of ['first', 'second'].entries()) {
    const source = sources[i] ?? '';
    writeFileSync(join(folder, `${name}.c`), source.includes('SEC("license")') ? source : `${source}\n${LICENSE}\n`);
  }
  // One source a call: with several clang starts a process for each beside its own.
  for (const source of ['first.c', 'second.c']) {
    const words = [...FLAGS, '-include', '../prologue.h', '-c', source];
    const { status, stderr } = spawnSync('clang-19', words, { cwd: folder, encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
  }
  const made = [join(folder, 'first.o'), join(folder, 'second.o')] as const;
  compiled.set(what, made);
  return made;
}

function link(files: readonly string[]): Uint8Array {
  const bytes = linkObjects(files.map((file) => ({ bytes: new Uint8Array(readFileSync(file)), file: basename(file) })));
  writeFileSync(join(work, 'ours.o'), bytes);
  return bytes;
}

/** The object that bpftool makes, `undefined` if it refuses (or crashes). */
function linkByBpftool(files: readonly string[]): Uint8Array | undefined {
  const output = join(work, 'theirs.o');
  rmSync(output, { force: true });
  const { status } = spawnSync('bpftool', ['gen', 'object', output, ...files]);
  return status === 0 && existsSync(output) ? new Uint8Array(readFileSync(output)) : undefined;
}

function bothOrders(pair: Pair | (typeof REFUSED)[number]): (readonly string[])[] {
  const files = compile(pair);
  return [files, files.toReversed()];
}

/** Sections, symbols and relocations, a line each, in no order. */
function describeElf(elf: ElfFile): string[] {
  const nameOf = (index: number) => elf.sections[index]?.name ?? String(index);
  const lines: string[] = [];
  for (const section of elf.sections) {
    const { name, type, flags, size, align, entsize, data } = section;
    if (type === SHT_SYMTAB || type === SHT_STRTAB || name.startsWith('.BTF')) continue;
    lines.push(`section ${name} type ${type} flags ${flags} size ${size} align ${align} entsize ${entsize}`);
    if (type !== SHT_REL) lines.push(`data ${name} ${toHex(data)}`);
    else
      for (const { offset, type: kind, symbol } of parseRelocations(elf, section))
        lines.push(`relocation ${name} ${offset} ${kind} ${symbol.name || nameOf(symbol.section)}+${symbol.value}`);
  }
  for (const { name, section, value, size, type, bind, visibility } of elf.symbols)
    lines.push(`symbol ${name} ${nameOf(section)} ${value} ${size} ${type} ${bind} ${visibility}`);
  return lines.sort();
}

function btfOf(elf: ElfFile): Btf {
  return parseBtf(elf.sections.find(({ name }) => name === '.BTF')?.data ?? new Uint8Array(0));
}

/** Kinds, functions, variables of sections, and the records of `.BTF.ext`, a line each. Where variables lie bpftool does not always know. */
function describeBtf(elf: ElfFile): string[] {
  const btf = btfOf(elf);
  const types = Array.from({ length: btf.typeCount }, (_, id) => btf.type(id));
  const kinds = new Set(types.map(({ kind }) => kind));
  const lines = [...kinds].map((kind) => `kind ${kind} ${types.filter((type) => type.kind === kind).length}`);
  for (const type of types) {
    if (type.kind === 'func') lines.push(`func ${type.name} ${type.linkage}`);
    if (type.kind !== 'datasec') continue;
    const variables = type.variables.map(({ typeId, size }) => `${btf.type(typeId).name} ${size}`).sort();
    lines.push(`datasec ${type.name} ${type.size}: ${variables}`);
  }
  return [...lines.sort(), ...describeExt(elf, btf)];
}

function describeExt(elf: ElfFile, btf: Btf): string[] {
  const bytes = elf.sections.find(({ name }) => name === '.BTF.ext')?.data;
  if (bytes === undefined) return [];
  const { funcInfo, lineInfo, coreRelocations } = parseBtfExt(bytes, btf);
  const lines: string[] = [];
  const each = (table: typeof funcInfo, text: (word: (at: number) => number) => string) => {
    for (const [section, records] of table.sections)
      for (const { offset, bytes: record } of records) {
        const view = new DataView(record.buffer, record.byteOffset);
        lines.push(`${section} ${offset} ${text((at) => view.getUint32(at, true))}`);
      }
  };
  each(funcInfo, (word) => `func ${btf.type(word(4)).name}`);
  each(lineInfo, (word) => `line ${btf.string(word(4))} ${word(12)} ${btf.string(word(8))}`);
  each(coreRelocations, (word) => `core ${btf.type(word(4)).name} ${btf.string(word(8))} ${word(12)}`);
  return lines.sort();
}

/** The programs and maps that we see in an object, or why we see none. */
function describeObject(bytes: Uint8Array): unknown {
  try {
    const { programs, maps } = parseObject(bytes, { file: 'linked.o' });
    const code = programs.map(({ name, section, insns, references }) => ({
      name,
      section,
      insns: toHex(insns),
      references,
    }));
    return {
      code,
      maps: maps.map(({ name, type, keySize, valueSize, maxEntries }) => ({
        name,
        type,
        keySize,
        valueSize,
        maxEntries,
      })),
    };
  } catch (error) {
    return error instanceof Error ? error.message : error;
  }
}

/** Every global variable is listed where its symbol says. */
function expectListedInPlace(elf: ElfFile): void {
  const btf = btfOf(elf);
  for (const symbol of elf.symbols.filter(({ type, bind }) => type === 1 && bind !== 0)) {
    const datasec = btf.type(btf.find('datasec', elf.sections[symbol.section]?.name ?? '') ?? 0);
    const listed = datasec.kind === 'datasec' ? datasec.variables : [];
    const places = listed
      .filter(({ typeId }) => btf.type(typeId).name === symbol.name)
      .map(({ offset, size }) => [offset, size]);
    expect([symbol.name, places]).toEqual([symbol.name, [[symbol.value, symbol.size]]]);
  }
}

describe.skipIf(missing !== undefined)('linked as by bpftool', () => {
  it.each(LINKED)('%s', (...pair) => {
    for (const order of bothOrders(pair)) {
      const ours = link(order);
      const theirs = linkByBpftool(order) ?? new Uint8Array(0);
      const [mine, other] = [parseElf(ours), parseElf(theirs)];
      expect(describeElf(mine)).toEqual(describeElf(other));
      expect(describeBtf(mine)).toEqual(describeBtf(other));
      expect(printC(btfOf(mine))).toBe(printC(btfOf(other)));
      expect(describeObject(ours)).toEqual(describeObject(theirs));
      expectListedInPlace(mine);
    }
  });

  it.each(DECLARED)('with fewer types: %s', (...pair) => {
    for (const order of bothOrders(pair)) {
      const mine = parseElf(link(order));
      const other = parseElf(linkByBpftool(order) ?? new Uint8Array(0));
      expect(describeElf(mine)).toEqual(describeElf(other));
      expect(printC(btfOf(mine))).toBe(printC(btfOf(other)));
      expect(btfOf(mine).typeCount).toBeLessThanOrEqual(btfOf(other).typeCount);
      expect(describeBtf(mine).filter((line) => line.startsWith('kind fwd'))).toEqual([]);
    }
  });

  it.each(REFUSED)('not at all: %s', (...pair) => {
    for (const order of bothOrders(pair)) {
      expect(linkByBpftool(order)).toBeUndefined();
      expect(() => link(order)).toThrow(expect.objectContaining({ name: 'ObjectError' }));
    }
    const message = new RegExp(`^second\\.o(,|:) .*${escaped(pair[3])}`);
    expect(() => link(compile(pair))).toThrow(message);
  });

  it.each(BETTER)('better: %s', (...pair) => {
    for (const order of bothOrders(pair)) expectListedInPlace(parseElf(link(order)));
  });

  it('alone, without debug information', () => {
    for (const pair of LINKED) {
      const [first] = compile(pair);
      const [mine, other] = [parseElf(link([first])), parseElf(linkByBpftool([first]) ?? new Uint8Array(0))];
      expect(describeElf(mine)).toEqual(describeElf(other));
      expect(describeBtf(mine)).toEqual(describeBtf(other));
      expect(mine.sections.filter(({ name }) => name.startsWith('.debug'))).toEqual([]);
    }
  });
});

it.skipIf(missing !== undefined || !readelf)('llvm-readelf takes what is linked without a warning', () => {
  const names = LINKED.map((pair, i) => {
    writeFileSync(join(work, `${i}.o`), link(compile(pair)));
    return `${i}.o`;
  });
  const { status, stderr } = spawnSync('llvm-readelf-19', ['-a', ...names], {
    cwd: work,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});

describe.skipIf(missing !== undefined || noKernel !== undefined)('loaded on Linux', () => {
  it('has the programs that bpftool links', () => {
    const tags = (kernel: Kernel, bytes: Uint8Array): unknown => {
      try {
        using loaded = load(kernel, openObject(bytes, { file: 'linked.o' }));
        return Object.values(loaded.programs).map(({ info: { name, tag } }) => ({ name, tag }));
      } catch (error) {
        return error instanceof BpfError ? error.message : error;
      }
    };
    withLinux((kernel) => {
      const results = LINKED.map((pair) => {
        const ours = tags(kernel, link(compile(pair)));
        expect(ours).toEqual(tags(kernel, linkByBpftool(compile(pair)) ?? new Uint8Array(0)));
        return ours;
      });
      expect(results.filter(Array.isArray).length).toBeGreaterThan(25);
    });
  });

  it('loads with libbpf where bpftool cannot link', () => {
    const names = BETTER.flatMap((pair, i) => {
      return bothOrders(pair).map((order, j) => {
        link(order);
        const name = `better${i}${j}.o`;
        copyFileSync(join(work, 'ours.o'), join(work, name));
        return name;
      });
    });
    const script =
      'for o; do bpftool prog loadall "$o" /sys/fs/bpf/p && ls /sys/fs/bpf/p | wc -l; rm -r /sys/fs/bpf/p; done';
    const { stdout } = runInNamespace('sh', ['-c', script, 'sh', ...names.map((name) => join(work, name))]);
    expect(stdout.trim().split('\n')).toEqual(names.map(() => '2'));
  });
});

function escaped(text: string): string {
  return text.replace(/[()[\].]/g, '\\$&');
}
