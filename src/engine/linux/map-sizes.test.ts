import { describe, expect, it } from 'vitest';
import { countCpus } from './map-sizes.ts';

describe('possible CPUs', () => {
  it.each([
    ['0\n', 1],
    ['0-3\n', 4],
    ['0,2-3\n', 3],
    ['0-1,4-7', 6],
  ])('in %j are counted', (list, want) => {
    expect(countCpus(list)).toBe(want);
  });
});
