import { ETH_P_IP, ETH_P_IPV6 } from '../../../uapi/netlink.ts';
import type { Machine } from '../machine.ts';
import type { Network } from '../net/network.ts';
import { ETH_HLEN, frameProtocol, packetType } from './frame.ts';
import type { ProgType } from './prog-type.ts';
import { Skb, type SkbInput } from './skb.ts';
import { XDP_MAX_FRAME, XdpBuff } from './xdp-buff.ts';

/** What a program is run on. */
export type Packet = Skb | XdpBuff;

/** How packets are made for programs of a type. */
export interface PacketKind<P extends Packet = Packet> {
  /** Bytes of a place for frames of up to so many. */
  readonly size: (length: number) => number;
  /** Makes a packet of a frame, at a place, where its context then is. `before`: the one that was there, which is used no more. */
  readonly make: (machine: Machine, place: number, frame: Uint8Array, before: Packet | undefined) => P;
  /** Whether a test run takes the frame, and has it in one piece. */
  readonly takes: (frame: Uint8Array) => boolean;
}

/** The longest frame of a test run on a socket buffer: a page without the room that the kernel keeps before and behind it. */
export const SKB_MAX_FRAME = 4096 - 64 - 320;
/** What a frame that says that it carries IP has to have after its Ethernet header. Bytes. */
const MIN_HEADER: ReadonlyMap<number, number> = new Map([
  [ETH_P_IP, 20],
  [ETH_P_IPV6, 40],
]);

/** The number of the device that test runs let packets come in by, unless another is asked for. */
export const LOOPBACK = 1;
const LOOPBACK_ADDRESS = new Uint8Array(6);

/** A frame that has come in by the loopback device, or as a test run asks. */
export function skbInput({ netns }: Machine, frame: Uint8Array, ifindex = LOOPBACK, ingressIfindex = 0): SkbInput {
  return { frame, netns, ifindex, ingressIfindex, pktType: packetType(frame, LOOPBACK_ADDRESS) };
}

/** Whether a frame, 14 bytes at least, is long enough for the header that it says it has behind Ethernet's. */
export function hasItsHeader(frame: Uint8Array): boolean {
  return frame.length - ETH_HLEN >= (MIN_HEADER.get(frameProtocol(frame, 0)) ?? 0);
}

/** As they come in by a device, `ifindex` in a namespace. As for BPF_PROG_TEST_RUN, if none is given: by the loopback device, in the namespace of the process. */
export function xdpPackets(device?: { readonly network: Network; readonly ifindex: number }): PacketKind<XdpBuff> {
  return {
    size: XdpBuff.size,
    make(machine, place, frame, before) {
      const netns = device?.network ?? machine.netns;
      const buff = before?.kind === 'xdp' ? before : XdpBuff.at(machine.memory, netns, place);
      buff.netns = netns;
      buff.ifindex = device?.ifindex ?? LOOPBACK;
      buff.renew(frame);
      return buff;
    },
    takes: ({ length }) => length >= ETH_HLEN && length <= XDP_MAX_FRAME,
  };
}
const XDP = xdpPackets();

/** As for BPF_PROG_TEST_RUN: come in by the loopback device. `linkHeader`: programs see it. */
const skbs = (linkHeader: boolean): PacketKind => ({
  size: Skb.size,
  make(machine, place, frame) {
    const skb = Skb.at(machine.memory, place, skbInput(machine, frame));
    if (!linkHeader) skb.pullLinkHeader();
    skb.set('wire_len', skb.length);
    skb.socketCookie = machine.nextSocketCookie();
    skb.publish();
    return skb;
  },
  takes: (frame) => frame.length >= ETH_HLEN && frame.length <= SKB_MAX_FRAME && hasItsHeader(frame),
});

/** `undefined`: programs of the type are not run on packets alone. */
export function packetKind({ testRun, linkHeader }: ProgType): PacketKind | undefined {
  if (testRun === 'xdp') return XDP;
  return testRun === 'skb' ? skbs(linkHeader === true) : undefined;
}
