import { concatBytes } from '../bytes/plain.ts';
import type { StructValue } from '../bytes/struct.ts';
import { IFLA, IFLA_INFO, IFLA_XDP, ifinfomsg, rtnlLinkStats64, VETH_INFO } from '../uapi/netlink.ts';
import { type Attributes, decodeAttributes, encodeAttributes } from './attributes.ts';
import { checkedHeader } from './tcmsg.ts';

/** A network device, in RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK and RTM_SETLINK. */
export interface Link {
  /** 0 in a request: the device is named, or new. */
  readonly ifindex: number;
  /** ARPHRD_*: 1 for Ethernet; 0 in requests. */
  readonly type?: number | undefined;
  /** IFF_*. */
  readonly flags?: number | undefined;
  /** Which of `flags` a request changes. */
  readonly change?: number | undefined;
  readonly name?: string | undefined;
  readonly mtu?: number | undefined;
  /** The hardware address, 6 bytes for Ethernet. */
  readonly address?: Uint8Array | undefined;
  /** `ifindex` of the other end of a veth, or of the device that this one lies on. */
  readonly link?: number | undefined;
  /** Number of the namespace that `link` is in; `undefined`: in this one. -1 as 0xffffffff: it has no number here. */
  readonly linkNetnsId?: number | undefined;
  /** In a request: the namespace that the device shall be in, as the id of a process in it or as an fd. */
  readonly netnsPid?: number | undefined;
  readonly netnsFd?: number | undefined;
  /** In a request that moves a device: its index there. */
  readonly newIfindex?: number | undefined;
  readonly operstate?: number | undefined;
  /** IFLA_INFO_KIND: `veth`, `dummy`, …; `undefined` for hardware and loopback. */
  readonly kind?: string | undefined;
  /** Of a veth in a request: the other end. */
  readonly peer?: Link | undefined;
  readonly stats?: LinkStats | undefined;
  readonly xdp?: Xdp | undefined;
}

/** The XDP program of a device. In a request `fd` (-1: none), `flags` and `expectedFd` count, in an answer the rest. */
export interface Xdp {
  readonly fd?: number | undefined;
  /** XDP_FLAGS_*. */
  readonly flags?: number | undefined;
  /** With XDP_FLAGS_REPLACE: the program that must be there, -1 for none. */
  readonly expectedFd?: number | undefined;
  /** XDP_ATTACHED: 4 for programs in several modes. */
  readonly attached?: number | undefined;
  /** Of the one program there is. */
  readonly progId?: number | undefined;
  readonly driverProgId?: number | undefined;
  readonly genericProgId?: number | undefined;
  readonly offloadProgId?: number | undefined;
}

export interface LinkStats {
  readonly rxPackets: bigint;
  readonly txPackets: bigint;
  readonly rxBytes: bigint;
  readonly txBytes: bigint;
  readonly rxErrors: bigint;
  readonly txErrors: bigint;
  readonly rxDropped: bigint;
  readonly txDropped: bigint;
}

export function encodeLink(link: Link): Uint8Array {
  const header = ifinfomsg.encode({
    ifi_type: link.type ?? 0,
    ifi_index: link.ifindex,
    ifi_flags: link.flags ?? 0,
    ifi_change: link.change ?? 0,
  });
  const attributes: Attributes<typeof IFLA> = {
    IFLA_ADDRESS: link.address,
    IFLA_IFNAME: link.name,
    IFLA_MTU: link.mtu,
    IFLA_LINK: link.link,
    IFLA_OPERSTATE: link.operstate,
    IFLA_LINKINFO: link.kind === undefined ? undefined : encodeInfo(link.kind, link.peer),
    IFLA_NET_NS_PID: link.netnsPid,
    IFLA_NET_NS_FD: link.netnsFd,
    IFLA_NEW_IFINDEX: link.newIfindex,
    IFLA_STATS64: link.stats === undefined ? undefined : encodeStats(link.stats),
    IFLA_LINK_NETNSID: link.linkNetnsId,
    IFLA_XDP: link.xdp === undefined ? undefined : encodeXdp(link.xdp),
  };
  return concatBytes([header, encodeAttributes(IFLA, attributes)]);
}

/** Throws SysError: EINVAL, ERANGE. */
export function decodeLink(payload: Uint8Array): Link {
  const link = decodeFlat(payload);
  const info = decodeAttributes(IFLA_INFO, link.info ?? new Uint8Array(0));
  const { IFLA_INFO_KIND: kind, IFLA_INFO_DATA: data } = info;
  const veth = kind === 'veth' && data !== undefined ? decodeAttributes(VETH_INFO, data).VETH_INFO_PEER : undefined;
  // A peer is no deeper than one level, whatever the bytes say.
  return { ...link.link, kind, peer: veth === undefined ? undefined : decodeFlat(veth).link };
}

