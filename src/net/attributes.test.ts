import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../bytes/hex.ts';
import { BpfError } from '../errors.ts';
import { TCA, TCA_ACT, TCA_BPF } from '../uapi/netlink.ts';
import { decodeAttributes, encodeAttribute, encodeAttributes, listAttributes } from './attributes.ts';

function bytes(hex: string): Uint8Array {
  const found = fromHex(hex);
  if (found === undefined) throw new Error(`bad hex in the test: ${hex}`);
  return found;
}

describe('attributes', () => {
  it('encodes in the order of the numbers, padded to four bytes', () => {
    expect(toHex(encodeAttributes(TCA, { TCA_CHAIN: 2, TCA_KIND: 'bpf' }))).toBe('080001006270660008000b0002000000');
    expect(toHex(encodeAttributes(TCA, { TCA_KIND: 'clsact' }))).toBe('0b000100636c736163740000');
  });

  it('skips what the table does not have, and takes the last of several', () => {
    const unknown = encodeAttribute(99, Uint8Array.of(1, 2, 3));
    const list = new Uint8Array([
      ...unknown,
      ...encodeAttribute(11, Uint8Array.of(1, 0, 0, 0)),
      ...encodeAttribute(11, Uint8Array.of(2, 0, 0, 0)),
    ]);
    expect(decodeAttributes(TCA, list)).toEqual({ TCA_CHAIN: 2 });
  });

  it('sets the bit of a nest, and ignores it', () => {
    const nested = encodeAttributes(TCA_ACT, { TCA_ACT_OPTIONS: Uint8Array.of(1) });
    expect(toHex(nested)).toBe('0500028001000000');
    expect(decodeAttributes(TCA, nested)).toEqual({ TCA_OPTIONS: Uint8Array.of(1) });
  });

  it('reads a string to its NUL, or to the end', () => {
    expect(decodeAttributes(TCA, bytes('08000100 76657468'))).toEqual({ TCA_KIND: 'veth' });
    expect(decodeAttributes(TCA, bytes('08000100 62706600'))).toEqual({ TCA_KIND: 'bpf' });
  });

  it.each<[string, string, string]>([
    ['a length below the header', '03000100', 'EINVAL'],
    ['a length past the end', '09000100 00000000', 'EINVAL'],
    ['a u32 of two bytes', '06000b00 0100 0000', 'ERANGE'],
  ])('refuses %s', (_name, hex, code) => {
    expect(() => decodeAttributes(TCA, bytes(hex))).toThrow(expect.objectContaining({ name: 'SysError', code }));
  });

  it('refuses a payload that a u16 cannot count', () => {
    expect(() => encodeAttribute(1, new Uint8Array(0xffff))).toThrow(expect.objectContaining({ code: 'EMSGSIZE' }));
  });

  it('gives back what it was given', () => {
    const values = fc.record(
      {
        TCA_BPF_ACT: fc.uint8Array({ maxLength: 40 }),
        TCA_BPF_CLASSID: fc.integer({ min: 0, max: 0xffffffff }),
        TCA_BPF_OPS_LEN: fc.integer({ min: 0, max: 0xffff }),
        TCA_BPF_OPS: fc.uint8Array({ maxLength: 40 }),
        TCA_BPF_NAME: fc.string({ maxLength: 20, unit: 'grapheme-ascii' }),
        TCA_BPF_TAG: fc.uint8Array({ minLength: 8, maxLength: 8 }),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(values, (given) => {
        expect(decodeAttributes(TCA_BPF, encodeAttributes(TCA_BPF, given))).toEqual(given);
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it('ends on any bytes, with an error of its own at worst', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (any) => {
        try {
          expect(listAttributes(any).length).toBeLessThanOrEqual(any.length / 4);
        } catch (error) {
          expect(error).toBeInstanceOf(BpfError);
        }
      }),
      { seed: 1, numRuns: 500 },
    );
  });
});
