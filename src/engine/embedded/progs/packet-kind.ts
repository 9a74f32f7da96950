import type { Machine } from '../machine.ts';
import { packetType } from './frame.ts';
import type { ProgType } from './prog-type.ts';
import { Skb } from './skb.ts';
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

const LOOPBACK = 1;
const LOOPBACK_ADDRESS = new Uint8Array(6);

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
    const skb = Skb.at(machine.memory, place, {
      frame,
      netns: machine.netns,
      ifindex: LOOPBACK,
      ingressIfindex: 0,
      pktType: packetType(frame, LOOPBACK_ADDRESS),
    });
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
