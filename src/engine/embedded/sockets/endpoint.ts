import { fnv1a } from '../../../bytes/fnv.ts';
import { type Family, formatAddress } from '../inet/address.ts';

/** One end of a conversation. */
export interface Endpoint {
  /** 4 or 16 bytes, all 0: any. */
  readonly address: Uint8Array;
  /** 0: none. */
  readonly port: number;
}

/** Both ends, as the host of one of them sees them. */
export interface Flow {
  readonly family: Family;
  /** IPPROTO_*. */
  readonly protocol: number;
  readonly local: Endpoint;
  readonly remote: Endpoint;
}

/** For maps: the same for the same flow. */
export function flowKey({ protocol, local, remote }: Flow): string {
  return `${protocol} ${formatAddress(local.address)} ${local.port} ${formatAddress(remote.address)} ${remote.port}`;
}

/** A number for a flow, by which one of several sockets is chosen. */
export function flowHash(flow: Flow): number {
  return fnv1a(new TextEncoder().encode(flowKey(flow)));
}
