import { fnv1a } from '../../../bytes/fnv.ts';
import { ETH_P_8021AD, ETH_P_8021Q, ETH_P_ALL } from '../../../uapi/netlink.ts';
import { swap16 } from '../interp/arith.ts';
import type { LinearMemory } from '../memory.ts';
import type { Network } from '../net/network.ts';
import type { Socket } from '../sockets/socket.ts';
import type { Showing } from '../types/shown.ts';
import { ETH_HLEN, frameProtocol, type Redirect, type TunnelInfo } from './frame.ts';
import type { SocketRedirect } from './sk-msg.ts';

/** `struct __sk_buff` of Linux 6.18: offset of each field that is filled or read here. Those of a socket stay 0. */
// biome-ignore format: aligned table
export const SK_BUFF = {
  len: 0, pkt_type: 4, mark: 8, queue_mapping: 12, protocol: 16, vlan_present: 20, vlan_tci: 24, vlan_proto: 28, priority: 32,
  ingress_ifindex: 36, ifindex: 40, tc_index: 44, cb: 48, hash: 68, tc_classid: 72, data: 76, data_end: 80, family: 88, remote_ip4: 92, local_ip4: 96, remote_ip6: 100,
  local_ip6: 116, remote_port: 132, local_port: 136, data_meta: 140, flow_keys: 144, tstamp: 152,
  wire_len: 160, gso_segs: 164, sk: 168, gso_size: 176, tstamp_type: 180, hwtstamp: 184,
} as const;
export const SK_BUFF_SIZE = 192;
/** Behind it, where compiled code says that the packet shall go: 0: nowhere, 1: out of a device, 2: into it; and its `ifindex`. */
export const SKB_REDIRECT = 192;
export const SKB_REDIRECT_IFINDEX = 196;
const SKB_HEAD = 200;

/** Fields that keep what is written to the context, and two that have changed for the rest of a run; the others are set anew before each run. */
type U32Field =
  | 'pkt_type'
  | 'hash'
  | 'mark'
  | 'queue_mapping'
  | 'priority'
  | 'tc_index'
  | 'tc_classid'
  | 'wire_len'
  | 'gso_segs'
  | 'gso_size';

/** A VLAN tag that travels beside the frame, as Linux keeps the outermost one. */
export interface VlanTag {
  /** ETH_P_8021Q or ETH_P_8021AD, in host order. */
  readonly protocol: number;
  /** Priority and VLAN id. */
  readonly tci: number;
}
/** Bytes of a tag in a frame, and of the two addresses before it. */
const VLAN_HLEN = 4;
const ADDRESSES = 12;

/** What a packet gets beyond what it needs when it grows out of its buffer. Bytes. */
const TAILROOM = 128;

/** So that a program whose view starts at the network header can still read the link header before it. */
const HEADROOM = 64;

// Classic BPF and LD_ABS: offsets from here on are relative to the network header, from LL_OFF on to the link header.
const SKF_NET_OFF = -0x100000;
const SKF_LL_OFF = -0x200000;

export interface SkbInput {
  /** An Ethernet frame, from its header on; at least 14 bytes. */
  readonly frame: Uint8Array;
  /** The namespace that it is in, and the device that it is on. */
  readonly netns: Network;
  readonly ifindex: number;
  /** The device that it came in by; 0 if it was made here. */
  readonly ingressIfindex: number;
  /** PACKET_*. */
  readonly pktType: number;
}

/**
 * A packet in linear memory, with its `struct __sk_buff` before it:
 *
 *     context     192        200             264
 *     ┌───────────┬──────────┬───────────────┬──────────────┐
 *     │ __sk_buff │ redirect │ headroom      │ frame …      │
 *     └───────────┴──────────┴───────────────┴──────────────┘
 *
 * Programs read and write the context itself: no verifier rewrites their accesses. {@link Skb.publish} sets it before a run; what a program
 * may write (mark, cb, tc_classid, …) has no other place, the rest is kept here and out of its reach.
 */
