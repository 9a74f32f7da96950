import { describe, expect, it } from 'vitest';
import { parseNumber, Words } from './words.ts';

describe('Words', () => {
  it('matches a prefix, and of several keywords the first', () => {
    const words = new Words(['s', 'sh', 'x']);
    expect(words.keyword('section', 'show')).toBe('section');
    expect(words.keyword('section', 'show')).toBe('show');
    expect(words.keyword('section', 'show')).toBeUndefined();
    expect(words.peek()).toBe('x');
  });

  it('matches exactly where no abbreviation is allowed', () => {
    const words = new Words(['pa', 'parent']);
    expect(words.exact('parent')).toBeUndefined();
    words.next('a word');
    expect(words.exact('parent')).toBe('parent');
  });

  it('says what is missing, and what is too much', () => {
    const words = new Words(['extra']);
    expect(() => words.end()).toThrow("what is 'extra'?");
    expect(() => words.expect('id', 'name')).toThrow("'id' or 'name' expected, got 'extra'");
    words.next('a word');
    expect(() => words.next('the path of the pinned map')).toThrow(
      'the path of the pinned map is missing at the end of the command',
    );
    expect(() => words.expect('id')).toThrow("'id' expected at the end of the command");
  });
});

describe('parseNumber', () => {
  it.each([
    ['10', 10],
    ['0x10', 16],
    ['010', 8],
    ['0', 0],
  ])('%s is %i', (text, n) => {
    expect(parseNumber(text, 'n')).toBe(n);
  });

  it.each(['', 'ten', '1.5', '-1', '0x', '1e3'])('%j is no number', (text) => {
    expect(() => parseNumber(text, 'the id of the map')).toThrow(`the id of the map: '${text}' is no number`);
  });

  it('keeps its bounds', () => {
    expect(() => parseNumber('4294967296', 'n')).toThrow('n: 4294967296 is not between 0 and 4294967295');
  });
});
