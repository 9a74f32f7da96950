import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ObjectError } from '../errors.ts';
import { usdtProbe } from './usdt.ts';

interface Probe {
  readonly provider?: string;
  readonly name?: string;
  readonly args?: string;
  readonly address?: number;
  readonly base?: number;
  readonly semaphore?: number;
  /** 3 is a probe's. */
  readonly type?: number;
}

const TEXT = 0x2000;
const DATA = 0x5000;

/** A program: code at 0x2000 that lies at 0x400 of the file, data at 0x5000 that lies at 0x500, `.stapsdt.base` at 0x2080, and notes at 0x600. */
function program(probes: readonly Probe[], { type = 3, notes = 7, base = 0x2080 } = {}): Uint8Array {
  const bytes = new Uint8Array(0x1000);
  const view = new DataView(bytes.buffer);
  const put = (at: number, text: string) => bytes.set(new TextEncoder().encode(text), at);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, type, true);
  view.setUint16(18, 62, true);
  view.setBigUint64(32, 0x40n, true);
  view.setBigUint64(40, 0x100n, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, 3, true);
  view.setUint16(60, 4, true);
  view.setUint16(62, 3, true);
  for (const [i, [kind, flags, offset, address]] of [
    [1, 5, 0x400, TEXT],
    [1, 6, 0x500, DATA],
    [4, 4, 0, 0],
  ].entries()) {
    const at = 0x40 + 56 * i;
    view.setUint32(at, kind ?? 0, true);
    view.setUint32(at + 4, flags ?? 0, true);
    view.setBigUint64(at + 8, BigInt(offset ?? 0), true);
    view.setBigUint64(at + 16, BigInt(address ?? 0), true);
    view.setBigUint64(at + 40, 0x100n, true);
  }
  let end = 0x600;
  for (const { provider = 'skep', name = 'step', args = '', address = 0x2010, semaphore = 0, ...rest } of probes) {
    const content = `${provider}\0${name}\0${args}\0`;
    view.setUint32(end, 8, true);
    view.setUint32(end + 4, 24 + content.length, true);
    view.setUint32(end + 8, rest.type ?? 3, true);
    put(end + 12, 'stapsdt');
    for (const [i, number] of [address, rest.base ?? 0x2080, semaphore].entries())
      view.setBigUint64(end + 20 + 8 * i, BigInt(number), true);
    put(end + 44, content);
    end += 20 + Math.ceil((24 + content.length) / 4) * 4;
  }
  put(0x300, '\0.note.stapsdt\0.stapsdt.base\0');
  const section = (i: number, name: number, kind: number, address: number, offset: number, size: number) => {
    const at = 0x100 + 64 * i;
    view.setUint32(at, name, true);
    view.setUint32(at + 4, kind, true);
    view.setBigUint64(at + 16, BigInt(address), true);
    view.setBigUint64(at + 24, BigInt(offset), true);
    view.setBigUint64(at + 32, BigInt(size), true);
  };
  section(1, 1, notes, 0, 0x600, end - 0x600);
  section(2, 15, 1, base, 0x480, 1);
  section(3, 0, 3, 0, 0x300, 0x40);
  return bytes;
}

describe('USDT probes of a program', () => {
  it('are found with all their places', () => {
    const step = { args: '-4@%eax 8@$5' };
    const found = usdtProbe(
      program([step, { name: 'other' }, { ...step, address: 0x2020, semaphore: 0x5004 }]),
      'skep',
      'step',
    );
    expect(found).toEqual({
      machine: 62,
      fixed: false,
      places: [
        { offset: 0x410, address: 0x2010, semaphore: 0, args: '-4@%eax 8@$5' },
        { offset: 0x420, address: 0x2020, semaphore: 0x504, args: '-4@%eax 8@$5' },
      ],
    });
  });

  it.each([
    ['a program that is not moved', program([{}], { type: 2 }), { fixed: true }],
    ['no arguments, as some write it', program([{ args: ':' }]), { places: [{ args: '' }] }],
    ['a program that was moved', program([{ address: 0x1010, base: 0x1080 }]), { places: [{ address: 0x2010 }] }],
    ['a program without a base', program([{ base: 0 }]), { places: [{ address: 0x2010 }] }],
    ['notes of others', program([{ type: 1 }, { type: 4 }, {}]), { places: [{ address: 0x2010 }] }],
  ])('%s', (_what, bytes, want) => {
    expect(usdtProbe(bytes, 'skep', 'step')).toMatchObject(want);
  });

  it.each([
    ['no such probe', program([{ name: 'steps' }, { provider: 'ske' }]), 'it has skep:steps, ske:step'],
    ['many others', program(Array.from({ length: 12 }, (_, i) => ({ name: `p${i}` }))), 'skep:p7, …'],
    ['no notes', program([], {}), 'it has none at all'],
    ['a section of another type', program([{}], { notes: 1 }), 'it has none at all'],
    ['a probe outside of the code', program([{ address: DATA }]), '0x5000 as the address of code, which it is not'],
    ['a probe nowhere', program([{ address: 0x9000 }]), '0x9000 as the address of code'],
    ['a counter in the code', program([{ semaphore: TEXT }]), '0x2000 as the address of a variable'],
    ['no program', new Uint8Array(10), 'no ELF file'],
    ['an object', program([{}], { type: 1 }), 'no executable'],
  ])('not %s', (_what, bytes, message) => {
    expect(() => usdtProbe(bytes, 'skep', 'step')).toThrow(ObjectError);
    expect(() => usdtProbe(bytes, 'skep', 'step')).toThrow(message);
  });

  it('a damaged program is refused by an ObjectError, or read', () => {
    const whole = program([{ args: '-4@%eax' }, { semaphore: 0x5004 }]);
    const change = fc.tuple(fc.nat(0x6c0), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), (changes) => {
        const bytes = whole.slice();
        for (const [at, byte] of changes) bytes[at] = byte;
        try {
          expect(usdtProbe(bytes, 'skep', 'step').places.length).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toBeInstanceOf(ObjectError);
        }
      }),
      { seed: 1, numRuns: 3000 },
    );
  });
});