function decodeFlat(payload: Uint8Array): { link: Link; info: Uint8Array | undefined } {
  const header = ifinfomsg.decode(checkedHeader(payload, ifinfomsg.size, 'struct ifinfomsg'));
  const attributes = decodeAttributes(IFLA, payload.subarray(ifinfomsg.size));
  const link: Link = {
    ifindex: header.ifi_index,
    type: header.ifi_type,
    flags: header.ifi_flags,
    change: header.ifi_change,
    name: attributes.IFLA_IFNAME,
    mtu: attributes.IFLA_MTU,
    address: attributes.IFLA_ADDRESS,
    link: attributes.IFLA_LINK,
    linkNetnsId: attributes.IFLA_LINK_NETNSID,
    netnsPid: attributes.IFLA_NET_NS_PID,
    netnsFd: attributes.IFLA_NET_NS_FD,
    newIfindex: attributes.IFLA_NEW_IFINDEX,
    operstate: attributes.IFLA_OPERSTATE,
    xdp: attributes.IFLA_XDP === undefined ? undefined : decodeXdp(attributes.IFLA_XDP),
    stats: attributes.IFLA_STATS64 === undefined ? undefined : decodeStats(attributes.IFLA_STATS64),
  };
  return { link, info: attributes.IFLA_LINKINFO };
}

function encodeInfo(kind: string, peer: Link | undefined): Uint8Array {
  return encodeAttributes(IFLA_INFO, {
    IFLA_INFO_KIND: kind,
    IFLA_INFO_DATA: peer === undefined ? undefined : encodeAttributes(VETH_INFO, { VETH_INFO_PEER: encodeLink(peer) }),
  });
}

/** The two spellings of each member. */
// biome-ignore format: aligned table
const XDP = {
  fd:            'IFLA_XDP_FD',          flags:         'IFLA_XDP_FLAGS',       expectedFd: 'IFLA_XDP_EXPECTED_FD',
  attached:      'IFLA_XDP_ATTACHED',    progId:        'IFLA_XDP_PROG_ID',     driverProgId: 'IFLA_XDP_DRV_PROG_ID',
  genericProgId: 'IFLA_XDP_SKB_PROG_ID', offloadProgId: 'IFLA_XDP_HW_PROG_ID',
} as const satisfies Record<keyof Xdp, keyof typeof IFLA_XDP>;

function encodeXdp(xdp: Xdp): Uint8Array {
  const given: Readonly<Record<string, number | undefined>> = { ...xdp };
  // -1 is an fd too, and the attributes are unsigned.
  const values = Object.entries(XDP).map(([name, attribute]) => [attribute, unsigned(given[name])]);
  return encodeAttributes(IFLA_XDP, Object.fromEntries(values));
}

function unsigned(n: number | undefined): number | undefined {
  return n === undefined ? undefined : n >>> 0;
}

function decodeXdp(bytes: Uint8Array): Xdp {
  const found = decodeAttributes(IFLA_XDP, bytes);
  return Object.fromEntries(
    Object.entries(XDP).flatMap(([name, attribute]) =>
      found[attribute] === undefined
        ? []
        : [[name, attribute.endsWith('_FD') ? found[attribute] | 0 : found[attribute]]],
    ),
  );
}

/** The two spellings of each counter. */
// biome-ignore format: aligned table
const STATS = {
  rxPackets: 'rx_packets', txPackets: 'tx_packets', rxBytes:   'rx_bytes',   txBytes:   'tx_bytes',
  rxErrors:  'rx_errors',  txErrors:  'tx_errors',  rxDropped: 'rx_dropped', txDropped: 'tx_dropped',
} as const satisfies Record<keyof LinkStats, keyof typeof rtnlLinkStats64.fields>;

function encodeStats(stats: LinkStats): Uint8Array {
  const given: Readonly<Record<string, bigint>> = { ...stats };
  const fields = Object.entries(STATS).map(([counter, field]) => [field, given[counter]]);
  return rtnlLinkStats64.encode(Object.fromEntries(fields) as StructValue<typeof rtnlLinkStats64.fields>); // by STATS
}

function decodeStats(bytes: Uint8Array): LinkStats {
  const fields = rtnlLinkStats64.decode(bytes);
  return Object.fromEntries(Object.entries(STATS).map(([counter, field]) => [counter, fields[field]])) as {
    // By STATS, which has every counter.
    -readonly [C in keyof LinkStats]: bigint;
  };
}
