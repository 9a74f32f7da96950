import { struct } from '../bytes/struct.ts';

/**
 * What programs get in r1, as of Linux 6.18 (include/uapi/linux/bpf.h; BTF of the running kernel, `contexts.test.ts`). IP addresses and `dst_port`, `remote_port` are
 * in network byte order, `src_port`, `local_port` in host order, as the kernel shows them. Addresses of 16 bytes are four words there. `__sk_buff` and `xdp_md`
 * are with the packets of engine/embedded/progs.
 */
// biome-ignore format: aligned table
export const bpfSock = struct(80, {
  bound_dev_if: ['u32', 0], family: ['u32', 4], type: ['u32', 8], protocol: ['u32', 12], mark: ['u32', 16], priority: ['u32', 20],
  src_ip4: ['u32', 24], src_ip6: ['bytes[16]', 28], src_port: ['u32', 44], dst_port: ['u16', 48], dst_ip4: ['u32', 52], dst_ip6: ['bytes[16]', 56],
  state: ['u32', 72], rx_queue_mapping: ['i32', 76],
});

// biome-ignore format: aligned table
export const bpfTcpSock = struct(112, {
  snd_cwnd: ['u32', 0], srtt_us: ['u32', 4], rtt_min: ['u32', 8], snd_ssthresh: ['u32', 12], rcv_nxt: ['u32', 16], snd_nxt: ['u32', 20],
  snd_una: ['u32', 24], mss_cache: ['u32', 28], ecn_flags: ['u32', 32], rate_delivered: ['u32', 36], rate_interval_us: ['u32', 40],
  packets_out: ['u32', 44], retrans_out: ['u32', 48], total_retrans: ['u32', 52], segs_in: ['u32', 56], data_segs_in: ['u32', 60],
  segs_out: ['u32', 64], data_segs_out: ['u32', 68], lost_out: ['u32', 72], sacked_out: ['u32', 76], bytes_received: ['u64', 80],
  bytes_acked: ['u64', 88], dsack_dups: ['u32', 96], delivered: ['u32', 100], delivered_ce: ['u32', 104], icsk_retransmits: ['u32', 108],
});

/** `sk`: the address of a struct bpf_sock, here and below. */
// biome-ignore format: aligned table
export const bpfSockAddr = struct(72, {
  user_family: ['u32', 0], user_ip4: ['u32', 4], user_ip6: ['bytes[16]', 8], user_port: ['u32', 24], family: ['u32', 28], type: ['u32', 32],
  protocol: ['u32', 36], msg_src_ip4: ['u32', 40], msg_src_ip6: ['bytes[16]', 44], sk: ['u64', 64],
});

/** `args` (four words) are `reply` and `replylong` too. */
// biome-ignore format: aligned table
export const bpfSockOps = struct(224, {
  op: ['u32', 0], args: ['bytes[16]', 4], reply: ['u32', 4], family: ['u32', 20], remote_ip4: ['u32', 24], local_ip4: ['u32', 28],
  remote_ip6: ['bytes[16]', 32], local_ip6: ['bytes[16]', 48], remote_port: ['u32', 64], local_port: ['u32', 68], is_fullsock: ['u32', 72],
  snd_cwnd: ['u32', 76], srtt_us: ['u32', 80], bpf_sock_ops_cb_flags: ['u32', 84], state: ['u32', 88], rtt_min: ['u32', 92],
  snd_ssthresh: ['u32', 96], rcv_nxt: ['u32', 100], snd_nxt: ['u32', 104], snd_una: ['u32', 108], mss_cache: ['u32', 112], ecn_flags: ['u32', 116],
  rate_delivered: ['u32', 120], rate_interval_us: ['u32', 124], packets_out: ['u32', 128], retrans_out: ['u32', 132], total_retrans: ['u32', 136],
  segs_in: ['u32', 140], data_segs_in: ['u32', 144], segs_out: ['u32', 148], data_segs_out: ['u32', 152], lost_out: ['u32', 156],
  sacked_out: ['u32', 160], sk_txhash: ['u32', 164], bytes_received: ['u64', 168], bytes_acked: ['u64', 176], sk: ['u64', 184],
  skb_data: ['u64', 192], skb_data_end: ['u64', 200], skb_len: ['u32', 208], skb_tcp_flags: ['u32', 212], skb_hwtstamp: ['u64', 216],
});

