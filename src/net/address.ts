import { concatBytes } from '../bytes/plain.ts';
import { IFA, ifaddrmsg } from '../uapi/netlink.ts';
import { decodeAttributes, encodeAttributes } from './attributes.ts';
import { checkedHeader } from './tcmsg.ts';

/** An address of a device, in RTM_NEWADDR, RTM_DELADDR and RTM_GETADDR. Addresses are in network order. */
export interface Address {
  /** AF_INET (2) or AF_INET6 (10); 0 in a dump's request: all. */
  readonly family: number;
  readonly ifindex: number;
  /** Bits of the network. */
  readonly prefix: number;
  readonly local?: Uint8Array | undefined;
  /** The other end of a point-to-point link; else the address again. */
  readonly peer?: Uint8Array | undefined;
  readonly broadcast?: Uint8Array | undefined;
  /** IFA_F_*. */
  readonly flags?: number | undefined;
  /** RT_SCOPE_*. */
  readonly scope?: number | undefined;
  readonly label?: string | undefined;
}

export function encodeAddress(address: Address): Uint8Array {
  const { flags = 0 } = address;
  const header = ifaddrmsg.encode({
    ifa_family: address.family,
    ifa_prefixlen: address.prefix,
    ifa_flags: flags & 0xff,
    ifa_scope: address.scope ?? 0,
    ifa_index: address.ifindex,
  });
  const attributes = encodeAttributes(IFA, {
    IFA_ADDRESS: address.peer,
    IFA_LOCAL: address.local,
    IFA_LABEL: address.label,
    IFA_BROADCAST: address.broadcast,
    IFA_FLAGS: address.flags,
  });
  return concatBytes([header, attributes]);
}

/** Throws SysError: EINVAL, ERANGE. */
export function decodeAddress(payload: Uint8Array): Address {
  const header = ifaddrmsg.decode(checkedHeader(payload, ifaddrmsg.size, 'struct ifaddrmsg'));
  const attributes = decodeAttributes(IFA, payload.subarray(ifaddrmsg.size));
  return {
    family: header.ifa_family,
    ifindex: header.ifa_index,
    prefix: header.ifa_prefixlen,
    local: attributes.IFA_LOCAL,
    peer: attributes.IFA_ADDRESS,
    broadcast: attributes.IFA_BROADCAST,
    flags: attributes.IFA_FLAGS ?? header.ifa_flags,
    scope: header.ifa_scope,
    label: attributes.IFA_LABEL,
  };
}
