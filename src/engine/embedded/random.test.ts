import { expect, it } from 'vitest';
import { createRandom } from './random.ts';

const take = (seed: number, count: number): number[] => Array.from({ length: count }, createRandom(seed));

it('the same seed gives the same numbers, another one others', () => {
  expect(take(1, 8)).toEqual(take(1, 8));
  expect(take(1, 8)).not.toEqual(take(2, 8));
});

it('numbers are unsigned words, and every bit comes and goes', () => {
  const numbers = take(3, 1000);
  expect(numbers.every((n) => Number.isInteger(n) && n >= 0 && n < 2 ** 32)).toBe(true);
  for (let bit = 0; bit < 32; bit++) {
    const ones = numbers.filter((n) => (n >>> bit) & 1).length;
    expect(ones).toBeGreaterThan(400);
    expect(ones).toBeLessThan(600);
  }
});