// biome-ignore format: aligned table
export const bpfSockopt = struct(40, {
  sk: ['u64', 0], optval: ['u64', 8], optval_end: ['u64', 16], level: ['i32', 24], optname: ['i32', 28], optlen: ['i32', 32], retval: ['i32', 36],
});

export const bpfSysctl = struct(8, { write: ['u32', 0], file_pos: ['u32', 4] });

/** `access_type`: BPF_DEVCG_ACC_* << 16 | BPF_DEVCG_DEV_*. */
export const bpfCgroupDevCtx = struct(12, { access_type: ['u32', 0], major: ['u32', 4], minor: ['u32', 8] });

// biome-ignore format: aligned table
export const skMsgMd = struct(80, {
  data: ['u64', 0], data_end: ['u64', 8], family: ['u32', 16], remote_ip4: ['u32', 20], local_ip4: ['u32', 24], remote_ip6: ['bytes[16]', 28],
  local_ip6: ['bytes[16]', 44], remote_port: ['u32', 60], local_port: ['u32', 64], size: ['u32', 68], sk: ['u64', 72],
});

/** `cookie` of the selected socket lies where `sk` does: it is what a test run says. */
// biome-ignore format: aligned table
export const bpfSkLookup = struct(72, {
  sk: ['u64', 0], cookie: ['u64', 0], family: ['u32', 8], protocol: ['u32', 12], remote_ip4: ['u32', 16], remote_ip6: ['bytes[16]', 20],
  remote_port: ['u16', 36], local_ip4: ['u32', 40], local_ip6: ['bytes[16]', 44], local_port: ['u32', 60], ingress_ifindex: ['u32', 64],
});

// biome-ignore format: aligned table
export const skReuseportMd = struct(56, {
  data: ['u64', 0], data_end: ['u64', 8], len: ['u32', 16], eth_protocol: ['u32', 20], ip_protocol: ['u32', 24], bind_inany: ['u32', 28],
  hash: ['u32', 32], sk: ['u64', 40], migrating_sk: ['u64', 48],
});

/** What a flow dissector finds out. Ports and `n_proto` are in network byte order; `ipv6_src` lies where `ipv4_src` does. */
// biome-ignore format: aligned table
export const bpfFlowKeys = struct(56, {
  nhoff: ['u16', 0], thoff: ['u16', 2], addr_proto: ['u16', 4], is_frag: ['u8', 6], is_first_frag: ['u8', 7], is_encap: ['u8', 8],
  ip_proto: ['u8', 9], n_proto: ['u16', 10], sport: ['u16', 12], dport: ['u16', 14], ipv4_src: ['u32', 16], ipv4_dst: ['u32', 20],
  ipv6_src: ['bytes[16]', 16], ipv6_dst: ['bytes[16]', 32], flags: ['u32', 48], flow_label: ['u32', 52],
});

/** The registers of x86-64. */
// biome-ignore format: aligned table
export const ptRegs = struct(168, {
  r15: ['u64', 0], r14: ['u64', 8], r13: ['u64', 16], r12: ['u64', 24], bp: ['u64', 32], bx: ['u64', 40], r11: ['u64', 48], r10: ['u64', 56],
  r9: ['u64', 64], r8: ['u64', 72], ax: ['u64', 80], cx: ['u64', 88], dx: ['u64', 96], si: ['u64', 104], di: ['u64', 112], orig_ax: ['u64', 120],
  ip: ['u64', 128], cs: ['u16', 136], flags: ['u64', 144], sp: ['u64', 152], ss: ['u16', 160],
});

/** `regs` is a {@link ptRegs}. */
export const bpfPerfEventData = struct(184, {
  regs: ['bytes[168]', 0],
  sample_period: ['u64', 168],
  addr: ['u64', 176],
});
