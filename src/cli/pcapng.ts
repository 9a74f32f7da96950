import { Cursor } from '../bytes/cursor.ts';
import { ObjectError } from '../errors.ts';
import { CapturedFrames, checkLinkType } from './captured-frames.ts';

/** The type of the block that begins a section: the same in either byte order. */
export const PCAPNG_MAGIC = 0x0a0d0d0a;
const BYTE_ORDER = 0x1a2b3c4d;
const INTERFACE = 1;
const OLD_PACKET = 2;
const SIMPLE_PACKET = 3;
const PACKET = 6;

interface Interface {
  readonly linkType: number;
  /** Bytes of a packet that are kept; 0: all. */
  readonly snapLength: number;
}

/**
 * The Ethernet frames of a pcapng file. Throws ObjectError with the offset if it is damaged.
 *
 * A file is blocks, in sections with a byte order and interfaces of their own; those that hold no packets are skipped:
 *
 *     0        4          8
 *     +--------+----------+----------- … -+----------+
 *     | type   | length   | body          | length   |    both lengths count the whole block, a multiple of 4
 *     +--------+----------+----------- … -+----------+
 */
export function readPcapng(bytes: Uint8Array): Uint8Array[] {
  const found = new CapturedFrames();
  let little = true;
  let interfaces: Interface[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (new Cursor(bytes.subarray(at), true).u32() === PCAPNG_MAGIC) {
      little = isLittleEndian(bytes, at);
      interfaces = [];
    }
    const cursor = new Cursor(bytes, little);
    cursor.offset = at;
    const type = cursor.u32();
    const length = cursor.u32();
    if (length < 12 || length % 4 !== 0 || length > bytes.length - at)
      throw new ObjectError(`a block of pcapng says that it is ${length} bytes long`, { offset: at });
    const block = new Cursor(bytes.subarray(0, at + length - 4), little);
    block.offset = at + 8;
    if (type === INTERFACE) interfaces.push(readInterface(block));
    else if (type === PACKET || type === OLD_PACKET || type === SIMPLE_PACKET)
      readPacket(found, block, type, interfaces);
    at += length;
  }
  return found.frames;
}

/** Of the section that begins at `at`. */
function isLittleEndian(bytes: Uint8Array, at: number): boolean {
  const order = bytes.subarray(at + 8);
  if (new Cursor(order, true).u32() === BYTE_ORDER) return true;
  if (new Cursor(order, false).u32() === BYTE_ORDER) return false;
  throw new ObjectError('a section of pcapng has no byte order', { offset: at });
}

function readInterface(block: Cursor): Interface {
  const linkType = block.u16();
  block.take(2);
  return { linkType, snapLength: block.u32() };
}

function readPacket(found: CapturedFrames, block: Cursor, type: number, interfaces: readonly Interface[]): void {
  const at = block.offset - 8;
  // A simple packet is of the first interface; the old kind has a number of 16 bits, and one of lost packets.
  const number = type === SIMPLE_PACKET ? 0 : type === PACKET ? block.u32() : block.u16();
  if (type === OLD_PACKET) block.take(2);
  const on = interfaces[number];
  if (on === undefined) throw new ObjectError(`a packet is of interface ${number}, which there is not`, { offset: at });
  checkLinkType(on.linkType, at);
  if (type !== SIMPLE_PACKET) block.take(8); // the time
  const given = block.u32();
  if (type !== SIMPLE_PACKET) block.take(4); // the length before it was cut
  const length = type === SIMPLE_PACKET && on.snapLength !== 0 ? Math.min(given, on.snapLength) : given;
  found.check(length, at);
  found.add(block.take(length));
}
