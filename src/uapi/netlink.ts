import { struct } from '../bytes/struct.ts';

/**
 * rtnetlink as of Linux 6.18: message types, flags, headers, and one table for each set of attributes, which the codecs of `net/` and strace
 * read. Sources: <linux/netlink.h>, <linux/rtnetlink.h>, <linux/pkt_sched.h>, <linux/pkt_cls.h>, <linux/if_link.h>.
 */

/** Message types. */
// biome-ignore format: aligned table
export const NLMSG_TYPES = {
  NLMSG_NOOP: 1, NLMSG_ERROR: 2, NLMSG_DONE: 3,
  RTM_NEWLINK: 16, RTM_DELLINK: 17, RTM_GETLINK: 18, RTM_SETLINK: 19,
  RTM_NEWADDR: 20, RTM_DELADDR: 21, RTM_GETADDR: 22,
  RTM_NEWROUTE: 24, RTM_DELROUTE: 25, RTM_GETROUTE: 26,
  RTM_NEWNEIGH: 28, RTM_DELNEIGH: 29, RTM_GETNEIGH: 30,
  RTM_NEWQDISC: 36, RTM_DELQDISC: 37, RTM_GETQDISC: 38,
  RTM_NEWTFILTER: 44, RTM_DELTFILTER: 45, RTM_GETTFILTER: 46,
  RTM_NEWACTION: 48, RTM_DELACTION: 49, RTM_GETACTION: 50,
  RTM_NEWCHAIN: 100, RTM_DELCHAIN: 101, RTM_GETCHAIN: 102,
} as const satisfies Record<string, number>;
export type NlmsgTypeName = keyof typeof NLMSG_TYPES;

export const { NLMSG_ERROR, NLMSG_DONE } = NLMSG_TYPES;
export const { RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK } = NLMSG_TYPES;
export const { RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR } = NLMSG_TYPES;
export const { RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE } = NLMSG_TYPES;
export const { RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH } = NLMSG_TYPES;
export const { RTM_NEWQDISC, RTM_DELQDISC, RTM_GETQDISC } = NLMSG_TYPES;
export const { RTM_NEWTFILTER, RTM_DELTFILTER, RTM_GETTFILTER } = NLMSG_TYPES;
export const { RTM_NEWACTION, RTM_DELACTION, RTM_GETACTION } = NLMSG_TYPES;
export const { RTM_NEWCHAIN, RTM_DELCHAIN, RTM_GETCHAIN } = NLMSG_TYPES;

const typeNames = new Map(Object.entries(NLMSG_TYPES).map(([name, n]): [number, string] => [n, name]));

/** `RTM_NEWTFILTER` for 44; the number in decimal if the table does not have it. */
export function nlmsgTypeName(type: number): string {
  return typeNames.get(type) ?? String(type);
}

// nlmsg_flags. Bits 8 and up mean one thing in GET requests and another in NEW requests, a third in acknowledgements.
export const NLM_F_REQUEST = 0x1;
export const NLM_F_MULTI = 0x2;
export const NLM_F_ACK = 0x4;
export const NLM_F_ECHO = 0x8;
/** In a dump: the kernel changed under it, so the parts may not fit together. */
export const NLM_F_DUMP_INTR = 0x10;
export const NLM_F_ROOT = 0x100;
export const NLM_F_MATCH = 0x200;
export const NLM_F_DUMP = NLM_F_ROOT | NLM_F_MATCH;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;
/** In an NLMSG_ERROR: the header of the request follows, but not its payload. */
export const NLM_F_CAPPED = 0x100;
/** In an NLMSG_ERROR or NLMSG_DONE: attributes follow. */
export const NLM_F_ACK_TLVS = 0x200;

export const nlmsghdr = struct(16, {
  nlmsg_len: ['u32', 0],
  nlmsg_type: ['u16', 4],
  nlmsg_flags: ['u16', 6],
  nlmsg_seq: ['u32', 8],
  nlmsg_pid: ['u32', 12],
});

// biome-ignore format: aligned table
export const tcmsg = struct(20, {
  tcm_family: ['u8', 0], tcm_ifindex: ['u32', 4], tcm_handle: ['u32', 8], tcm_parent: ['u32', 12], tcm_info: ['u32', 16],
});

