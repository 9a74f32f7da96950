import { Cursor } from '../bytes/cursor.ts';
import { ObjectError } from '../errors.ts';
import { CapturedFrames, checkLinkType } from './captured-frames.ts';
import { PCAPNG_MAGIC, readPcapng } from './pcapng.ts';

/** The format's magic numbers: microseconds and nanoseconds, in the writer's byte order. */
const MAGICS = [0xa1b2c3d4, 0xa1b23c4d];

/**
 * The Ethernet frames of a pcap or a pcapng file. Throws ObjectError with the offset if it is damaged.
 *
 * The format is 24 bytes of header and 16 before each packet; the packages that read it are either bindings to libpcap or unmaintained.
 */
export function readPcap(bytes: Uint8Array): Uint8Array[] {
  if (bytes.length < 24) throw new ObjectError(`a pcap file has a header of 24 bytes, this has ${bytes.length}`);
  const magic = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const little = MAGICS.includes(magic);
  const cursor = new Cursor(bytes, little);
  if (magic === PCAPNG_MAGIC) return readPcapng(bytes);
  if (!MAGICS.includes(cursor.u32()))
    throw new ObjectError(`this is no pcap file; it starts with 0x${magic.toString(16)}`, { offset: 0 });
  cursor.offset = 20;
  checkLinkType(cursor.u32() & 0xffff, 20);
  const found = new CapturedFrames();
  while (cursor.left > 0) {
    const at = cursor.offset;
    cursor.take(8); // the time
    const captured = cursor.u32();
    cursor.take(4); // the length before it was cut
    found.check(captured, at);
    found.add(cursor.take(captured));
  }
  return found.frames;
}
