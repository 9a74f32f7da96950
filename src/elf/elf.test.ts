import { describe, expect, it } from 'vitest';
import { objectBytes } from '../../test/support/objects.ts';
import { parseElf, parseRelocations } from './elf.ts';

const object = objectBytes('examples/shared/shared.bpf.o');

/** A copy of the object with some bytes written over. */
function patched(...patches: readonly (readonly [offset: number, bytes: readonly number[]])[]): Uint8Array {
  const bytes = new Uint8Array(object);
  for (const [offset, part] of patches) bytes.set(part, offset);
  return bytes;
}

const view = new DataView(object.buffer);
const table = Number(view.getBigUint64(40, true));
/** File offset of a field of a section header. */
const header = (index: number, field: number) => table + 64 * index + field;
const indexOf = (name: string) => parseElf(object).sections.findIndex((section) => section.name === name);

describe('parseElf', () => {
  it('reads sections, symbols and relocations', () => {
    const elf = parseElf(object);
    expect(elf.littleEndian).toBe(true);
    expect(elf.machine).toBe(247);
    expect(elf.sections.map((section) => section.name)).toContain('.relegress');
    expect(elf.symbols.find((symbol) => symbol.name === 'map_sh')).toMatchObject({ size: 36, type: 1, bind: 1 });
    const rel = elf.sections.find((section) => section.name === '.relegress');
    expect(rel && parseRelocations(elf, rel).map((r) => [r.offset, r.symbol.name])).toEqual([[32, 'map_sh']]);
  });

  // [what is wrong, bytes, what is said]
  const damaged: [string, () => Uint8Array, string][] = [
    ['nothing at all', () => new Uint8Array(0), 'offset 0x0: this is no ELF file: it does not start with 7f 45 4c 46'],
    [
      'a text',
      () => new TextEncoder().encode('#include <linux/bpf.h>'),
      'offset 0x0: this is no ELF file: it does not start with 7f 45 4c 46',
    ],
    ['half a header', () => object.subarray(0, 40), 'offset 0x28: the file ends within the ELF header: 40 of 64 bytes'],
    ['a 32-bit file', () => patched([4, [1]]), 'offset 0x4: this is no 64-bit ELF file'],
    ['a third byte order', () => patched([5, [3]]), 'offset 0x5: the byte order 3 is neither 1 (little) nor 2 (big)'],
    [
      'an executable',
      () => patched([16, [2, 0]]),
      'offset 0x10: this is no relocatable object file: its type is 2, not 1',
    ],
    ['no section table', () => patched([40, [0, 0]]), 'offset 0x28: the file has no section table'],
    [
      'a section table past the end',
      () => object.subarray(0, table + 100),
      `offset 0x${table.toString(16)}: the file has no room for its 16 section headers`,
    ],
    [
      '65,000 sections',
      () => patched([60, [0xe8, 0xfd]]),
      `offset 0x${table.toString(16)}: the file has no room for its 65000 section headers`,
    ],
    [
      'a section past the end',
      () => patched([header(indexOf('maps'), 24), [0xff, 0xff]]),
      'section maps: its 36 bytes from file offset 0xffff on reach past the end of the file',
    ],
    ['overlapping sections', () => patched([header(indexOf('maps'), 24), [0x40, 0]]), 'it overlaps with section'],
    [
      'a huge offset',
      () => patched([header(indexOf('maps'), 24), [0, 0, 0, 0, 0, 0, 0, 0xff]]),
      'is no size or offset that a file can have',
    ],
    [
      'a name outside the string table',
      () => patched([header(indexOf('maps'), 0), [0xff, 0xff]]),
      'its name at 0xffff of the string table does not end within the table',
    ],
    [
      'symbols in no section',
      () => patched([Number(view.getBigUint64(header(indexOf('.symtab'), 24), true)) + 24 * 4 + 6, [0x77, 0]]),
      'symbol map_sh is in section 119, which does not exist',
    ],
    [
      'symbols of 23 bytes',
      () => patched([header(indexOf('.symtab'), 56), [23]]),
      'section .symtab: 168 bytes with entries of 23 are no table of symbols',
    ],
  ];
  it.each(damaged)('refuses %s', (_, bytes, message) => {
    expect(() => parseElf(bytes())).toThrow(
      expect.objectContaining({ name: 'ObjectError', message: expect.stringContaining(message) }),
    );
  });

  it('refuses a relocation against a symbol that is not there', () => {
    const elf = parseElf(patched([Number(view.getBigUint64(header(indexOf('.relegress'), 24), true)) + 12, [99]]));
    const rel = elf.sections[indexOf('.relegress')];
    expect(() => rel && parseRelocations(elf, rel)).toThrow(
      'section .relegress, offset 0x0: it names symbol 99, of which there are only 7',
    );
  });

  it('finds the number of sections and of their names in the first header, when they are too large for the file header', () => {
    const count = view.getUint16(60, true);
    const names = view.getUint16(62, true);
    const extended = patched(
      [60, [0, 0]],
      [62, [0xff, 0xff]],
      [header(0, 32), [count & 255, count >> 8]],
      [header(0, 40), [names & 255, names >> 8]],
    );
    const shape = (bytes: Uint8Array) => parseElf(bytes).sections.slice(1);
    expect(shape(extended)).toEqual(shape(object));
  });

  it('reads the section of a symbol from the extended table', () => {
    const elf = parseElf(extendSymbol(object, 'map_sh'));
    const symbol = elf.symbols.find(({ name }) => name === 'map_sh');
    expect(elf.sections[symbol?.section ?? 0]?.name).toBe('maps');
  });

  it('refuses names that overlap into more than memory holds', () => {
    expect(() => parseElf(manyLongNames())).toThrow('the names of the file have more than 4194304 characters together');
  });

  it('refuses every truncation', () => {
    for (let length = 0; length < object.length; length += 7) {
      expect(() => parseElf(object.subarray(0, length))).toThrow(expect.objectContaining({ name: 'ObjectError' }));
    }
  });
});

