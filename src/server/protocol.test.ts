import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeFrame } from './decode.ts';
import { encodeFrame } from './encode.ts';
import { FrameReader, MAX_BLOB, MAX_TEXT, TAG } from './protocol.ts';

const value: fc.Arbitrary<unknown> = fc.oneof(
  fc.integer(),
  fc.double({ noNaN: true }),
  fc.string(),
  fc.boolean(),
  fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
  fc.uint8Array({ maxLength: 64 }).map((bytes) => new Uint8Array(bytes)),
  fc.uint8Array({ maxLength: 64 }).map((bytes) => new Uint32Array(bytes)),
  fc.array(fc.integer(), { maxLength: 4 }),
  fc.record({ map_fd: fc.integer(), value: fc.uint8Array({ maxLength: 16 }).map((bytes) => new Uint8Array(bytes)) }),
);

describe('frames', () => {
  it('come out as they went in, however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(value, { maxLength: 4 }), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 50 }),
        (messages, step) => {
          const frames = messages.map((args, id) => encodeFrame([id, 'call', ...args]));
          const stream = new Uint8Array(frames.reduce((sum, frame) => sum + frame.length, 0));
          let at = 0;
          for (const frame of frames) {
            stream.set(frame, at);
            at += frame.length;
          }
          const reader = new FrameReader();
          const seen: unknown[] = [];
          for (let i = 0; i < stream.length; i += step)
            for (const frame of reader.push(stream.subarray(i, i + step))) seen.push(decodeFrame(frame));
          expect(seen).toEqual(messages.map((args, id) => [id, 'call', ...args]));
        },
      ),
      { seed: 21, numRuns: 200 },
    );
  });

  it('do not carry zeros', () => {
    const log = new Uint8Array(1 << 20);
    log[0] = 65;
    const frame = encodeFrame([1, true, log]);
    expect(frame.length).toBeLessThan(100);
    const back = decodeFrame(frame)?.[2];
    expect(back instanceof Uint8Array && Buffer.compare(back, log)).toBe(0);
  });

  it('may not be longer than the limits', () => {
    expect(() => encodeFrame([1, 'open', 'x'.repeat(MAX_TEXT)])).toThrow('bytes of text');
    expect(() => encodeFrame([1, 'bpf', new Uint8Array(MAX_BLOB + 1).fill(1)])).toThrow('bytes of data');
    expect(() => encodeFrame([1, 'bpf', new Uint8Array(100_000_000)])).toThrow(
      'bytes of buffers in one call, not 100000000',
    );
    const header = new Uint8Array(4);
    new DataView(header.buffer).setUint32(0, MAX_TEXT + MAX_BLOB + 1, true);
    expect(() => new FrameReader().push(header)).toThrow("is longer than the socket's limit");
  });
});

describe('foreign frames', () => {
  const u32 = (n: number) => [...new Uint8Array(new Uint32Array([n]).buffer)];
  const text = (name: string) => [...u32(name.length), ...new TextEncoder().encode(name)];
  /** A frame of message 1 with these bytes for values. */
  const frame = (...values: readonly number[]) => frameOf(values);
  const frameOf = (values: ArrayLike<number>) => {
    const bytes = new Uint8Array(12 + values.length);
    bytes.set([...u32(8 + values.length), 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]);
    bytes.set(values, 12);
    return bytes;
  };

  it('may hold any value', () => {
    expect(decodeFrame(frame(TAG.int, ...u32(7), TAG.object, ...u32(1), ...text('a'), TAG.true))).toEqual([
      1,
      7,
      { a: true },
    ]);
  });

  it.each<[string, Uint8Array]>([
    ['no id', new Uint8Array([...u32(4), 0, 0, 0, 0])],
    ['an id that is no number', new Uint8Array([...u32(8), 0, 0, 0, 0, 0, 0, 0xf8, 0x7f])],
    ['an unknown kind of value', frame(99)],
    ['half a number', frame(TAG.int, 1, 2)],
    ['a buffer that is not there', frame(TAG.bytes, ...u32(10), ...u32(10))],
    ['a buffer with more used than length', frame(TAG.bytes, ...u32(2), ...u32(1), 1, 2)],
    ['a buffer that would fill the memory', frame(TAG.bytes, ...u32(0), ...u32(0xffffffff))],
    [
      'many buffers that together would',
      frame(...Array.from({ length: 9 }, () => [TAG.bytes, ...u32(0), ...u32(1 << 23)]).flat()),
    ],
    ['odd words', frame(TAG.words, ...u32(0), ...u32(3))],
    ['a number that is none', frame(TAG.bigText, ...text('abc'))],
    ['a number of many digits', frame(TAG.bigText, ...text('1'.repeat(100)))],
    ['an array that is not there', frame(TAG.array, ...u32(0xffffffff), TAG.none)],
    ['a string that is not there', frame(TAG.string, ...u32(0xffffffff), 65)],
    ['a name that is none', frame(TAG.object, ...u32(1), ...text('__proto__'), TAG.none)],
    ['too many levels', frame(...Array.from({ length: 50 }, () => [TAG.array, ...u32(1)]).flat(), TAG.none)],
    ['too many values', frameOf(new Uint8Array(MAX_TEXT + 1))],
  ])('with %s are no messages', (_, bytes) => {
    expect(decodeFrame(bytes)).toBeUndefined();
  });

  it('of any bytes do no harm', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const message = decodeFrame(frameOf(bytes));
        expect(message === undefined || Array.isArray(message)).toBe(true);
      }),
      { seed: 22, numRuns: 500 },
    );
  });
});
