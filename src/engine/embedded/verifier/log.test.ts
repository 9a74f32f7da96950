import { describe, expect, it } from 'vitest';
import { LogText } from './log.ts';

const BPF_LOG_LEVEL2 = 2;
const BPF_LOG_FIXED = 8;

function written(level: number, room: number, pieces: readonly string[]): LogText {
  const log = new LogText(level, room);
  for (const piece of pieces) log.write(piece);
  return log;
}

describe('the log of the verifier', () => {
  const PIECES = ['one ', 'two ', 'three ', 'four '];

  it('keeps the end, of at least as many characters as there is room for', () => {
    const log = written(1, 7, PIECES);
    expect([log.text.trim(), log.length, log.longest]).toEqual(['three four', 19, 19]);
  });

  it('keeps the beginning, with BPF_LOG_FIXED', () => {
    const log = written(1 | BPF_LOG_FIXED, 7, PIECES);
    expect([log.text, log.length, log.longest]).toEqual(['one two ', 19, 19]);
  });

  it.each([
    ['a whole piece', 8, 'one two '],
    ['a part of one', 6, 'one tw'],
    ['all', 0, ''],
    ['nothing', 19, 'one two three four '],
  ])('is cut: %s', (_, length, text) => {
    for (const level of [1, 1 | BPF_LOG_FIXED]) {
      const log = written(level, 100, PIECES);
      log.cut(length);
      expect([log.text, log.length, log.longest]).toEqual([text, length, 19]);
    }
  });

  it('goes on where it was cut, though what was there is not kept', () => {
    const log = written(1, 3, PIECES);
    log.cut(2);
    log.write('more');
    expect([log.text, log.length]).toEqual(['more', 6]);
    const fixed = written(1 | BPF_LOG_FIXED, 7, PIECES);
    fixed.cut(9);
    fixed.write('more');
    expect([fixed.length, fixed.longest]).toEqual([13, 19]);
    fixed.cut(4);
    fixed.write('more');
    expect(fixed.text).toBe('one more');
  });

  it('forgets paths, but at level 2', () => {
    const texts = [1, BPF_LOG_LEVEL2].map((level) => {
      const log = written(level, 100, PIECES);
      log.leavePath(4);
      return log.text;
    });
    expect(texts).toEqual(['one ', 'one two three four ']);
  });

  it('keeps no more than it has to, however long it gets', () => {
    const log = written(
      1,
      100,
      Array.from({ length: 100_000 }, () => '0123456789'),
    );
    expect([log.text.length, log.length]).toEqual([100, 1_000_000]);
  });
});
