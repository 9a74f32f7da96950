import { describe, expect, it } from 'vitest';
import { Words } from '../words.ts';
import { filterPlace, formatProtocol, parseProtocol } from './tc-words.ts';

describe('protocols', () => {
  it.each([
    ['all', 3],
    ['ip', 0x800],
    ['802.1Q', 0x8100],
    ['802.1ad', 0x88a8],
    ['2048', 0x800],
    ['0x800', 0x800],
    ['0x86DD', 0x86dd],
  ])('%s is %i', (word, number) => {
    expect(parseProtocol(word)).toBe(number);
  });

  it.each(['constructor', '__proto__', 'toString', 'nosuch', '', '65536', '0x10000', '12x'])('%s is none', (word) => {
    expect(() => parseProtocol(word)).toThrow(/^protocol/);
  });

  it('have the names that tc gives them', () => {
    expect([3, 0x800, 0x8100, 0x801].map(formatProtocol)).toEqual(['all', 'ip', '802.1Q', '[2049]']);
  });
});

describe('filterPlace', () => {
  it('refuses what is said twice', () => {
    expect(() => filterPlace(new Words(['dev', 'a', 'ingress', 'egress']))).toThrow('duplicate "parent"');
  });
});
