import { expect, it } from 'vitest';
import { Clock } from './clock.ts';

it('a manual clock moves only when it is told to, and never back', () => {
  const clock = new Clock('manual');
  clock.advance(5n);
  clock.advance(-3n);
  expect([clock.now(), clock.now()]).toEqual([5n, 5n]);
});

it('a monotonic clock can be moved ahead', () => {
  const clock = new Clock();
  const before = clock.now();
  clock.advance(10_000_000_000n);
  expect(clock.now() - before).toBeGreaterThanOrEqual(10_000_000_000n);
});
