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

it.each([0n, 3_999_999n, 4_000_000n, 2n ** 33n * 4_000_000n + 1n, 2n ** 63n])('%i ns are words of ticks', (ns) => {
  const clock = new Clock('manual');
  clock.advance(ns);
  const ticks = ns / 4_000_000n;
  expect([clock.low(4_000_000), clock.high]).toEqual([
    Number(BigInt.asIntN(32, ticks)),
    Number(BigInt.asIntN(32, ticks >> 32n)),
  ]);
});