/** Of RTM_*ACTION. */
export const tcamsg = struct(4, { tca_family: ['u8', 0] });

// biome-ignore format: aligned table
export const ifinfomsg = struct(16, {
  ifi_family: ['u8', 0], ifi_type: ['u16', 2], ifi_index: ['u32', 4], ifi_flags: ['u32', 8], ifi_change: ['u32', 12],
});

// biome-ignore format: aligned table
export const ifaddrmsg = struct(8, {
  ifa_family: ['u8', 0], ifa_prefixlen: ['u8', 1], ifa_flags: ['u8', 2], ifa_scope: ['u8', 3], ifa_index: ['u32', 4],
});

// biome-ignore format: aligned table
export const rtmsg = struct(12, {
  rtm_family: ['u8', 0], rtm_dst_len: ['u8', 1], rtm_src_len: ['u8', 2], rtm_tos: ['u8', 3], rtm_table: ['u8', 4], rtm_protocol: ['u8', 5],
  rtm_scope: ['u8', 6], rtm_type: ['u8', 7], rtm_flags: ['u32', 8],
});

// biome-ignore format: aligned table
export const ndmsg = struct(12, {
  ndm_family: ['u8', 0], ndm_ifindex: ['u32', 4], ndm_state: ['u16', 8], ndm_flags: ['u8', 10], ndm_type: ['u8', 11],
});

/** The first third of struct rtnl_link_stats64, which the kernel sends whole. */
// biome-ignore format: aligned table
export const rtnlLinkStats64 = struct(200, {
  rx_packets: ['u64', 0], tx_packets: ['u64', 8], rx_bytes: ['u64', 16], tx_bytes: ['u64', 24],
  rx_errors: ['u64', 32], tx_errors: ['u64', 40], rx_dropped: ['u64', 48], tx_dropped: ['u64', 56],
});

/** What begins the parameters of every action: struct tc_act_bpf and struct tc_gact are nothing else. */
// biome-ignore format: aligned table
export const tcGen = struct(20, {
  index: ['u32', 0], capab: ['u32', 4], action: ['i32', 8], refcnt: ['i32', 12], bindcnt: ['i32', 16],
});

/** TCA_MIRRED_PARMS: what begins all parameters, and where to. */
// biome-ignore format: aligned table
export const tcMirred = struct(28, {
  index: ['u32', 0], capab: ['u32', 4], action: ['i32', 8], refcnt: ['i32', 12], bindcnt: ['i32', 16], eaction: ['i32', 20], ifindex: ['u32', 24],
});
export const TCA_EGRESS_REDIR = 1;
export const TCA_EGRESS_MIRROR = 2;
export const TCA_INGRESS_REDIR = 3;
export const TCA_INGRESS_MIRROR = 4;

/** Ages of an action, in hundredths of a second; 0 for what never happened. */
// biome-ignore format: aligned table
export const tcfT = struct(32, {
  install: ['u64', 0], lastuse: ['u64', 8], expires: ['u64', 16], firstuse: ['u64', 24],
});

/** TCA_GACT_PROB: another verdict for some of the packets. */
export const tcGactP = struct(8, { ptype: ['u16', 0], pval: ['u16', 2], paction: ['i32', 4] });

/** Its `ptype`: by chance, or each so many-th. */
export const PGACT_NETRAND = 1;
export const PGACT_DETERM = 2;

export const gnetStatsBasic = struct(16, { bytes: ['u64', 0], packets: ['u32', 8] });

// biome-ignore format: aligned table
export const gnetStatsQueue = struct(20, {
  qlen: ['u32', 0], backlog: ['u32', 4], drops: ['u32', 8], requeues: ['u32', 12], overlimits: ['u32', 16],
});

/**
 * How an attribute's payload is read; `string` ends with a NUL, `bytes` is kept raw: a nest, a struct, an address. `nest` is raw too, and sent with
 * NLA_F_NESTED, as the younger families want it. `bits` is struct nla_bitfield32, bits and then which of them count: read as those that are set and
 * count, and sent so that the set ones count.
 */