export class Skb {
  readonly kind = 'skb';
  readonly memory: LinearMemory;
  readonly netns: Network;
  /** Address of the `struct __sk_buff`. */
  readonly context: number;
  /** Address of the headroom, and of the first byte that does not belong to the packet's buffer. */
  #head: number;
  #limit: number;
  /** A buffer of its own, once the packet has grown out of the first; 0 before. */
  #buffer = 0;
  /** Address of the first byte that programs see, and of the one after the last. */
  data: number;
  end: number;
  /** Addresses of the link header and of the network header. */
  mac: number;
  network: number;
  ifindex: number;
  ingressIfindex: number;
  pktType: number;
  /** ETH_P_*, in host order. */
  protocol: number;
  /** 0: not computed yet. */
  hash = 0;
  /** Bytes as hooks and queues count them: on the way in without the link header. */
  pktLen = 0;
  #redirect: Redirect | undefined;
  vlan: VlanTag | undefined;
  /** How many checksums a device has found right, less one; -1: nobody has looked at any. */
  csumLevel = -1;
  /** A header was put around the packet, for a tunnel. */
  encapsulated = false;
  tunnel: TunnelInfo | undefined;
  /** The socket that sent the packet, where one did. */
  sender: Socket | undefined;
  /** It comes in: its hook may give it to a socket. */
  atIngress = false;
  /** The socket that a program chose for it (bpf_sk_assign). */
  assigned: Socket | undefined;
  /** Bytes of the data that programs see; behind them they have to pull (bpf_skb_pull_data). */
  linear = Number.POSITIVE_INFINITY;
  /** Where a program sends data of a stream to instead. */
  socketRedirect: SocketRedirect | undefined;
  /** Of the socket that sent the packet; 0 if none did. */
  socketCookie = 0;
  /** Address of the struct sk_buff that a program is shown of it; 0 where it is its context. */
  skBuff = 0;
  /** Holds it, and what it leads to. */
  shown: Showing | undefined;

  private constructor(memory: LinearMemory, context: number, input: SkbInput) {
    this.memory = memory;
    this.netns = input.netns;
    this.context = context;
    this.#head = context + SKB_HEAD;
    this.data = this.#head + HEADROOM;
    this.end = this.data + input.frame.length;
    this.#limit = this.end;
    memory.u8.set(input.frame, this.data);
    this.mac = this.data;
    this.network = this.data + ETH_HLEN;
    this.ifindex = input.ifindex;
    this.ingressIfindex = input.ingressIfindex;
    this.pktType = input.pktType;
    this.protocol = frameProtocol(input.frame, 0);
    this.set('wire_len', input.frame.length);
  }

  /** `undefined` if there is no memory for it. Give it back with {@link Skb.free}. */
  static create(memory: LinearMemory, input: SkbInput): Skb | undefined {
    const context = memory.alloc(Skb.size(input.frame.length));
    return context === 0 ? undefined : new Skb(memory, context, input);
  }

  /** `block`: address of {@link Skb.size} bytes, which are the caller's. Give back what it leads to with {@link Skb.hide}. */
  static at(memory: LinearMemory, block: number, input: SkbInput): Skb {
    memory.clear(block, SKB_HEAD + HEADROOM);
    return new Skb(memory, block, input);
  }
  /** Bytes that a frame takes with its context. */
  static size(length: number): number {
    return SKB_HEAD + HEADROOM + length;
  }

