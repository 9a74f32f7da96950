import { expect, it } from 'vitest';
import { FrameSlices } from './frame-slices.ts';

/** Frames that are told apart by their lengths. */
const frames = (...lengths: readonly number[]): Uint8Array[] => lengths.map((length) => new Uint8Array(length));

/** The lengths of the frames of each call, until all were given. */
function slices(of: FrameSlices): number[][] {
  const calls: number[][] = [];
  for (let at = 0; at < of.length; ) at += of.call(at, (some) => calls.push(some.map(({ length }) => length))).frames;
  return calls;
}

it('gives out all frames, in order, so many times, twice as many at once while that is fast', () => {
  const calls = slices(new FrameSlices(frames(1, 2, 3, 4, 5), 8, 4));
  expect(calls.flat()).toEqual(Array(4).fill([1, 2, 3, 4, 5]).flat());
  expect(calls.every(({ length }) => length >= 1 && length <= 8)).toBe(true);
});

it('gives out few at once where a call takes long, and a frame by itself that is longer than all may be', () => {
  const slow = new FrameSlices(frames(1, 2, 3), 8);
  const wait = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3);
  for (let at = 0; at < slow.length; at++) expect(slow.call(at, wait).frames).toBe(1);
  expect(slices(new FrameSlices(frames(1, 2 << 20, 1), 8))).toEqual([[1], [2 << 20], [1]]);
});

it('calls with nothing where there is nothing', () => expect(slices(new FrameSlices([], 8, 3))).toEqual([]));
