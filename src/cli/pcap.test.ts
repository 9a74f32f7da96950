import { describe, expect, it } from 'vitest';
import { readPcap } from './pcap.ts';

/** A pcap file of these frames. */
function pcap(
  frames: readonly number[],
  options: { little?: boolean; linkType?: number; captured?: number } = {},
): Uint8Array {
  const { little = true, linkType = 1, captured } = options;
  const bytes = new Uint8Array(24 + frames.reduce((sum, length) => sum + 16 + length, 0));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0xa1b2c3d4, little);
  view.setUint32(20, linkType, little);
  let at = 24;
  for (const length of frames) {
    view.setUint32(at + 8, captured ?? length, little);
    bytes.fill(length, at + 16, at + 16 + length);
    at += 16 + length;
  }
  return bytes;
}

describe('readPcap', () => {
  it.each([true, false])('reads frames, little-endian: %s', (little) => {
    expect(readPcap(pcap([14, 60], { little })).map((frame) => [frame.length, frame[0]])).toEqual([
      [14, 14],
      [60, 60],
    ]);
  });

  it.each<[string, Uint8Array, string]>([
    ['an empty file', new Uint8Array(0), 'a pcap file has a header of 24 bytes, this has 0'],
    ['something else', new Uint8Array(24), 'this is no pcap file; it starts with 0x0'],
    ['another link type', pcap([], { linkType: 101 }), 'its packets are of link type 101, not 1 (Ethernet)'],
    ['half a packet', pcap([60]).subarray(0, 50), '60 bytes are expected here, but only 10 are left'],
    ['a huge packet', pcap([60], { captured: 0x7fffffff }), 'a packet of 2147483647 bytes is longer than'],
    ['a tiny packet', pcap([5]), 'a packet of 5 bytes is shorter than its Ethernet header'],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => readPcap(bytes)).toThrow(
      expect.objectContaining({ name: 'ObjectError', message: expect.stringContaining(message) }),
    );
  });
});