export type AttributeKind = 'u8' | 'u16' | 'u32' | 'bits' | 'string' | 'bytes' | 'nest';
export type AttributeTable = Readonly<Record<string, readonly [type: number, kind: AttributeKind]>>;

// biome-ignore format: aligned table
export const NLMSGERR_ATTR = {
  NLMSGERR_ATTR_MSG:    [1, 'string'],
  NLMSGERR_ATTR_OFFS:   [2, 'u32'],
  NLMSGERR_ATTR_COOKIE: [3, 'bytes'],
} as const satisfies AttributeTable;

/** Of RTM_*QDISC, RTM_*TFILTER and RTM_*CHAIN. */
// biome-ignore format: aligned table
export const TCA = {
  TCA_KIND:          [1,  'string'],
  TCA_OPTIONS:       [2,  'bytes'],
  TCA_STATS2:        [7,  'bytes'],
  TCA_CHAIN:         [11, 'u32'],
  TCA_HW_OFFLOAD:    [12, 'u8'],
  TCA_INGRESS_BLOCK: [13, 'u32'],
  TCA_EGRESS_BLOCK:  [14, 'u32'],
} as const satisfies AttributeTable;

/** In TCA_OPTIONS of a filter of kind `bpf`. */
// biome-ignore format: aligned table
export const TCA_BPF = {
  TCA_BPF_ACT:       [1,  'bytes'],
  TCA_BPF_POLICE:    [2,  'bytes'],
  TCA_BPF_CLASSID:   [3,  'u32'],
  TCA_BPF_OPS_LEN:   [4,  'u16'],
  TCA_BPF_OPS:       [5,  'bytes'],
  TCA_BPF_FD:        [6,  'u32'],
  TCA_BPF_NAME:      [7,  'string'],
  TCA_BPF_FLAGS:     [8,  'u32'],
  TCA_BPF_FLAGS_GEN: [9,  'u32'],
  TCA_BPF_TAG:       [10, 'bytes'],
  TCA_BPF_ID:        [11, 'u32'],
} as const satisfies AttributeTable;

/** Of RTM_*ACTION. TCA_ACT_TAB is a nest of actions, each under its place in the order, from 1. */
// biome-ignore format: aligned table
export const TCA_ROOT = {
  TCA_ACT_TAB:         [1, 'bytes'],
  TCA_ROOT_FLAGS:      [2, 'bits'],
  TCA_ROOT_COUNT:      [3, 'u32'],
  TCA_ROOT_TIME_DELTA: [4, 'u32'],
} as const satisfies AttributeTable;

/** Of one action. */
// biome-ignore format: aligned table
export const TCA_ACT = {
  TCA_ACT_KIND:          [1,  'string'],
  TCA_ACT_OPTIONS:       [2,  'nest'],
  TCA_ACT_INDEX:         [3,  'u32'],
  TCA_ACT_STATS:         [4,  'bytes'],
  TCA_ACT_COOKIE:        [6,  'bytes'],
  TCA_ACT_FLAGS:         [7,  'bits'],
  TCA_ACT_HW_STATS:      [8,  'bits'],
  TCA_ACT_USED_HW_STATS: [9,  'bits'],
  TCA_ACT_IN_HW_COUNT:   [10, 'u32'],
} as const satisfies AttributeTable;

/** In TCA_ACT_OPTIONS of an action of kind `bpf`. */
// biome-ignore format: aligned table
export const TCA_ACT_BPF = {
  TCA_ACT_BPF_TM:      [1, 'bytes'],
  TCA_ACT_BPF_PARMS:   [2, 'bytes'],
  TCA_ACT_BPF_OPS_LEN: [3, 'u16'],
  TCA_ACT_BPF_OPS:     [4, 'bytes'],
  TCA_ACT_BPF_FD:      [5, 'u32'],
  TCA_ACT_BPF_NAME:    [6, 'string'],
  TCA_ACT_BPF_TAG:     [8, 'bytes'],
  TCA_ACT_BPF_ID:      [9, 'u32'],
} as const satisfies AttributeTable;

/** In TCA_ACT_OPTIONS of an action of kind `gact`. */
// biome-ignore format: aligned table
export const TCA_GACT = {
  TCA_GACT_TM:    [1, 'bytes'],
  TCA_GACT_PARMS: [2, 'bytes'],
  TCA_GACT_PROB:  [3, 'bytes'],
} as const satisfies AttributeTable;

