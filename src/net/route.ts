import { concatBytes } from '../bytes/plain.ts';
import { RTA, rtmsg } from '../uapi/netlink.ts';
import { decodeAttributes, encodeAttributes } from './attributes.ts';
import { checkedHeader } from './tcmsg.ts';

/** A route, in RTM_NEWROUTE, RTM_DELROUTE and RTM_GETROUTE. Addresses are in network order. */
export interface Route {
  /** AF_INET (2) or AF_INET6 (10); 0 in a dump's request: all. */
  readonly family: number;
  /** Where it leads, and bits of it that count; `undefined`: everywhere. */
  readonly destination?: Uint8Array | undefined;
  readonly prefix: number;
  /** 254: main, 255: local. */
  readonly table?: number | undefined;
  /** RTN_*, RT_SCOPE_*, RTPROT_*, RTNH_F_* and RTM_F_*. */
  readonly type?: number | undefined;
  readonly scope?: number | undefined;
  readonly protocol?: number | undefined;
  readonly flags?: number | undefined;
  readonly tos?: number | undefined;
  readonly ifindex?: number | undefined;
  readonly gateway?: Uint8Array | undefined;
  /** The smaller, the better. */
  readonly metric?: number | undefined;
  /** The address that packets come from. */
  readonly source?: Uint8Array | undefined;
}

/** Tables have a byte in the header, and an attribute for numbers beyond it. */
const RT_TABLE_COMPAT = 252;

export function encodeRoute(route: Route): Uint8Array {
  const { table = 0 } = route;
  const header = rtmsg.encode({
    rtm_family: route.family,
    rtm_dst_len: route.prefix,
    rtm_tos: route.tos ?? 0,
    rtm_table: table > 0xff ? RT_TABLE_COMPAT : table,
    rtm_protocol: route.protocol ?? 0,
    rtm_scope: route.scope ?? 0,
    rtm_type: route.type ?? 0,
    rtm_flags: route.flags ?? 0,
  });
  const attributes = encodeAttributes(RTA, {
    RTA_DST: route.destination,
    RTA_OIF: route.ifindex,
    RTA_GATEWAY: route.gateway,
    RTA_PRIORITY: route.metric,
    RTA_PREFSRC: route.source,
    RTA_TABLE: route.table,
  });
  return concatBytes([header, attributes]);
}

/** Throws SysError: EINVAL, ERANGE. */
export function decodeRoute(payload: Uint8Array): Route {
  const header = rtmsg.decode(checkedHeader(payload, rtmsg.size, 'struct rtmsg'));
  const attributes = decodeAttributes(RTA, payload.subarray(rtmsg.size));
  return {
    family: header.rtm_family,
    destination: attributes.RTA_DST,
    prefix: header.rtm_dst_len,
    table: attributes.RTA_TABLE ?? header.rtm_table,
    type: header.rtm_type,
    scope: header.rtm_scope,
    protocol: header.rtm_protocol,
    flags: header.rtm_flags,
    tos: header.rtm_tos,
    ifindex: attributes.RTA_OIF,
    gateway: attributes.RTA_GATEWAY,
    metric: attributes.RTA_PRIORITY,
    source: attributes.RTA_PREFSRC,
  };
}