/** The object with one more section, SHT_SYMTAB_SHNDX, through which a symbol finds its section. */
function extendSymbol(original: Uint8Array, name: string): Uint8Array {
  const elf = parseElf(original);
  const symbols = elf.sections.find((section) => section.type === 2);
  const symbol = elf.symbols.find((candidate) => candidate.name === name);
  if (symbols === undefined || symbol === undefined) throw new Error('no such symbol');
  const count = elf.sections.length;
  const indexes = original.length;
  const headers = indexes + 4 * elf.symbols.length;
  const bytes = new Uint8Array(headers + 64 * (count + 1));
  bytes.set(original);
  bytes.set(original.subarray(table, table + 64 * count), headers);
  const target = new DataView(bytes.buffer);
  target.setUint16(symbols.offset + 24 * symbol.index + 6, 0xffff, true);
  target.setUint32(indexes + 4 * symbol.index, symbol.section, true);
  target.setBigUint64(40, BigInt(headers), true);
  target.setUint16(60, count + 1, true);
  const at = headers + 64 * count;
  target.setUint32(at + 4, 18, true);
  target.setBigUint64(at + 24, BigInt(indexes), true);
  target.setBigUint64(at + 32, BigInt(4 * elf.symbols.length), true);
  target.setUint32(at + 40, symbols.index, true);
  return bytes;
}

/** An ELF file of 64 sections whose names are the ends of one text of a megabyte. */
function manyLongNames(): Uint8Array {
  const count = 64;
  const length = 1 << 20;
  const bytes = new Uint8Array(64 + 64 * count + length);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  const target = new DataView(bytes.buffer);
  target.setUint16(16, 1, true);
  target.setBigUint64(40, 64n, true);
  target.setUint16(58, 64, true);
  target.setUint16(60, count, true);
  target.setUint16(62, 1, true);
  bytes.fill(0x61, 64 + 64 * count, bytes.length - 1);
  for (let i = 0; i < count; i++) target.setUint32(64 + 64 * i, i, true);
  target.setUint32(64 + 64 + 4, 3, true);
  target.setBigUint64(64 + 64 + 24, BigInt(64 + 64 * count), true);
  target.setBigUint64(64 + 64 + 32, BigInt(length), true);
  return bytes;
}