/** In TCA_ACT_OPTIONS of an action of kind `mirred`. */
// biome-ignore format: aligned table
export const TCA_MIRRED = {
  TCA_MIRRED_TM:      [1, 'bytes'],
  TCA_MIRRED_PARMS:   [2, 'bytes'],
  TCA_MIRRED_BLOCKID: [4, 'u32'],
} as const satisfies AttributeTable;

/** In TCA_ACT_STATS. */
// biome-ignore format: aligned table
export const TCA_STATS = {
  TCA_STATS_BASIC: [1, 'bytes'],
  TCA_STATS_QUEUE: [3, 'bytes'],
  // u64: all packets, where they are too many for TCA_STATS_BASIC.
  TCA_STATS_PKT64: [8, 'bytes'],
} as const satisfies AttributeTable;

/** Of RTM_*ADDR. IFA_LOCAL is the address, IFA_ADDRESS that of the other end where there is one; of IPv6 the address. */
// biome-ignore format: aligned table
export const IFA = {
  IFA_ADDRESS:   [1, 'bytes'],
  IFA_LOCAL:     [2, 'bytes'],
  IFA_LABEL:     [3, 'string'],
  IFA_BROADCAST: [4, 'bytes'],
  IFA_FLAGS:     [8, 'u32'],
} as const satisfies AttributeTable;

/** Of RTM_*ROUTE. */
// biome-ignore format: aligned table
export const RTA = {
  RTA_DST:      [1,  'bytes'],
  RTA_OIF:      [4,  'u32'],
  RTA_GATEWAY:  [5,  'bytes'],
  RTA_PRIORITY: [6,  'u32'],
  RTA_PREFSRC:  [7,  'bytes'],
  RTA_TABLE:    [15, 'u32'],
} as const satisfies AttributeTable;

/** Of RTM_*NEIGH. */
// biome-ignore format: aligned table
export const NDA = {
  NDA_DST:    [1, 'bytes'],
  NDA_LLADDR: [2, 'bytes'],
} as const satisfies AttributeTable;

// biome-ignore format: aligned table
export const IFLA = {
  IFLA_ADDRESS:     [1,  'bytes'],
  IFLA_IFNAME:      [3,  'string'],
  IFLA_MTU:         [4,  'u32'],
  IFLA_LINK:        [5,  'u32'],
  IFLA_OPERSTATE:   [16, 'u8'],
  IFLA_LINKINFO:    [18, 'bytes'],
  // The namespace that a device shall be in: of a process, or that an fd leads to.
  IFLA_NET_NS_PID:  [19, 'u32'],
  IFLA_STATS64:     [23, 'bytes'],
  IFLA_NET_NS_FD:   [28, 'u32'],
  IFLA_EXT_MASK:    [29, 'u32'],
  // An int: -1 where the other end is in a namespace that this one has no number for.
  IFLA_LINK_NETNSID: [37, 'u32'],
  IFLA_XDP:         [43, 'nest'],
  IFLA_NEW_IFINDEX: [49, 'u32'],
} as const satisfies AttributeTable;

// biome-ignore format: aligned table
export const IFLA_INFO = {
  IFLA_INFO_KIND: [1, 'string'],
  IFLA_INFO_DATA: [2, 'bytes'],
} as const satisfies AttributeTable;

/** In IFLA_XDP. A request has the fd of a program, -1 for none; an answer the ids. */
// biome-ignore format: aligned table
export const IFLA_XDP = {
  IFLA_XDP_FD:          [1, 'u32'],
  IFLA_XDP_ATTACHED:    [2, 'u8'],
  IFLA_XDP_FLAGS:       [3, 'u32'],
  IFLA_XDP_PROG_ID:     [4, 'u32'],
  IFLA_XDP_DRV_PROG_ID: [5, 'u32'],
  IFLA_XDP_SKB_PROG_ID: [6, 'u32'],
  IFLA_XDP_HW_PROG_ID:  [7, 'u32'],
  IFLA_XDP_EXPECTED_FD: [8, 'u32'],
} as const satisfies AttributeTable;

