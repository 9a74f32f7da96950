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
