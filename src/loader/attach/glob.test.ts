import { describe, expect, it } from 'vitest';
import { cpuMs } from '../../../test/support/cpu.ts';
import { globMatcher } from './glob.ts';

describe('patterns', () => {
  it.each([
    ['vfs_*', 'vfs_read', true],
    ['vfs_*', 'xvfs_read', false],
    ['*', '', true],
    ['', '', true],
    ['', 'a', false],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['*a*b', 'xaxxab', true],
    ['*a*b', 'xaxxabc', false],
    ['a**b', 'ab', true],
  ])('%s and %s: %s', (pattern, text, want) => {
    expect(globMatcher(pattern)(text)).toBe(want);
  });

  it('end soon, whatever they are', () => {
    const start = cpuMs();
    expect(globMatcher(`${'*a'.repeat(200)}b`)('a'.repeat(5000))).toBe(false);
    expect(cpuMs() - start).toBeLessThan(2000);
  });
});
