import { describe, expect, it } from 'vitest';
import { objectBytes } from '../../test/support/objects.ts';
import { type ElfFile, type ElfSymbol, parseElf, SHT_SYMTAB, STT_FUNC } from '../elf/index.ts';
import { parseObject } from './parse.ts';

/** An object of ours, changed into what other compilers and linkers make. */
function changed(path: string, change: (view: DataView, elf: ElfFile) => void) {
  const bytes = objectBytes(path).slice();
  change(new DataView(bytes.buffer), parseElf(bytes));
  return parseObject(bytes, { file: path });
}

const SYM_SIZE = 24;
const SYM_INFO = 4;
const SYM_SECTION = 6;
const SYM_VALUE = 8;
const SYM_LENGTH = 16;

/** Where a symbol stands in the file. */
function place(elf: ElfFile, { index }: ElfSymbol): number {
  return (elf.sections.find(({ type }) => type === SHT_SYMTAB)?.offset ?? 0) + SYM_SIZE * index;
}

function symbol(elf: ElfFile, name: string): number {
  const found = elf.symbols.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no symbol ${name}`);
  return place(elf, found);
}

function offset(elf: ElfFile, section: string): number {
  return elf.sections.find(({ name }) => name === section)?.offset ?? 0;
}

function untypeFunctions(view: DataView, elf: ElfFile): void {
  for (const one of elf.symbols.filter(({ type }) => type === STT_FUNC)) {
    const at = place(elf, one);
    view.setUint8(at + SYM_INFO, view.getUint8(at + SYM_INFO) & 0xf0);
    view.setBigUint64(at + SYM_LENGTH, 0n, true);
  }
}

describe('functions whose symbols have neither type nor size', () => {
  it.each(['test/objects/calls.o', 'test/objects/tail.o', 'examples/shared/shared.bpf.o'])('of %s', (path) => {
    expect(changed(path, untypeFunctions).programs).toEqual(parseObject(objectBytes(path)).programs);
  });

  it('are not split at labels', () => {
    const split = changed('test/objects/unsafe.o', (view, elf) => {
      untypeFunctions(view, elf);
      const at = symbol(elf, '_license');
      view.setUint8(at + SYM_INFO, 0);
      view.setUint16(at + SYM_SECTION, elf.sections.find(({ name }) => name === 'classifier')?.index ?? 0, true);
      view.setBigUint64(at + SYM_VALUE, 8n, true);
    });
    expect(split.programs[0]?.insns).toEqual(parseObject(objectBytes('test/objects/unsafe.o')).programs[0]?.insns);
  });
});

describe('a called function', () => {
  /** The object with `.text` under another name of the same length. */
  const programsWith = (text: string) => {
    const { programs } = changed('test/objects/calls.o', (view, elf) => {
      const names = elf.sections.find(({ name }) => name === '.strtab');
      if (names === undefined) throw new Error('no section names');
      const at = names.offset + new TextDecoder('latin1').decode(names.data).indexOf('.text\0');
      for (const [i, byte] of new TextEncoder().encode(text).entries()) view.setUint8(at + i, byte);
    });
    return programs.map(({ name }) => name);
  };

  it('is no program in a section that names no program type', () => {
    expect(programsWith('other')).toEqual(['first', 'second', 'optional']);
  });

  it('is one elsewhere, unless it is static', () => {
    expect(programsWith('tc/me')).toEqual(['middle', 'first', 'second', 'optional']);
  });
});

describe('legacy map records', () => {
  it('have lengths of their own, with gaps between', () => {
    const { maps } = changed('test/objects/elf_map_7.o', (view, elf) =>
      view.setBigUint64(symbol(elf, 'one') + SYM_LENGTH, 20n, true),
    );
    // What `one` had of an id and a pinning is in the gap now.
    expect(maps.map(({ name, style, pinning, maxEntries }) => [name, style, pinning, maxEntries])).toEqual([
      ['one', 'bpf_map_def', 'none', 16],
      ['two', 'bpf_map_def', 'none', 1],
    ]);
  });

  it('name the template of a map of maps by its number', () => {
    const { maps, notes } = changed('test/objects/elf_map_7.o', (view, elf) => {
      view.setUint32(offset(elf, 'maps'), 12, true);
      view.setUint32(offset(elf, 'maps') + 20, 1, true);
    });
    expect(maps.map(({ name, type, inner }) => [name, type, inner?.name])).toEqual([
      ['one', 'array_of_maps', 'two'],
      ['two', 'array', undefined],
    ]);
    expect(notes).toEqual([
      'section maps: structs of 28 bytes without BTF: read as the bpf_map_def with inner_map_idx after the flags',
    ]);
  });

  it('may hold what only their own loader knows', () => {
    const { maps, notes } = changed('test/objects/map_def_long.o', (view, elf) => {
      const { size = 0 } = elf.sections.find(({ name }) => name === 'maps') ?? {};
      view.setUint32(offset(elf, 'maps') + size - 4, 3, true);
    });
    expect(maps[0]).toMatchObject({ name: 'counts', style: 'bpf_map_def', maxEntries: 10, pinning: 'none' });
    expect(notes).toEqual([
      expect.stringMatching(/^section maps: structs of \d+ bytes: read as bpf_map_def; what follows the flags/),
    ]);
  });
});

describe('a tail-call section', () => {
  it('has the type of the programs that use its array', () => {
    const types = parseObject(objectBytes('test/objects/tail.o')).programs.map(({ section, type }) => [section, type]);
    expect(types).toEqual([
      ['7/0', 'sched_cls'],
      ['7/1', 'sched_cls'],
      ['classifier', 'sched_cls'],
    ]);
  });
});
