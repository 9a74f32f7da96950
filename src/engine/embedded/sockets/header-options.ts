import type { SavedSyn } from './saved-syn.ts';
import type { ShownSegment } from './sock-ops-call.ts';
import type { Socket } from './socket.ts';
import { SOCK_OPS } from './socket-hooks.ts';
import { OPTION, type OptionWriter, type ReceivedSegment } from './tcp-segment.ts';

/** BPF_SOCK_OPS_*_CB_FLAG. */
const [PARSE_ALL, PARSE_UNKNOWN, WRITE] = [1 << 4, 1 << 5, 1 << 6];
/** BPF_WRITE_HDR_TCP_CURRENT_MSS: there is no segment yet. */
const CURRENT_MSS = 1;
const EMPTY = new Uint8Array(0);

/** A segment that is about to be sent, as far as it is known. */
export interface Outgoing {
  readonly flags: number;
  readonly payload: Uint8Array;
  /** Of an answer to a SYN that has just come: that. */
  readonly syn?: SavedSyn | undefined;
}

/** The options that programs add to a segment of a socket. */
export function optionsBy(socket: Socket, segment: Outgoing): OptionWriter {
  return {
    reserve(room) {
      const reserved = reserveOptions(socket, room, segment);
      // Nobody marks packets here, whatever they answer.
      if (segment.syn !== undefined) socket.hooks.sockOps(socket, { op: SOCK_OPS.needsEcn });
      return reserved;
    },
    write: (bytes, reserved) => writeOptions(socket, bytes, reserved, segment.syn),
  };
}

/**
 * Bytes of its header that programs want for options of their own, `room` at most; whole words, as headers are counted. Without a segment they are asked how
 * much there will be, so that all fits into one.
 */
export function reserveOptions(socket: Socket, room: number, segment?: Outgoing): number {
  if ((socket.sockOpsFlags & WRITE) === 0 || room === 0) return 0;
  const call = {
    op: SOCK_OPS.hdrOptLen,
    args: [segment === undefined ? CURRENT_MSS : 0],
    segment: segment && { bytes: EMPTY, end: 0, length: segment.payload.length, flags: segment.flags },
    syn: segment?.syn,
    room,
  };
  socket.hooks.sockOps(socket, call);
  return (room - call.room + 3) & ~3;
}

/** Lets programs fill the last `reserved` bytes of a segment's header. */
function writeOptions(socket: Socket, bytes: Uint8Array, reserved: number, syn: SavedSyn | undefined): void {
  if (reserved === 0) return;
  const shown = showSegment(bytes);
  const from = shown.end - reserved;
  const call = { op: SOCK_OPS.writeHdrOpt, segment: { ...shown, end: from }, syn, room: reserved };
  socket.hooks.sockOps(socket, call);
  bytes.fill(OPTION.nop, from + reserved - call.room, shown.end);
}

/** Shows programs a segment of a connection that stands, if they have asked for it. */
export function parseOptionsBy(socket: Socket, { bytes, unknown }: ReceivedSegment): void {
  const wanted = PARSE_ALL | (unknown ? PARSE_UNKNOWN : 0);
  if ((socket.sockOpsFlags & wanted) !== 0)
    socket.hooks.sockOps(socket, { op: SOCK_OPS.parseHdr, segment: showSegment(bytes) });
}

export function showSegment(bytes: Uint8Array): ShownSegment {
  return { bytes, end: 4 * ((bytes[12] ?? 0) >> 4), length: bytes.length, flags: bytes[13] ?? 0 };
}