/** IFLA_XDP_ATTACHED. Index = number. */
export const XDP_ATTACHED = ['none', 'driver', 'generic', 'offload', 'multi'] as const;

// IFLA_XDP_FLAGS, and the flags of an XDP link.
export const XDP_FLAGS_UPDATE_IF_NOEXIST = 1 << 0;
export const XDP_FLAGS_SKB_MODE = 1 << 1;
export const XDP_FLAGS_DRV_MODE = 1 << 2;
export const XDP_FLAGS_HW_MODE = 1 << 3;
export const XDP_FLAGS_REPLACE = 1 << 4;
/** Of these, one at most. */
export const XDP_FLAGS_MODES = XDP_FLAGS_SKB_MODE | XDP_FLAGS_DRV_MODE | XDP_FLAGS_HW_MODE;

/** In IFLA_INFO_DATA of a veth: an ifinfomsg and the IFLA_* attributes of the other end. */
// biome-ignore format: aligned table
export const VETH_INFO = {
  VETH_INFO_PEER: [1, 'bytes'],
} as const satisfies AttributeTable;

// nla_type: two bits beside the number.
export const NLA_F_NESTED = 0x8000;
export const NLA_TYPE_MASK = 0x3fff;

// tcm_handle and tcm_parent: major number in the upper half.
export const TC_H_UNSPEC = 0;
export const TC_H_ROOT = 0xffffffff;
/** Also TC_H_INGRESS: the parent of the qdiscs `clsact` and `ingress`. */
export const TC_H_CLSACT = 0xfffffff1;
/** Filters of a clsact qdisc: ffff:fff2 and ffff:fff3. */
export const TC_H_CLSACT_INGRESS = 0xfffffff2;
export const TC_H_CLSACT_EGRESS = 0xfffffff3;
/** The handle that the qdiscs `clsact` and `ingress` have: ffff: */
export const TC_H_CLSACT_HANDLE = 0xffff0000;
/** tcm_ifindex of a filter on a shared block; tcm_parent is then the number of the block. */
export const TCM_IFINDEX_MAGIC_BLOCK = 0xffffffff;

// TCA_BPF_FLAGS and TCA_BPF_FLAGS_GEN.
export const TCA_BPF_FLAG_ACT_DIRECT = 1;
export const TCA_CLS_FLAGS_SKIP_HW = 1;
export const TCA_CLS_FLAGS_SKIP_SW = 2;
export const TCA_CLS_FLAGS_IN_HW = 4;
export const TCA_CLS_FLAGS_NOT_IN_HW = 8;
export const TCA_CLS_FLAGS_VERBOSE = 16;

/** In TCA_ROOT_FLAGS of a dump: more than 32 actions a message, and their number in it. */
export const TCA_ACT_FLAG_LARGE_DUMP_ON = 1;
/** Actions that a request or a filter may name. */
export const TCA_ACT_MAX_PRIO = 32;
/** Bytes of TCA_ACT_COOKIE. */
export const TC_COOKIE_MAX_SIZE = 16;

// TCA_ACT_FLAGS, and TCA_ACT_HW_STATS.
export const TCA_ACT_FLAGS_NO_PERCPU_STATS = 1;
export const TCA_ACT_FLAGS_SKIP_HW = 2;
export const TCA_ACT_FLAGS_SKIP_SW = 4;
export const TCA_ACT_HW_STATS_IMMEDIATE = 1;
export const TCA_ACT_HW_STATS_DELAYED = 2;

// Ethernet protocols, in host order.
export const ETH_P_ALL = 0x0003;
export const ETH_P_IP = 0x0800;
export const ETH_P_ARP = 0x0806;
export const ETH_P_IPV6 = 0x86dd;
export const ETH_P_8021Q = 0x8100;
export const ETH_P_8021AD = 0x88a8;

// ifi_flags.
export const IFF_UP = 0x1;
export const IFF_BROADCAST = 0x2;
export const IFF_LOOPBACK = 0x8;
export const IFF_RUNNING = 0x40;
export const IFF_NOARP = 0x80;
export const IFF_LOWER_UP = 0x10000;

/** Bytes of a device name with its NUL. */
export const IFNAMSIZ = 16;
