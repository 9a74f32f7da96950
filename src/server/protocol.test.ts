import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeFrame, encodeFrame, FrameReader, MAX_BLOB, MAX_TEXT } from './protocol.ts';

const value: fc.Arbitrary<unknown> = fc.oneof(
  fc.integer(),
  fc.string(),
  fc.boolean(),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
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
    const header = new Uint8Array(8);
    new DataView(header.buffer).setUint32(0, MAX_TEXT + 1, true);
    expect(() => new FrameReader().push(header)).toThrow("is longer than the socket's limit");
  });
});

describe('foreign frames', () => {
  /** A frame with this text and no blob. */
  function frame(text: string): Uint8Array {
    const bytes = new TextEncoder().encode(text);
    const all = new Uint8Array(8 + bytes.length);
    new DataView(all.buffer).setUint32(0, bytes.length, true);
    all.set(bytes, 8);
    return all;
  }

  it.each([
    ['no JSON', '{'],
    ['no array', '{"a":1}'],
    ['no id', '["bpf"]'],
    ['a buffer that is not there', '[1,"read",{"$b":[0,10,10]}]'],
    ['a buffer with more used than length', '[1,"read",{"$b":[0,0,-1]}]'],
    ['a buffer that would fill the memory', '[1,"read",{"$b":[0,0,1099511627776]}]'],
    [
      'many buffers that together would',
      `[1,"read",${Array.from({ length: 9 }, () => '{"$b":[0,0,16777216]}').join(',')}]`,
    ],
    ['odd words', '[1,"bpf",{"$w":[0,0,3]}]'],
    ['a number that is none', '[1,"bpf",{"$n":"abc"}]'],
    ['too many levels', `${'['.repeat(50)}1${']'.repeat(50)}`],
  ])('with %s are no messages', (_, text) => {
    expect(decodeFrame(frame(text))).toBeUndefined();
  });

  it('of any bytes do no harm', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const message = decodeFrame(new Uint8Array(bytes));
        expect(message === undefined || Array.isArray(message)).toBe(true);
      }),
      { seed: 22, numRuns: 500 },
    );
  });
});
