import type { Machine } from '../machine.ts';
import { packetType } from './frame.ts';
import type { ProgType } from './prog-type.ts';
import { Skb, type SkbInput } from './skb.ts';
import { XdpBuff } from './xdp-buff.ts';

/** What a program is run on. */
export type Packet = Skb | XdpBuff;

/** How packets are made for programs of a type. */
export interface PacketKind {
  /** Bytes of a place for frames of up to so many. */
  readonly size: (length: number) => number;
  /** Makes a packet of a frame, at a place, where its context then is. */
  readonly make: (machine: Machine, place: number, frame: Uint8Array) => Packet;
}

/** The number of the device that test runs let packets come in by, unless another is asked for. */
export const LOOPBACK = 1;
const LOOPBACK_ADDRESS = new Uint8Array(6);

/** A frame that has come in by the loopback device, or as a test run asks. */
export function skbInput({ netns }: Machine, frame: Uint8Array, ifindex = LOOPBACK, ingressIfindex = 0): SkbInput {
  return { frame, netns, ifindex, ingressIfindex, pktType: packetType(frame, LOOPBACK_ADDRESS) };
}

const XDP: PacketKind = {
  size: XdpBuff.size,
  make(machine, place, frame) {
    const buff = XdpBuff.at(machine.memory, machine.netns, place, frame);
    buff.ifindex = LOOPBACK;
    buff.publish();
    return buff;
  },
};

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
});

/** `undefined`: programs of the type are not run on packets alone. */
export function packetKind({ testRun, linkHeader }: ProgType): PacketKind | undefined {
  if (testRun === 'xdp') return XDP;
  return testRun === 'skb' ? skbs(linkHeader === true) : undefined;
}
