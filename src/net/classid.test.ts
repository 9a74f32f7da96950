import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatClassid, parseClassid } from './classid.ts';

describe('classid', () => {
  it.each<[string, number | undefined]>([
    ['root', 0xffffffff],
    ['none', 0],
    ['1:2', 0x10002],
    ['ffff:fff1', 0xfffffff1],
    ['ffff:', 0xffff0000],
    [':a', 0xa],
    ['FFFF:FFF2', 0xfffffff2],
    ['0x1:0x2', 0x10002],
    ['12345678', 0x12345678],
    ['1', 1],
    ['', undefined],
    [':', undefined],
    ['10000:', undefined],
    [':10000', undefined],
    ['123456789', undefined],
    ['1:2:3', undefined],
    ['1:g', undefined],
    [' 1:', undefined],
    ['ffffffffffffffffffffffffffffff:1', undefined],
  ])('parses %j', (text, want) => {
    expect(parseClassid(text)).toBe(want);
  });

  it.each<[number, string]>([
    [0xffffffff, 'root'],
    [0, 'none'],
    [0x10002, '1:2'],
    [0xffff0000, 'ffff:'],
    [0xfffffff2, 'ffff:fff2'],
    [0xa, ':a'],
  ])('prints %d', (classid, want) => {
    expect(formatClassid(classid)).toBe(want);
  });

  it('reads back what it prints', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffffff }), (classid) => {
        expect(parseClassid(formatClassid(classid))).toBe(classid);
      }),
      { seed: 1, numRuns: 200 },
    );
  });
});
