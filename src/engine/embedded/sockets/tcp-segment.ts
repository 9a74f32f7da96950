import { concatBytes } from '../../../bytes/plain.ts';
import { transportChecksum } from '../inet/checksum.ts';
import { IPPROTO_TCP, type IpPacket } from '../inet/packet.ts';

export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const PSH = 0x08;
export const ACK = 0x10;

export const TCP_HEADER = 20;
/** Bytes of the options of every segment but the first ones: padding and timestamps. */
export const TIMESTAMP_OPTION = 12;
/** Our window's scale: 7 bits. */
export const WINDOW_SCALE = 7;

/** Bytes of options that a header has room for. */
export const MAX_OPTIONS = 40;

export const OPTION = { end: 0, nop: 1, mss: 2, scale: 3, sackPermitted: 4, timestamps: 8 } as const;
/** Options that a stack has something to do with, whether it does or not. Source: what Linux 6.18 does not call unknown. */
const KNOWN: ReadonlySet<number> = new Set([2, 3, 4, 5, 8, 19, 34, 172, 174]);

export interface Segment {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly seq: number;
  readonly ack: number;
  /** FIN, SYN, RST, PSH, ACK. */
  readonly flags: number;
  /** As it is in the header: not scaled. */
  readonly window: number;
  readonly mss: number | undefined;
  readonly scale: number | undefined;
  /** Value and echo reply. */
  readonly timestamps: readonly [number, number] | undefined;
  readonly payload: Uint8Array;
}

export interface ReceivedSegment extends Segment {
  /** As it came, from its header on. */
  readonly bytes: Uint8Array;
  /** It has options that no stack knows. */
  readonly unknown: boolean;
}

/** Of a packet that has at least a header. `undefined` if the header does not fit into it. */
export function parseSegment({ payload }: IpPacket): ReceivedSegment | undefined {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const header = 4 * (view.getUint8(12) >> 4);
  if (header < TCP_HEADER || header > payload.length) return undefined;
  return {
    sourcePort: view.getUint16(0),
    destinationPort: view.getUint16(2),
    seq: view.getUint32(4),
    ack: view.getUint32(8),
    flags: view.getUint8(13),
    window: view.getUint16(14),
    ...parseOptions(payload.subarray(TCP_HEADER, header)),
    payload: payload.subarray(header),
    bytes: payload,
  };
}

function parseOptions(bytes: Uint8Array): Pick<ReceivedSegment, 'mss' | 'scale' | 'timestamps' | 'unknown'> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let mss: number | undefined;
  let scale: number | undefined;
  let timestamps: readonly [number, number] | undefined;
  let unknown = false;
  for (let at = 0; at < bytes.length; ) {
    const kind = view.getUint8(at);
    if (kind === OPTION.end) break;
    if (kind === OPTION.nop) {
      at++;
      continue;
    }
    const length = bytes[at + 1] ?? 0;
    if (length < 2 || at + length > bytes.length) break;
    if (kind === OPTION.mss && length === 4) mss = view.getUint16(at + 2);
    if (kind === OPTION.scale && length === 3) scale = Math.min(14, view.getUint8(at + 2));
    if (kind === OPTION.timestamps && length === 10) timestamps = [view.getUint32(at + 2), view.getUint32(at + 6)];
    if (!KNOWN.has(kind)) unknown = true;
    at += length;
  }
  return { mss, scale, timestamps, unknown };
}

/** Who adds options to those that a segment has of itself. */
export interface OptionWriter {
  /** Bytes of the `room` that is left: whole words. */
  reserve(room: number): number;
  /** Fills the last `reserved` bytes of the header. */
  write(bytes: Uint8Array, reserved: number): void;
}

/** The bytes of a segment between two addresses, with its checksum. Options in the order in which Linux puts them. */
export function encodeSegment(
  source: Uint8Array,
  destination: Uint8Array,
  segment: Segment,
  writer?: OptionWriter,
): Uint8Array {
  const options = encodeOptions(segment);
  const reserved = writer?.reserve(MAX_OPTIONS - options.length) ?? 0;
  const header = new Uint8Array(TCP_HEADER);
  const view = new DataView(header.buffer);
  view.setUint16(0, segment.sourcePort);
  view.setUint16(2, segment.destinationPort);
  view.setUint32(4, segment.seq);
  view.setUint32(8, segment.ack);
  view.setUint8(12, ((TCP_HEADER + options.length + reserved) / 4) << 4);
  view.setUint8(13, segment.flags);
  view.setUint16(14, segment.window);
  const bytes = concatBytes([header, options, new Uint8Array(reserved), segment.payload]);
  writer?.write(bytes, reserved);
  new DataView(bytes.buffer).setUint16(16, transportChecksum(source, destination, IPPROTO_TCP, bytes));
  return bytes;
}

function encodeOptions({ mss, scale, timestamps }: Segment): Uint8Array {
  const options: number[] = [];
  if (mss !== undefined) options.push(OPTION.mss, 4, mss >> 8, mss & 0xff, OPTION.sackPermitted, 2);
  else if (timestamps !== undefined) options.push(OPTION.nop, OPTION.nop);
  if (timestamps !== undefined) options.push(OPTION.timestamps, 10, ...timestamps.flatMap(bytesOf));
  if (scale !== undefined) options.push(OPTION.nop, OPTION.scale, 3, scale);
  return Uint8Array.from(options);
}

function bytesOf(n: number): number[] {
  return [n >>> 24, (n >>> 16) & 0xff, (n >>> 8) & 0xff, n & 0xff];
}

/** Sequence numbers go round: `a` comes before `b`. */
export function before(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}
