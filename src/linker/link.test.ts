import { describe, expect, it } from 'vitest';
import { linuxWorks, withLinux } from '../../test/support/linux.ts';
import { objectBytes } from '../../test/support/objects.ts';
import { BtfBuilder, type BtfType, parseBtf, parseBtfExt } from '../btf/index.ts';
import * as elf from '../elf/index.ts';
import { createEmbeddedKernel } from '../engine/embedded/index.ts';
import { type Kernel, load, openObject } from '../index.ts';
import { linkObjects } from './link.ts';

const input = (file: string) => ({ bytes: objectBytes(`test/objects/${file}`), file });
const one = input('link/one.o');
const two = input('link/two.o');
const linux = linuxWorks();

function sectionOf(bytes: Uint8Array, name: string): Uint8Array {
  const section = elf.parseElf(bytes).sections.find((candidate) => candidate.name === name);
  if (section === undefined) throw new Error(`there is no ${name}`);
  return section.data;
}

describe('two objects linked', () => {
  const linked = linkObjects([one, two]);
  const file = elf.parseElf(linked);
  const btf = parseBtf(sectionOf(linked, '.BTF'));

  it('has each section once', () => {
    const names = file.sections.map(({ name }) => name).filter((name) => !name.startsWith('.rel'));
    expect(new Set(names).size).toBe(names.length);
    expect(file.sections.find(({ name }) => name === 'license')?.data).toEqual(new TextEncoder().encode('GPL\0'));
  });

  it('has defined what one of them lacked', () => {
    const globals = file.symbols.filter(({ bind, name }) => bind !== elf.STB_LOCAL && name !== '');
    expect(globals.filter(({ section }) => section === elf.SHN_UNDEF)).toEqual([]);
    const bindOf = (name: string) => globals.filter((symbol) => symbol.name === name).map(({ bind }) => bind);
    expect(bindOf('replaced')).toEqual([elf.STB_GLOBAL]);
    expect(bindOf('first_of_two')).toEqual([elf.STB_WEAK]);
    expect(bindOf('limit')).toEqual([elf.STB_GLOBAL]);
  });

  it('has every shared type once, and both of a name that differ', () => {
    const named = (kind: BtfType['kind'], name: string) =>
      btf.named(name).filter((id) => btf.type(id).kind === kind).length;
    expect([named('struct', 'node'), named('struct', 'differs'), named('struct', 'declared')]).toEqual([1, 2, 1]);
    expect([named('fwd', 'declared'), named('typedef', 'entry_t'), named('int', 'int')]).toEqual([0, 1, 1]);
  });

  it('lists variables where they are', () => {
    for (const name of ['.data', '.bss', '.maps', 'license']) {
      const datasec = btf.type(btf.find('datasec', name) ?? 0);
      if (datasec.kind !== 'datasec') throw new Error(`no datasec ${name}`);
      const section = file.sections.find((candidate) => candidate.name === name);
      expect(datasec.size).toBe(section?.size);
      const listed = datasec.variables.map(({ typeId, offset }) => [btf.type(typeId).name, offset]);
      const symbols = file.symbols.filter(({ section: at, type }) => at === section?.index && type === elf.STT_OBJECT);
      const placed = symbols.sort((a, b) => a.value - b.value).map((symbol) => [symbol.name, symbol.value]);
      expect(listed).toEqual(placed);
    }
  });

  it('says of every function where it starts', () => {
    const { funcInfo, lineInfo } = parseBtfExt(sectionOf(linked, '.BTF.ext'), btf);
    for (const [name, records] of funcInfo.sections) {
      const section = file.sections.findIndex((candidate) => candidate.name === name);
      for (const { offset, bytes } of records) {
        const { name: func } = btf.type(new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true));
        const symbol = file.symbols.find((s) => s.section === section && s.value === offset && s.type === elf.STT_FUNC);
        // Nothing names the weak definition any more, but it is there.
        if (symbol === undefined) expect(['replaced', 'first_of_two']).toContain(func);
        else expect(func).toBe(symbol.name);
      }
    }
    const lines = [...lineInfo.sections.values()].flat().map(({ bytes }) => {
      return btf.string(new DataView(bytes.buffer, bytes.byteOffset).getUint32(8, true)).trim();
    });
    expect(lines).toContain('return v * 3 + state;');
    expect(lines).toContain('return v * 5 + state;');
  });

  it('is the same of Buffers, which stay as they are', () => {
    const [first, second] = [Buffer.from(one.bytes), Buffer.from(two.bytes)];
    expect(
      linkObjects([
        { ...one, bytes: first },
        { ...two, bytes: second },
      ]),
    ).toEqual(linked);
    expect([...second]).toEqual([...two.bytes]);
  });

  it('stays as it is when it is linked again, and can be made in steps', () => {
    expect(linkObjects([{ bytes: linked, file: 'linked.o' }])).toEqual(linked);
    const half = { bytes: linkObjects([one]), file: 'half.o' };
    expect(linkObjects([half, two])).toEqual(linked);
  });

  it.each<[string, (use: (kernel: Kernel) => void) => void, boolean]>([
    ['the embedded kernel', (use) => use(createEmbeddedKernel().kernel), true],
    ['Linux', withLinux, linux],
  ])('runs on %s as written', (_, withKernel, works) => {
    if (!works) return;
    withKernel((kernel) => {
      for (const bytes of [linked, linkObjects([two, one])]) {
        const firstOfTwo = bytes === linked ? 101 : 201;
        using loaded = load(kernel, openObject(bytes, { file: 'linked.o' }));
        const run = (name: string) => loaded.program(name).run({ data: new Uint8Array(64) }).retval;
        // provided + replaced + first_of_two + helper + other
        expect(run('one')).toBe(5 + 9 + 30 + 2002 + firstOfTwo + 22 + 38);
        expect(run('two')).toBe(1 + firstOfTwo);
        expect(run('one')).toBe(7 + 9 + 31 + 2002 + firstOfTwo + (6006 * 3 + 5) + (6006 * 7 - 5));
        expect(loaded.globals.counter).toBe(8);
      }
    });
  });
});

