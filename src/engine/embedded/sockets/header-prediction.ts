import type { TcpConnection } from './tcp-connection.ts';
import { ACK, before, PSH, type ReceivedSegment, TCP_HEADER, TIMESTAMP_OPTION } from './tcp-segment.ts';

/**
 * Whether a connection goes on as it has begun: nothing of the segment is new but its data and what it acknowledges. Linux does not look at it closely, and so does not
 * show it to programs that parse options. Source: what Linux 6.18 is seen to do; Van Jacobson's header prediction.
 */
export function isPredicted({ state, received, output }: TcpConnection, segment: ReceivedSegment): boolean {
  const { flags, seq, ack, window, bytes, payload } = segment;
  return (
    state === 'established' &&
    (flags & ~PSH) === ACK &&
    bytes.length - payload.length === TCP_HEADER + TIMESTAMP_OPTION &&
    window << output.scale === output.window &&
    seq === received &&
    !before(output.next, ack)
  );
}
