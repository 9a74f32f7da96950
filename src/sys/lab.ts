import { SysError } from '../errors.ts';
import { errno } from '../uapi/errno.ts';
import type { Fd } from '../uapi/fd.ts';
import type { Kernel } from './kernel.ts';

/** Where a frame enters a device: `ingress` as if it came from the wire, `egress` as if the host sent it. */
export type Direction = 'ingress' | 'egress';

/**
 * What is beside the seam because no system call does it: putting packets on devices. The embedded kernel's lab does much more; on Linux it is
 * a packet socket (AF_PACKET) on the device, or on its veth peer.
 */
export interface PacketLab {
  /**
   * Puts one Ethernet frame (14 bytes of header at least) through `device`'s hooks in `direction`. Returns when the frame's way through the
   * kernel is over. Throws SysError (ENODEV, ENETDOWN) and, where this kernel has no way to inject there, NotSupportedError.
   */
  send(device: string, direction: Direction, frame: Uint8Array): void;
  /**
   * `send` for one frame after the other, at most {@link MAX_SENT} frames and {@link MAX_SENT_BYTES} bytes. Frames that arrive where an XDP program is, the embedded kernel takes as the driver of a network card does, up to 64 at a time: the
   * program has run on all of them before the first goes on. Throws as `send`, and SysError EINVAL for too much. A device that is not there or down, and a frame that the embedded kernel does not take, are found before any
   * frame is sent; Linux may refuse one (EMSGSIZE) when those before it were. What cannot go on later, since its turn comes when the device is down, is dropped on the embedded kernel; Linux throws.
   */
  sendAll(device: string, direction: Direction, frames: readonly Uint8Array[]): void;
}

/** Frames, and bytes of them, for one call of `sendAll`. */
export const MAX_SENT = 1024;
export const MAX_SENT_BYTES = 1 << 20;

/** Throws SysError EINVAL for more than one call of `sendAll` takes, EFAULT for what are no frames. */
export function checkSent(frames: readonly Uint8Array[]): void {
  if (!frames.every((frame) => frame instanceof Uint8Array))
    throw new SysError(errno.EFAULT, 'send', { detail: 'a frame is no Uint8Array' });
  const bytes = frames.reduce((sum, { length }) => sum + length, 0);
  if (frames.length > MAX_SENT || bytes > MAX_SENT_BYTES)
    throw new SysError(errno.EINVAL, 'send', {
      detail: `at most ${MAX_SENT} frames of ${MAX_SENT_BYTES} bytes at once, not ${frames.length} of ${bytes}`,
    });
}

/** What test runs of a program on one frame after the other came to. */
export interface TestRuns {
  /** What the program returned for each frame, the last time. Fewer than there are frames: the next one is not taken, and none behind it was run. */
  readonly verdicts: Uint32Array;
  /** Nanoseconds: of each frame what one run took on average, added up; of frames that were run at once what these took, without making packets of them. */
  readonly durationNs: number;
}

/** Many test runs by one call: to a kernel in another process each call is a way there and back. */
export interface TestRunLab {
  /**
   * BPF_PROG_TEST_RUN of a program of `process` for one Ethernet frame after the other, `repeat` times each; at most {@link MAX_TEST_RUNS} frames. What programs keep in maps stays from each to the next.
   * `undefined`: the process is none of this kernel's own, as if it is traced; then each run has to be a call. Throws SysError EBADF, and EINVAL for too many frames.
   */
  testRuns(process: Kernel, program: Fd, frames: readonly Uint8Array[], repeat: number): TestRuns | undefined;
}

/** Frames of one call. */
export const MAX_TEST_RUNS = 1024;
