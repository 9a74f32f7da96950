import { concatBytes } from '../../../bytes/plain.ts';
import type { IpPacket } from '../inet/packet.ts';
import type { Frame } from '../net/traffic.ts';
import { ETH_HLEN } from '../progs/frame.ts';
import { IPPROTO_TCP, programOption, TCP_SAVE_SYN } from './program-options.ts';
import type { Socket } from './socket.ts';

/** The headers of a SYN as it came: where options in it are looked for, and what TCP_SAVE_SYN keeps. */
export interface SavedSyn {
  /** Of the link, the network and the transport, one after the other. */
  readonly bytes: Uint8Array;
  /** Bytes of the link header; 0 if that was not kept. */
  readonly link: number;
  readonly network: number;
}

export function synOf(packet: IpPacket, frame: Frame): SavedSyn {
  const network = packet.payload.byteOffset - packet.bytes.byteOffset;
  const transport = 4 * ((packet.payload[12] ?? 0) >> 4);
  const bytes = concatBytes([frame.bytes.subarray(0, ETH_HLEN), packet.bytes.subarray(0, network + transport)]);
  return { bytes, link: ETH_HLEN, network };
}

/** What a listener keeps of it for the connection, by its TCP_SAVE_SYN: nothing, all but the link header, or all. */
export function keptSyn(listener: Socket, { bytes, link, network }: SavedSyn): SavedSyn | undefined {
  const wanted = programOption(listener, IPPROTO_TCP, TCP_SAVE_SYN);
  if (wanted === 0) return undefined;
  return wanted === 2 ? { bytes, link, network } : { bytes: bytes.subarray(link), link: 0, network };
}
