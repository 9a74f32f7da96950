import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as C from './constants.ts';
import { parseElf, parseRelocations } from './elf.ts';
import { type ElfContents, FIRST_SECTION, type SectionContents, type SymbolContents, writeElf } from './write.ts';

const readelf = ['llvm-readelf-19', 'llvm-readelf'].find((name) => spawnSync(name, ['--version']).status === 0);
if (readelf === undefined) console.log('skipped: llvm-readelf does not look at what is written, for there is none');

const code: SectionContents = {
  name: 'tc',
  type: C.SHT_PROGBITS,
  flags: 6,
  align: 8,
  data: new Uint8Array(24).fill(7),
};
const bss: SectionContents = {
  name: '.bss',
  type: C.SHT_NOBITS,
  flags: 3,
  align: 4,
  data: new Uint8Array(0),
  size: 12,
};
const text: SectionContents = {
  name: '.rodata.str1.1',
  type: C.SHT_PROGBITS,
  flags: 0x32,
  align: 1,
  data: Uint8Array.of(0x61, 0),
  entsize: 1,
};
const symbol = { value: 0, size: 0, type: C.STT_NOTYPE, bind: C.STB_GLOBAL, visibility: C.STV_DEFAULT };
const extern: SymbolContents = { ...symbol, name: 'far', section: C.SHN_UNDEF };
const local: SymbolContents = { ...symbol, name: '', type: C.STT_SECTION, bind: C.STB_LOCAL, section: bss };
const main: SymbolContents = { ...symbol, name: 'main', value: 8, size: 16, type: C.STT_FUNC, section: code };

const sample: ElfContents = {
  sections: [code, bss, text],
  symbols: [extern, local, { ...main, visibility: C.STV_HIDDEN, bind: C.STB_WEAK }],
  relocations: new Map([[code, [{ offset: 8, type: C.R_BPF_64_32, symbol: extern }]]]),
};

/** What a file says, as {@link writeElf} takes it: sections by name, relocations by the name of their symbol. */
function read(bytes: Uint8Array) {
  const elf = parseElf(bytes);
  const own = elf.sections.slice(FIRST_SECTION);
  return {
    sections: own
      .filter(({ type }) => type !== C.SHT_REL)
      .map(({ name, type, flags, align, data, size, entsize }) => ({ name, type, flags, align, data, size, entsize })),
    symbols: elf.symbols.slice(1).map(({ index, section, ...rest }) => ({ ...rest, section })),
    relocations: own
      .filter(({ type }) => type === C.SHT_REL)
      .map((section) => [
        section.name,
        elf.sections[section.info]?.name,
        parseRelocations(elf, section).map((r) => [r.offset, r.type, r.symbol.index]),
      ]),
  };
}

describe('writeElf', () => {
  it('writes what reads as it was, local symbols first', () => {
    const bytes = writeElf(sample);
    expect(read(bytes)).toEqual({
      sections: [
        { ...code, size: 24, entsize: 0 },
        { ...bss, entsize: 0 },
        { ...text, size: 2 },
      ],
      symbols: [
        { ...local, section: FIRST_SECTION + 1 },
        { ...extern, section: 0 },
        { ...main, visibility: C.STV_HIDDEN, bind: C.STB_WEAK, section: FIRST_SECTION },
      ],
      relocations: [['.reltc', 'tc', [[8, C.R_BPF_64_32, 2]]]],
    });
    const { littleEndian, machine, sections } = parseElf(bytes);
    expect({ littleEndian, machine }).toEqual({ littleEndian: true, machine: C.EM_BPF });
    // The first symbol that is not local.
    expect(sections[2]).toMatchObject({ name: '.symtab', link: 1, info: 2 });
    for (const { offset, align } of sections) expect(offset % Math.max(align, 1)).toBe(0);
  });

  it('gives back any sections and symbols', () => {
    const name = fc.string({ unit: fc.constantFrom('a', '.', 'é'), maxLength: 4 });
    const section = fc.record({
      name: fc.string({ unit: fc.constantFrom('s', '_'), minLength: 1, maxLength: 4 }),
      type: fc.constant(C.SHT_PROGBITS),
      flags: fc.nat(0x3f),
      align: fc.constantFrom(0, 1, 2, 8, 64),
      data: fc.uint8Array({ maxLength: 40 }),
      entsize: fc.nat(16),
    });
    const anySymbol = fc.record({
      name,
      value: fc.nat(),
      size: fc.nat(),
      type: fc.nat(4),
      bind: fc.nat(2),
      visibility: fc.nat(3),
      section: fc.constantFrom(C.SHN_UNDEF, 0xfff1),
    });
    fc.assert(
      fc.property(fc.array(section, { maxLength: 5 }), fc.array(anySymbol, { maxLength: 8 }), (sections, symbols) => {
        const { sections: found, symbols: foundSymbols } = read(writeElf({ sections, symbols }));
        expect(found).toEqual(sections.map((s) => ({ ...s, size: s.data.length })));
        const isLocal = ({ bind }: SymbolContents) => bind === C.STB_LOCAL;
        expect(foundSymbols).toEqual([...symbols.filter(isLocal), ...symbols.filter((s) => !isLocal(s))]);
      }),
      { seed: 22, numRuns: 200 },
    );
  });

  it.each<[string, ElfContents, string]>([
    [
      'a symbol of a section that is not there',
      { sections: [], symbols: [main] },
      'symbol main is in a section that is not written',
    ],
    [
      'a relocation against a symbol that is not there',
      { ...sample, symbols: [] },
      'a relocation names symbol far, which is not written',
    ],
    [
      'more sections than a header counts',
      { sections: Array.from({ length: 0xff00 }, () => ({ ...text, data: new Uint8Array(0) })), symbols: [] },
      'an object with 65283 sections cannot be written',
    ],
  ])('refuses %s', (_, contents, message) => {
    expect(() => writeElf(contents)).toThrow(expect.objectContaining({ name: 'UsageError', message }));
  });

  it.skipIf(readelf === undefined)('writes what llvm-readelf takes without a warning', () => {
    const work = mkdtempSync(join(tmpdir(), 'skep-elf-'));
    try {
      const file = join(work, 'sample.o');
      writeFileSync(file, writeElf(sample));
      const { status, stdout, stderr } = spawnSync(readelf ?? '', ['-a', '-W', file], { encoding: 'utf8' });
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(stdout).toMatch(/8.*R_BPF_64_32 +0000000000000000 far/);
      expect(stdout).toMatch(/8 +16 FUNC +WEAK +HIDDEN +3 main/);
    } finally {
      rmSync(work, { recursive: true });
    }
  });
});
