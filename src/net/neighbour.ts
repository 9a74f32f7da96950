import { concatBytes } from '../bytes/plain.ts';
import { NDA, ndmsg } from '../uapi/netlink.ts';
import { decodeAttributes, encodeAttributes } from './attributes.ts';
import { checkedHeader } from './tcmsg.ts';

/** Who has which hardware address, in RTM_NEWNEIGH, RTM_DELNEIGH and RTM_GETNEIGH. */
export interface Neighbour {
  /** AF_INET (2) or AF_INET6 (10); 0 in a dump's request: all. */
  readonly family: number;
  /** 0 in a dump's request: of all devices. */
  readonly ifindex: number;
  /** In network order. */
  readonly address?: Uint8Array | undefined;
  readonly hardware?: Uint8Array | undefined;
  /** NUD_*, NTF_*. */
  readonly state?: number | undefined;
  readonly flags?: number | undefined;
  /** RTN_*: in answers. */
  readonly type?: number | undefined;
}

export function encodeNeighbour(neighbour: Neighbour): Uint8Array {
  const header = ndmsg.encode({
    ndm_family: neighbour.family,
    ndm_ifindex: neighbour.ifindex,
    ndm_state: neighbour.state ?? 0,
    ndm_flags: neighbour.flags ?? 0,
    ndm_type: neighbour.type ?? 0,
  });
  return concatBytes([header, encodeAttributes(NDA, { NDA_DST: neighbour.address, NDA_LLADDR: neighbour.hardware })]);
}

/** Throws SysError: EINVAL, ERANGE. */
export function decodeNeighbour(payload: Uint8Array): Neighbour {
  const header = ndmsg.decode(checkedHeader(payload, ndmsg.size, 'struct ndmsg'));
  const attributes = decodeAttributes(NDA, payload.subarray(ndmsg.size));
  return {
    family: header.ndm_family,
    ifindex: header.ndm_ifindex,
    address: attributes.NDA_DST,
    hardware: attributes.NDA_LLADDR,
    state: header.ndm_state,
    flags: header.ndm_flags,
    type: header.ndm_type,
  };
}
