import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ObjectError } from '../errors.ts';
import { functionOffset, functionOffsets } from './functions.ts';

interface TestSymbol {
  readonly name: string;
  readonly value: number;
  readonly info?: number;
  readonly section?: number;
  /** Its number: 2 is V1, 3 is V2. */
  readonly version?: number;
}

/**
 * A shared library: text at address 0x2000 that lies at 0x400 in the file, a symbol table (DYNSYM, or SYMTAB), its strings, the numbers of its symbols' versions, and
 * the names of those.
 */
function library(symbols: readonly TestSymbol[], table = 11): Uint8Array {
  const bytes = new Uint8Array(0x800);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 3, true);
  view.setBigUint64(40, 0x40n, true);
  view.setUint16(60, 6, true);
  const section = (i: number, type: number, address: number, offset: number, size: number, link: number) => {
    const at = 0x40 + 64 * i;
    view.setUint32(at + 4, type, true);
    view.setBigUint64(at + 16, BigInt(address), true);
    view.setBigUint64(at + 24, BigInt(offset), true);
    view.setBigUint64(at + 32, BigInt(size), true);
    view.setUint32(at + 40, link, true);
  };
  section(1, 1, 0x2000, 0x400, 0x100, 0);
  section(2, table, 0, 0x200, 24 * symbols.length, 3);
  section(3, 3, 0, 0x300, 0x100, 0);
  section(4, 0x6fffffff, 0, 0x600, 2 * symbols.length, 2);
  section(5, 0x6ffffffd, 0, 0x680, 0x40, 3);
  for (const [i, name] of ['V1', 'V2'].entries()) {
    const [at, text] = [0x680 + 32 * i, 0xf0 + 4 * i];
    view.setUint16(at + 4, 2 + i, true);
    view.setUint32(at + 12, 20, true);
    view.setUint32(at + 16, i === 0 ? 32 : 0, true);
    view.setUint32(at + 20, text, true);
    bytes.set(new TextEncoder().encode(name), 0x300 + text);
  }
  let text = 1;
  for (const [i, { name, value, info = 0x12, section: index = 1, version = 1 }] of symbols.entries()) {
    const at = 0x200 + 24 * i;
    view.setUint32(at, text, true);
    view.setUint8(at + 4, info);
    view.setUint16(at + 6, index, true);
    view.setBigUint64(at + 8, BigInt(value), true);
    view.setUint16(0x600 + 2 * i, version, true);
    bytes.set(new TextEncoder().encode(name), 0x300 + text);
    text += name.length + 1;
  }
  return bytes;
}

describe('functions of executables and libraries', () => {
  it.each([
    ['by its place in the file', [{ name: 'malloc', value: 0x2040 }], 'malloc', 0x440],
    ['not one whose name only starts so', [{ name: 'malloc_trim', value: 0x2040 }], 'malloc', undefined],
    ['not a variable', [{ name: 'malloc', value: 0x2040, info: 0x11 }], 'malloc', undefined],
    ['not somebody else’s', [{ name: 'malloc', value: 0x2040, section: 0 }], 'malloc', undefined],
    ['not one outside of the file', [{ name: 'malloc', value: 0x9000 }], 'malloc', undefined],
    [
      'the global one of several',
      [
        { name: 'f', value: 0x2010, info: 0x02 },
        { name: 'f', value: 0x2020 },
      ],
      'f',
      0x420,
    ],
    ['an indirect function', [{ name: 'memcpy', value: 0x2008, info: 0x1a }], 'memcpy', 0x408],
  ] as const)('%s', (_name, symbols, func, want) => {
    const find = () => functionOffset(library(symbols), func);
    if (want === undefined) expect(find).toThrow(`it has no function ${func}`);
    else expect(find()).toBe(want);
  });

  const old = { name: 'f', value: 0x2010, version: 0x8002 };
  const current = { name: 'f', value: 0x2020, version: 3 };
  it.each([
    ['f', 0x420],
    ['f@V1', 0x410],
    ['f@@V1', 0x410],
    ['f@V2', 0x420],
    ['f@V3', undefined],
    ['f@', undefined],
    ['g@V1', undefined],
  ])('%s of a library with versions', (func, want) => {
    const bytes = library([old, current, { name: 'g', value: 0x2030, version: 3 }]);
    if (want === undefined) expect(() => functionOffset(bytes, func)).toThrow(`it has no function ${func}`);
    else expect(functionOffset(bytes, func)).toBe(want);
  });

  it.each([
    ['f', 0x410],
    ['f@V1', 0x410],
    ['f@@V1', 0x410],
    ['f@V2', undefined],
    ['f@V', undefined],
  ])('%s of a table with versions in the names', (func, want) => {
    const find = () => functionOffset(library([{ name: 'f@@V1', value: 0x2010 }], 2), func);
    if (want === undefined) expect(find).toThrow(`it has no function ${func}`);
    else expect(find()).toBe(want);
  });

  it('all that fit', () => {
    const bytes = library([
      { name: 'f1', value: 0x2010 },
      { name: 'variable', value: 0x2020, info: 0x11 },
      { name: 'indirect', value: 0x2030, info: 0x1a },
      { name: 'f2', value: 0x2040, info: 0x02 },
      { name: 'also_f2', value: 0x2040 },
    ]);
    expect(functionOffsets(bytes, () => true)).toEqual([0x410, 0x440, 0x440]);
    expect(functionOffsets(bytes, (name) => name.startsWith('f'))).toEqual([0x410, 0x440]);
    expect(functionOffsets(bytes, () => false)).toEqual([]);
  });

  it.each([
    ['nothing', new Uint8Array(0), 'no ELF file'],
    ['a relocatable file', library([]).fill(1, 16, 17), 'no executable and no shared library'],
    ['32 bits', library([]).fill(1, 4, 5), 'no 64-bit ELF file'],
    ['sections beyond the end', library([]).fill(0xff, 60, 61), 'no room for its 255 section headers'],
  ])('refuses %s', (_name, bytes, message) => {
    expect(() => functionOffset(bytes, 'f')).toThrow(message);
  });

  it('of anything answers or says that it is wrong', () => {
    const whole = library([{ name: 'malloc', value: 0x2040, version: 3 }]);
    const changes = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(changes, (spoiled) => {
        const bytes = whole.slice();
        for (const [at, byte] of spoiled) bytes[at] = byte;
        try {
          expect(functionOffset(bytes, 'malloc@V2')).toBeLessThan(bytes.length);
          for (const offset of functionOffsets(bytes, () => true)) expect(offset).toBeLessThan(bytes.length);
        } catch (error) {
          expect(error).toBeInstanceOf(ObjectError);
        }
      }),
      { seed: 7, numRuns: 2000 },
    );
  });

  it.skipIf(!existsSync('/proc/self/exe'))('finds one of the program that runs this', () => {
    const bytes = readFileSync('/proc/self/exe');
    expect(functionOffset(bytes, 'uv_run')).toBeGreaterThan(0);
  });
});
