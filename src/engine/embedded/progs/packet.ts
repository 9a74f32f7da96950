import type { Skb } from './skb.ts';
import type { XdpBuff } from './xdp-buff.ts';

export { Skb } from './skb.ts';
export { XdpBuff } from './xdp-buff.ts';

/** What a packet program's context describes. */
export type Packet = Skb | XdpBuff;

/** Where bpf_redirect said that the packet shall go. */
export interface Redirect {
  readonly ifindex: number;
  /** BPF_F_INGRESS: into the device's ingress instead of out of it. */
  readonly flags: number;
}

/** Bytes of an Ethernet header: destination, source, protocol. */
export const ETH_HLEN = 14;
/** The longest frame that the embedded network carries. Bytes. */
export const MAX_FRAME = 65535;