  free(): void {
    this.hide();
    this.memory.free(this.context);
  }
  /** Gives back what programs were shown, and a buffer of its own: the packet is not to be used any more. */
  hide(): void {
    this.shown?.[Symbol.dispose]();
    this.shown = undefined;
    this.skBuff = 0;
    this.memory.free(this.#buffer);
    this.#buffer = 0;
  }

  /** Bytes that programs see. */
  get length(): number {
    return this.end - this.data;
  }

  /** A copy of what programs see. */
  payload(): Uint8Array {
    return this.memory.u8.slice(this.data, this.end);
  }

  /** A copy of the bytes from the link header on. */
  bytes(): Uint8Array {
    return this.memory.u8.slice(Math.min(this.mac, this.data), this.end);
  }

  /** A copy of the frame as it would be on a wire: with its VLAN tag. */
  frame(): Uint8Array {
    const bytes = this.bytes();
    if (this.vlan === undefined) return bytes;
    const { protocol, tci } = this.vlan;
    const frame = new Uint8Array(bytes.length + VLAN_HLEN);
    frame.set(bytes.subarray(0, ADDRESSES));
    frame.set([protocol >> 8, protocol & 0xff, tci >> 8, tci & 0xff], ADDRESSES);
    frame.set(bytes.subarray(ADDRESSES), ADDRESSES + VLAN_HLEN);
    return frame;
  }

  /** Puts the tag into the frame; a second one can then travel beside it. False: there is no memory. */
  pushVlan(): boolean {
    if (this.vlan === undefined) return true;
    if (!this.splice(ADDRESSES, 0, VLAN_HLEN)) return false;
    const { protocol, tci } = this.vlan;
    this.memory.dv.setUint16(this.mac + ADDRESSES, protocol);
    this.memory.dv.setUint16(this.mac + ADDRESSES + 2, tci);
    this.protocol = protocol;
    this.vlan = undefined;
    return true;
  }

  /** Takes the outermost tag out of the frame, which must start with one. `undefined`: the frame ends before. */
  popVlan(): VlanTag | undefined {
    if (this.length < ETH_HLEN + VLAN_HLEN) return undefined;
    const tag = { protocol: this.protocol, tci: this.memory.dv.getUint16(this.mac + ETH_HLEN) };
    this.splice(ADDRESSES, VLAN_HLEN, 0);
    this.protocol = frameProtocol(this.memory.u8, this.mac);
    return tag;
  }

  /** The tag of a frame that comes in travels beside it from then on. */
  untag(): void {
    if (isVlan(this.protocol)) this.vlan = this.popVlan();
  }

  /**
   * Replaces `removed` bytes at `offset` of the data by `inserted` zeros. False, and nothing is changed, if there is no memory. Addresses of the packet that a
   * program has are worth nothing afterwards.
   */
  splice(offset: number, removed: number, inserted: number): boolean {
    const growth = inserted - removed;
    if (this.end + growth > this.#limit && !this.#moveToLarger(growth)) return false;
    const { u8 } = this.memory;
    const at = this.data + offset;
    u8.copyWithin(at + inserted, at + removed, this.end);
    this.memory.clear(at, inserted);
    this.end += growth;
    return true;
  }

  #moveToLarger(growth: number): boolean {
    const size = this.end - this.#head + growth + TAILROOM;
    const buffer = this.memory.alloc(size);
    if (buffer === 0) return false;
    this.memory.u8.copyWithin(buffer, this.#head, this.end);
    const distance = buffer - this.#head;
    this.data += distance;
    this.end += distance;
    this.mac += distance;
    this.network += distance;
    if (this.#buffer !== 0) this.memory.free(this.#buffer);
    this.#buffer = buffer;
    this.#head = buffer;
    this.#limit = buffer + size;
    return true;
  }

  /** Where bpf_redirect said last that it shall go. */
  get redirect(): Redirect | undefined {
    const view = this.memory.dv;
    const to = view.getUint32(this.context + SKB_REDIRECT, true);
    if (to === 0) return this.#redirect;
    const ifindex = view.getUint32(this.context + SKB_REDIRECT_IFINDEX, true);
    return { ifindex, to: to === 1 ? 'egress' : 'ingress' };
  }
  set redirect(redirect: Redirect | undefined) {
    this.#redirect = redirect;
    this.memory.dv.setUint32(this.context + SKB_REDIRECT, 0, true);
  }

  get(field: U32Field): number {
    return this.memory.dv.getUint32(this.context + SK_BUFF[field], true);
  }

  set(field: U32Field, value: number): void {
    this.memory.dv.setUint32(this.context + SK_BUFF[field], value, true);
  }

  /** Writes what a program can only read into the context. */
  publish(): void {
    const view = this.memory.dv;
    const at = this.context;
    view.setUint32(at + SK_BUFF.len, this.length, true);
    view.setUint32(at + SK_BUFF.pkt_type, this.pktType, true);
    view.setUint32(at + SK_BUFF.protocol, swap16(this.protocol), true);
    view.setUint32(at + SK_BUFF.vlan_present, this.vlan === undefined ? 0 : 1, true);
    view.setUint32(at + SK_BUFF.vlan_tci, this.vlan?.tci ?? 0, true);
    view.setUint32(at + SK_BUFF.vlan_proto, swap16(this.vlan?.protocol ?? 0), true);
    view.setUint32(at + SK_BUFF.ingress_ifindex, this.ingressIfindex, true);
    view.setUint32(at + SK_BUFF.ifindex, this.ifindex, true);
    view.setUint32(at + SK_BUFF.hash, this.hash, true);
    view.setUint32(at + SK_BUFF.data, this.data, true);
    view.setUint32(at + SK_BUFF.data_end, Math.min(this.end, this.data + this.linear), true);
    view.setUint32(at + SK_BUFF.data_meta, this.data, true);
    const socket = this.assigned ?? this.sender;
    view.setUint32(at + SK_BUFF.sk, socket === undefined ? 0 : socket.network.machine.socketViews.show(socket), true);
  }

  /** The program's view starts at the network header, as for socket filters and cgroup programs. */
  pullLinkHeader(): void {
    this.data = Math.min(this.end, this.network);
  }

  /** Undoes {@link Skb.pullLinkHeader}. */
  pushLinkHeader(): void {
    this.data = this.mac;
  }

  /** Address of `size` bytes at `offset` from the start of the data, or -1. */
  at(offset: number, size: number): number {
    return offset >= 0 && size >= 0 && offset + size <= this.length ? this.data + offset : -1;
  }

  /** As {@link Skb.at}, with the negative offsets of classic BPF that count from the link or the network header. */
  absolute(offset: number, size: number): number {
    if (offset >= 0) return this.at(offset, size);
    const from =
      offset >= SKF_NET_OFF
        ? this.network + offset - SKF_NET_OFF
        : offset >= SKF_LL_OFF
          ? this.mac + offset - SKF_LL_OFF
          : -1;
    return from >= this.#head && from + size <= this.end ? from : -1;
  }

  /** A number for the packet's flow, never 0. Computed once, from addresses and ports (IP) or else from the link header. */
  flowHash(): number {
    if (this.hash === 0)
      this.hash = hashFlow(this.memory.u8.subarray(this.mac, this.end), this.network - this.mac) || 1;
    return this.hash;
  }

  /** Whether a filter for this protocol (ETH_P_*, host order) looks at the packet. */
  isProtocol(protocol: number): boolean {
    return protocol === ETH_P_ALL || protocol === (this.vlan?.protocol ?? this.protocol);
  }
}

/** Whether a frame of this protocol has a VLAN tag behind its addresses. */
export function isVlan(protocol: number): boolean {
  return protocol === ETH_P_8021Q || protocol === ETH_P_8021AD;
}

/** The hash of a frame whose network header is at `network`: of addresses and ports (IP) or else of the link header. */
export function hashFlow(frame: Uint8Array, network: number): number {
  const version = (frame[network] ?? 0) >> 4;
  const [from, to] = version === 4 ? [12, 24] : version === 6 ? [8, 44] : [-network, 0];
  return fnv1a(frame.subarray(network + from, network + to));
}
