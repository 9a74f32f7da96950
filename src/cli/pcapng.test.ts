import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BpfError } from '../errors.ts';
import { readPcap } from './pcap.ts';

type Words = readonly number[];

/** A block: its body as words, and bytes behind them. */
function block(type: number, words: Words, data = 0, little = true): Uint8Array {
  const length = 12 + 4 * words.length + Math.ceil(data / 4) * 4;
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  for (const [i, word] of [type, length, ...words].entries()) view.setUint32(4 * i, word, little);
  bytes.fill(data, 8 + 4 * words.length, 8 + 4 * words.length + data);
  view.setUint32(length - 4, length, little);
  return bytes;
}
const file = (...blocks: readonly Uint8Array[]) => Uint8Array.from(blocks.flatMap((bytes) => [...bytes]));
const section = (little = true) => block(0x0a0d0d0a, [0x1a2b3c4d, 1, 0xffffffff, 0xffffffff], 0, little);
/** Link type 1, snap length 96. */
const ethernet = (little = true, linkType = 1) => block(1, [little ? linkType : linkType << 16, 96], 0, little);
const packet = (length: number, little = true, on = 0) => block(6, [on, 0, 0, length, length], length, little);

describe('pcapng', () => {
  it.each([true, false])('packets of a section, little-endian: %s', (little) => {
    const frames = readPcap(file(section(little), ethernet(little), packet(14, little), packet(61, little)));
    expect(frames.map((frame) => [frame.length, frame[0]])).toEqual([
      [14, 14],
      [61, 61],
    ]);
  });

  it.each<[string, Uint8Array, readonly number[]]>([
    ['no packets', file(section()), []],
    ['blocks of other kinds', file(section(), block(5, [0, 0, 0]), ethernet(), block(0xbad, [1]), packet(20)), [20]],
    [
      'simple packets, cut off at the snap length',
      file(section(), ethernet(), block(3, [20], 20), block(3, [500], 96)),
      [20, 96],
    ],
    ['packets of the old kind', file(section(), ethernet(), block(2, [0, 0, 0, 30, 30], 30)), [30]],
    ['the second interface', file(section(), ethernet(true, 101), ethernet(), packet(40, true, 1)), [40]],
    [
      'two sections, in either byte order',
      file(section(), ethernet(), packet(15), section(false), ethernet(false), packet(16, false)),
      [15, 16],
    ],
  ])('%s', (_, bytes, want) => {
    expect(readPcap(bytes).map((frame) => frame.length)).toEqual(want);
  });

  it.each<[string, Uint8Array, string]>([
    ['half a block', file(section(), ethernet(), packet(60)).subarray(0, 80), 'a block of pcapng says that it is'],
    [
      'a block without an end',
      file(section(), block(1, []).fill(0, 4)),
      'a block of pcapng says that it is 0 bytes long',
    ],
    ['a section without a byte order', block(0x0a0d0d0a, [0, 0, 0, 0]), 'a section of pcapng has no byte order'],
    ['an interface that there is not', file(section(), packet(60)), 'a packet is of interface 0, which there is not'],
    [
      'interfaces of the section before',
      file(section(), ethernet(), section(), packet(60)),
      'a packet is of interface 0',
    ],
    ['another link type', file(section(), ethernet(true, 101), packet(60)), 'its packets are of link type 101'],
    [
      'a packet longer than its block',
      file(section(), ethernet(), block(6, [0, 0, 0, 100, 100], 20)),
      '100 bytes are expected here',
    ],
    ['a tiny packet', file(section(), ethernet(), packet(5)), 'shorter than its Ethernet header'],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => readPcap(bytes)).toThrow(
      expect.objectContaining({ name: 'ObjectError', message: expect.stringContaining(message) }),
    );
  });

  it('throws nothing of others, whatever the bytes', () => {
    const whole = file(section(), ethernet(), packet(20), block(3, [20], 20), block(2, [0, 0, 0, 20, 20], 20));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 4 }),
        fc.nat(whole.length),
        (changes, end) => {
          const bytes = whole.slice(0, end);
          for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte;
          try {
            readPcap(bytes);
          } catch (error) {
            if (!(error instanceof BpfError)) throw error;
          }
        },
      ),
      { seed: 11, numRuns: 2000 },
    );
  });
});