describe('one object linked', () => {
  it('keeps what it has not', () => {
    const { symbols } = elf.parseElf(linkObjects([one]));
    const open = symbols.filter(({ name, section }) => name !== '' && section === elf.SHN_UNDEF);
    expect(open.map(({ name }) => name).sort()).toEqual(['limit', 'provided']);
  });
});

describe('linkObjects refuses', () => {
  it.each<[string, readonly { bytes: Uint8Array; file: string }[], string, string]>([
    ['nothing', [], 'UsageError', 'there is nothing to link: give one object at least'],
    [
      'a text',
      [{ bytes: new TextEncoder().encode('int main;'), file: 'a.c' }],
      'ObjectError',
      'a.c, offset 0x0: this is no',
    ],
    ['big-endian objects', [input('types_be.o')], 'NotSupportedError', 'types_be.o: linking big-endian objects'],
    ['objects without BTF', [input('elf_map_7.o')], 'ObjectError', 'but the object has no BTF for it; compile with -g'],
    [
      'two definitions',
      [one, { ...one, file: 'copy.o' }],
      'ObjectError',
      'copy.o: symbol one is defined here and in link/one.o; make one of them static, weak or extern',
    ],
  ])('%s', (_, inputs, name, message) => {
    expect(() => linkObjects(inputs)).toThrow(
      expect.objectContaining({ name, message: expect.stringContaining(message) }),
    );
  });

  const code: elf.SectionContents = { name: 'tc', type: 1, flags: 6, align: 8, data: new Uint8Array(16).fill(5) };
  const data: elf.SectionContents = { name: '.data', type: 1, flags: 3, align: 4, data: new Uint8Array(8) };
  const symbol = { value: 0, size: 8, type: elf.STT_OBJECT, bind: elf.STB_GLOBAL, visibility: 0 };
  const main: elf.SymbolContents = { ...symbol, name: 'main', type: elf.STT_FUNC, size: 16, section: code };
  const value: elf.SymbolContents = { ...symbol, name: 'value', section: data };
  const dataSymbol: elf.SymbolContents = { ...symbol, name: '', type: 3, bind: 0, size: 0, section: data };

  function btfOf(...more: readonly BtfType[]): elf.SectionContents {
    const builder = new BtfBuilder();
    const int = builder.add({ kind: 'int', name: 'int', size: 4, bits: 32, bitOffset: 0, encoding: 'signed' });
    const proto = builder.add({ kind: 'func_proto', name: '', returns: int, params: [] });
    builder.add({ kind: 'func', name: 'main', typeId: proto, linkage: 1 });
    builder.add({ kind: 'var', name: 'value', typeId: int, linkage: 1 });
    for (const type of more) builder.add(type);
    return { name: '.BTF', type: 1, flags: 0, align: 4, data: builder.bytes() };
  }

  /** An object with one thing wrong, or nothing. */
  function made(change: Partial<elf.ElfContents> & { readonly extra?: readonly elf.SectionContents[] }) {
    const contents = { sections: [code, data, btfOf()], symbols: [main, value, dataSymbol], ...change };
    return {
      bytes: elf.writeElf({ ...contents, sections: [...contents.sections, ...(change.extra ?? [])] }),
      file: 'a.o',
    };
  }
  const against = (section: elf.SectionContents, offset: number, type: number, target = value) => ({
    relocations: new Map([[section, [{ offset, type, symbol: target }]]]),
  });
  const other = { ...data, name: 'x' };
  const version: elf.SectionContents = { ...data, name: 'version' };

  it('takes the object that is not changed, and two of them but for their names', () => {
    expect(elf.parseElf(linkObjects([made(against(code, 0, elf.R_BPF_64_64))])).symbols.length).toBe(4);
  });

  it.each<[string, ReturnType<typeof made>, string]>([
    [
      'alignment 3',
      made({ extra: [{ ...other, align: 3 }] }),
      'section x: its alignment 3 is no power of 2 up to 4096',
    ],
    ['alignment 8192', made({ extra: [{ ...other, align: 8192 }] }), 'section x: its alignment 8192 is no power of 2'],
    ['a note', made({ extra: [{ ...other, type: 7 }] }), 'section x: section type 7 cannot be linked'],
    ['no name', made({ extra: [{ ...other, name: '' }] }), 'a section without a name cannot be linked'],
    [
      'half an instruction',
      made({ extra: [{ ...other, flags: 6, data: new Uint8Array(12) }] }),
      '12 bytes are no whole number',
    ],
    [
      'binding 10',
      made({ symbols: [{ ...main, bind: 10 }] }),
      'symbol main has binding 10; local, global and weak can',
    ],
    [
      'visibility 3',
      made({ symbols: [{ ...main, visibility: 3 }] }),
      'symbol main has visibility 3; default and hidden can',
    ],
    [
      'an absolute global',
      made({ symbols: [{ ...main, section: 0xfff1 }] }),
      'symbol main is global, but in no section (0xfff1)',
    ],
    [
      'a common global',
      made({ symbols: [{ ...main, section: 0xfff2 }] }),
      'symbol main is global, but in no section (0xfff2)',
    ],
    [
      'a section with a value',
      made({ symbols: [{ ...dataSymbol, value: 8 }] }),
      'stands for a section, but has value 8',
    ],
    [
      'a sized extern',
      made({ symbols: [{ ...main, section: 0 }] }),
      'symbol main is not defined, but has a type, value or size',
    ],
    [
      'an unknown global',
      made({ symbols: [{ ...main, name: 'who' }] }),
      'symbol who is global, but the object has no BTF for it',
    ],
    ['relocation type 4', made(against(code, 0, 4)), 'section tc, offset 0x0: a relocation of type 4 cannot be linked'],
    ['a relocation past the end', made(against(code, 16, 1)), 'a relocation at 0x10 hits no instruction or datum'],
    [
      'a relocation between instructions',
      made(against(code, 4, 1)),
      'a relocation at 0x4 hits no instruction or datum',
    ],
    [
      'the address of a section in data',
      made(against(data, 0, 2, dataSymbol)),
      'section .data, offset 0x0: a relocation against a section can be linked in code only',
    ],
    [
      'a type that is not there',
      made({ sections: [code, data, btfOf({ kind: 'ptr', name: '', typeId: 9 })] }),
      'section .BTF: type 9 is referred to, but cannot be linked',
    ],
    [
      'BTF beyond what the kernel takes',
      made({ sections: [code, data, { ...btfOf(), data: new Uint8Array(16 * 1024 * 1024 + 1) }] }),
      'section .BTF: its 16777217 bytes are more than the 16777216 that the kernel takes',
    ],
  ])('%s', (_, object, message) => {
    expect(() => linkObjects([object])).toThrow(
      expect.objectContaining({ name: 'ObjectError', file: 'a.o', message: expect.stringContaining(message) }),
    );
  });

  it.each<[string, Partial<elf.SectionContents>, string]>([
    ['flags', { flags: 2 }, 'section x: flags 2 does not go with flags 3 in a.o'],
    ['types', { type: 8, data: new Uint8Array(0) }, 'section x: type 8 does not go with type 1 in a.o'],
    ['entry sizes', { entsize: 4 }, 'section x: entsize 4 does not go with entsize 0 in a.o'],
  ])('sections of other %s', (_, change, message) => {
    const second = made({
      sections: [{ ...other, ...change }],
      symbols: [{ ...symbol, name: 'l', bind: 0, section: 0xfff1 }],
    });
    expect(() => linkObjects([made({ extra: [other] }), { ...second, file: 'b.o' }])).toThrow(`b.o, ${message}`);
  });

  it('another version, and takes the same one', () => {
    const local = [{ ...symbol, name: 'l', bind: elf.STB_LOCAL, section: 0xfff1 }];
    const first = made({ extra: [version] });
    expect(linkObjects([first, { ...made({ sections: [version], symbols: local }), file: 'b.o' }])).toBeInstanceOf(
      Uint8Array,
    );
    const changed = { ...version, data: new Uint8Array(8).fill(1) };
    expect(() => linkObjects([first, { ...made({ sections: [changed], symbols: local }), file: 'b.o' }])).toThrow(
      'b.o, section version: its content is not that of a.o; a version must be the same everywhere',
    );
  });
});
