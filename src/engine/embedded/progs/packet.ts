import type { Skb } from './skb.ts';
import type { XdpBuff } from './xdp-buff.ts';

/** What a packet program's context describes. */
export type Packet = Skb | XdpBuff;
