import { Cursor } from '../bytes/cursor.ts';
import { ObjectError } from '../errors.ts';

/** The format's magic numbers: microseconds and nanoseconds, in the writer's byte order. */
const MAGICS = [0xa1b2c3d4, 0xa1b23c4d];
const LINKTYPE_ETHERNET = 1;
/** Bytes of one packet, and packets of one file, at most. */
const MAX_PACKET = 1 << 18;
const MAX_PACKETS = 1 << 20;

/**
 * The Ethernet frames of a pcap file (not pcapng). Throws ObjectError with the offset if it is damaged.
 *
 * The format is 24 bytes of header and 16 before each packet; the packages that read it are either bindings to libpcap or unmaintained.
 */
export function readPcap(bytes: Uint8Array): Uint8Array[] {
  if (bytes.length < 24) throw new ObjectError(`a pcap file has a header of 24 bytes, this has ${bytes.length}`);
  const magic = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const little = MAGICS.includes(magic);
  const cursor = new Cursor(bytes, little);
  if (!MAGICS.includes(cursor.u32())) {
    const hint =
      magic === 0x0a0d0d0a
        ? 'it is pcapng: convert it with `tcpdump -r IN -w OUT`'
        : `it starts with 0x${magic.toString(16)}`;
    throw new ObjectError(`this is no pcap file; ${hint}`, { offset: 0 });
  }
  cursor.offset = 20;
  const linkType = cursor.u32() & 0xffff;
  if (linkType !== LINKTYPE_ETHERNET)
    throw new ObjectError(`its packets are of link type ${linkType}, not 1 (Ethernet)`, { offset: 20 });
  const frames: Uint8Array[] = [];
  while (cursor.left > 0) {
    const at = cursor.offset;
    cursor.take(8); // the time
    const captured = cursor.u32();
    cursor.take(4); // the length before it was cut
    if (captured > MAX_PACKET)
      throw new ObjectError(`a packet of ${captured} bytes is longer than ${MAX_PACKET}`, { offset: at });
    if (captured < 14)
      throw new ObjectError(`a packet of ${captured} bytes is shorter than its Ethernet header`, { offset: at });
    frames.push(new Uint8Array(cursor.take(captured)));
    if (frames.length > MAX_PACKETS)
      throw new ObjectError(`more than ${MAX_PACKETS} packets; split the file`, { offset: at });
  }
  return frames;
}
