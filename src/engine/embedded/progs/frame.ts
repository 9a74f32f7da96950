import type { Device } from '../net/device.ts';
import type { BpfProg } from './prog.ts';

/** Bytes of an Ethernet header: destination, source, protocol. */
export const ETH_HLEN = 14;
/** Bytes of the headers that may come on top of the MTU: Ethernet's and a VLAN tag. */
export const LINK_HEADERS = ETH_HLEN + 4;
/** The longest frame that the embedded network carries. Bytes. */
export const MAX_FRAME = 65535;

/** Where bpf_redirect said that the packet shall go. */
export interface Redirect {
  readonly ifindex: number;
  /** Out of the device, into its ingress, into the ingress of its other end in another namespace, or out of it to a neighbour. */
  readonly to: 'egress' | 'ingress' | 'peer' | 'neighbour';
  /** Of a neighbour: its address; `undefined`: that which the packet's own way leads to. */
  readonly nextHop?: Uint8Array | undefined;
}
/** Flag of bpf_redirect: into the device's ingress. */
export const BPF_F_INGRESS = 1;

/** One way that an XDP_REDIRECT goes: out of a device, or to the stack on another CPU. `prog` runs there first; XDP_PASS lets the frame go on. */
export type XdpHop =
  | {
      readonly kind: 'device';
      /** Of a map's entry; else `ifindex` names one in the namespace of the frame. */
      readonly device?: Device | undefined;
      readonly ifindex: number;
      readonly prog: BpfProg | undefined;
    }
  | { readonly kind: 'cpu'; readonly cpu: number; readonly prog: BpfProg | undefined };

/** What bpf_skb_set_tunnel_key said to the tunnel that the packet shall go through. There is none here: only programs read it. */
export interface TunnelInfo {
  readonly ipv6: boolean;
  /** What the program asked for, as the kernel's flags of tunnels. */
  readonly flags: number;
  readonly id: number;
  readonly tos: number;
  readonly ttl: number;
  /** Flow label. */
  readonly label: number;
  /** 16 bytes each; an IPv4 address is the first four, in the order of struct bpf_tunnel_key. */
  readonly local: Uint8Array;
  readonly remote: Uint8Array;
  readonly options: Uint8Array | undefined;
}

export const PACKET_HOST = 0;
export const PACKET_BROADCAST = 1;
export const PACKET_MULTICAST = 2;
export const PACKET_OTHERHOST = 3;
export const PACKET_OUTGOING = 4;

/** PACKET_* of a frame that arrives at a device with this address. */
export function packetType(frame: Uint8Array, address: Uint8Array): number {
  const to = frame.subarray(0, 6);
  if (to.every((byte) => byte === 0xff)) return PACKET_BROADCAST;
  if ((to[0] ?? 0) & 1) return PACKET_MULTICAST;
  return to.every((byte, i) => byte === address[i]) ? PACKET_HOST : PACKET_OTHERHOST;
}

/** ETH_P_* of the frame at `at`, as the receiving side reads it: a length instead of a type means IEEE 802. */
export function frameProtocol(bytes: Uint8Array, at: number): number {
  const type = ((bytes[at + 12] ?? 0) << 8) | (bytes[at + 13] ?? 0);
  if (type >= 0x600) return type;
  return bytes[at + 14] === 0xff && bytes[at + 15] === 0xff ? 0x0001 : 0x0004;
}
