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
