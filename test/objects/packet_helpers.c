// What helpers do to packets and say about them. Each program leaves what it saw in `seen`.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

// Of Linux 6.0 and 6.2.
#define BPF_F_TUNINFO_FLAGS (1ULL << 4)
#define BPF_F_ADJ_ROOM_DECAP_L3_IPV4 (1ULL << 7)
#define BPF_F_ADJ_ROOM_DECAP_L3_IPV6 (1ULL << 8)

__s64 seen[64];
char text[] = "text";

static long next;

#define NOTE(value) (seen[next++ & 63] = (value))

static void note_packet(struct __sk_buff *skb)
{
	NOTE(skb->len);
	NOTE(bpf_ntohs(skb->protocol));
}

static void note_vlan(struct __sk_buff *skb)
{
	note_packet(skb);
	NOTE(skb->vlan_present);
	NOTE(skb->vlan_tci);
	NOTE(bpf_ntohs(skb->vlan_proto));
}

SEC("tc")
int vlan_push(struct __sk_buff *skb)
{
	next = 0;
	NOTE(bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), 7));
	note_vlan(skb);
	NOTE(bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021AD), 0x6009));
	note_vlan(skb);
	NOTE(bpf_skb_vlan_push(skb, 0x1234, 0xffff));
	note_vlan(skb);
	return 0;
}

SEC("tc")
int vlan_push_pop(struct __sk_buff *skb)
{
	next = 0;
	NOTE(bpf_skb_vlan_pop(skb));
	note_vlan(skb);
	NOTE(bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), 7));
	NOTE(bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), 8));
	NOTE(bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021AD), 9));
	NOTE(bpf_skb_vlan_pop(skb));
	note_vlan(skb);
	NOTE(bpf_skb_vlan_pop(skb));
	note_vlan(skb);
	NOTE(bpf_skb_vlan_pop(skb));
	note_vlan(skb);
	NOTE(bpf_skb_vlan_pop(skb));
	return 0;
}

// Of a frame with tags in it.
SEC("tc")
int vlan_pop(struct __sk_buff *skb)
{
	next = 0;
	note_vlan(skb);
	for (int i = 0; i < 3; i++) {
		NOTE(bpf_skb_vlan_pop(skb));
		note_vlan(skb);
	}
	return 0;
}

SEC("tc")
int change_proto(struct __sk_buff *skb)
{
	next = 0;
	NOTE(bpf_skb_change_proto(skb, bpf_htons(ETH_P_IPV6), 1));
	NOTE(bpf_skb_change_proto(skb, bpf_htons(ETH_P_ARP), 0));
	NOTE(bpf_skb_change_proto(skb, bpf_htons(ETH_P_IP), 0));
	note_packet(skb);
	NOTE(bpf_skb_change_proto(skb, bpf_htons(ETH_P_IPV6), 0));
	note_packet(skb);
	return 0;
}

SEC("tc")
int change_tail(struct __sk_buff *skb)
{
	next = 0;
	NOTE(bpf_skb_change_tail(skb, 100, 1));
	NOTE(bpf_skb_change_tail(skb, 13, 0));
	NOTE(bpf_skb_change_tail(skb, 16065, 0));
	NOTE(bpf_skb_change_tail(skb, -1, 0));
	NOTE(bpf_skb_change_tail(skb, 14, 0));
	note_packet(skb);
	NOTE(bpf_skb_change_tail(skb, 1000, 0));
	note_packet(skb);
	NOTE(bpf_skb_change_tail(skb, 16064, 0));
	note_packet(skb);
	NOTE(bpf_skb_change_tail(skb, 70, 0));
	return 0;
}

SEC("tc")
int change_head(struct __sk_buff *skb)
{
	__u8 byte = 0;

	next = 0;
	NOTE(bpf_skb_change_head(skb, 4, 1));
	NOTE(bpf_skb_change_head(skb, 20000, 0));
	NOTE(bpf_skb_change_head(skb, -1, 0));
	NOTE(bpf_skb_change_head(skb, 0, 0));
	NOTE(bpf_skb_change_head(skb, 8, 0));
	note_packet(skb);
	NOTE(bpf_skb_load_bytes_relative(skb, 0, &byte, 1, BPF_HDR_START_NET));
	NOTE(byte);
	NOTE(bpf_skb_change_head(skb, 400, 0));
	note_packet(skb);
	NOTE(bpf_skb_load_bytes_relative(skb, 0, &byte, 1, BPF_HDR_START_NET));
	NOTE(byte);
	NOTE(bpf_skb_change_tail(skb, 430, 0));
	NOTE(bpf_skb_change_tail(skb, 200, 0));
	NOTE(bpf_skb_change_tail(skb, 20, 0));
	NOTE(bpf_skb_change_tail(skb, 13, 0));
	return 0;
}

SEC("tc")
int adjust_room(struct __sk_buff *skb)
{
	next = 0;
	NOTE(bpf_skb_adjust_room(skb, 4, BPF_ADJ_ROOM_MAC, 1ULL << 40));
	NOTE(bpf_skb_adjust_room(skb, 0x1000, BPF_ADJ_ROOM_MAC, 0));
	NOTE(bpf_skb_adjust_room(skb, 4, 2, 0));
	NOTE(bpf_skb_adjust_room(skb, -1000, BPF_ADJ_ROOM_NET, 0));
	NOTE(bpf_skb_adjust_room(skb, 4, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_DECAP_L3_IPV4));
	NOTE(bpf_skb_adjust_room(skb, -4, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_DECAP_L3_IPV4 | BPF_F_ADJ_ROOM_DECAP_L3_IPV6));
	NOTE(bpf_skb_adjust_room(skb, -4, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_ENCAP_L4_UDP));
	NOTE(bpf_skb_adjust_room(skb, 8, BPF_ADJ_ROOM_MAC, 0));
	note_packet(skb);
	NOTE(bpf_skb_adjust_room(skb, 4, BPF_ADJ_ROOM_NET, 0));
	note_packet(skb);
	NOTE(bpf_skb_adjust_room(skb, -6, BPF_ADJ_ROOM_NET, 0));
	NOTE(bpf_skb_adjust_room(skb, -2, BPF_ADJ_ROOM_MAC, 0));
	NOTE(bpf_skb_adjust_room(skb, 0, BPF_ADJ_ROOM_MAC, 0));
	note_packet(skb);
	return 0;
}

SEC("tc")
int encapsulate(struct __sk_buff *skb)
{
	next = 0;
	NOTE(bpf_skb_adjust_room(skb, 28, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 | BPF_F_ADJ_ROOM_ENCAP_L3_IPV6));
	NOTE(bpf_skb_adjust_room(skb, 28, BPF_ADJ_ROOM_MAC,
				 BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 | BPF_F_ADJ_ROOM_ENCAP_L4_GRE | BPF_F_ADJ_ROOM_ENCAP_L4_UDP));
	NOTE(bpf_skb_adjust_room(skb, 28, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 | BPF_F_ADJ_ROOM_ENCAP_L2(29)));
	NOTE(bpf_skb_adjust_room(skb, 28, BPF_ADJ_ROOM_MAC,
				 BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 | BPF_F_ADJ_ROOM_ENCAP_L2_ETH | BPF_F_ADJ_ROOM_ENCAP_L2(13)));
	NOTE(bpf_skb_adjust_room(skb, 42, BPF_ADJ_ROOM_MAC,
				 BPF_F_ADJ_ROOM_ENCAP_L3_IPV6 | BPF_F_ADJ_ROOM_ENCAP_L2_ETH | BPF_F_ADJ_ROOM_ENCAP_L2(14)));
	note_packet(skb);
	NOTE(bpf_skb_adjust_room(skb, 28, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_ENCAP_L3_IPV4));
	NOTE(bpf_skb_change_tail(skb, 60, 0));
	NOTE(bpf_skb_adjust_room(skb, -42, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_DECAP_L3_IPV4));
	note_packet(skb);
	NOTE(bpf_skb_adjust_room(skb, 8, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_ENCAP_L3_IPV4));
	return 0;
}

SEC("tc")
int csum_levels(struct __sk_buff *skb)
{
	next = 0;
	NOTE(bpf_csum_level(skb, BPF_CSUM_LEVEL_QUERY));
	NOTE(bpf_csum_level(skb, BPF_CSUM_LEVEL_DEC));
	for (int i = 0; i < 5; i++) {
		NOTE(bpf_csum_level(skb, BPF_CSUM_LEVEL_INC));
		NOTE(bpf_csum_level(skb, BPF_CSUM_LEVEL_QUERY));
	}
	NOTE(bpf_csum_level(skb, BPF_CSUM_LEVEL_DEC));
	NOTE(bpf_csum_level(skb, BPF_CSUM_LEVEL_QUERY));
	NOTE(bpf_skb_adjust_room(skb, 4, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_NO_CSUM_RESET));
	NOTE(bpf_csum_level(skb, BPF_CSUM_LEVEL_QUERY));
	NOTE(bpf_skb_adjust_room(skb, -4, BPF_ADJ_ROOM_MAC, 0));
	NOTE(bpf_csum_level(skb, BPF_CSUM_LEVEL_QUERY));
	NOTE(bpf_csum_level(skb, BPF_CSUM_LEVEL_INC));
	NOTE(bpf_csum_level(skb, BPF_CSUM_LEVEL_RESET));
	NOTE(bpf_csum_level(skb, BPF_CSUM_LEVEL_QUERY));
	NOTE(bpf_csum_level(skb, 4));
	return 0;
}

SEC("tc")
int ecn(struct __sk_buff *skb)
{
	next = 0;
	NOTE(bpf_skb_ecn_set_ce(skb));
	NOTE(bpf_skb_ecn_set_ce(skb));
	return 0;
}

SEC("cgroup_skb/egress")
int ecn_in_cgroup(struct __sk_buff *skb)
{
	next = 0;
	NOTE(bpf_skb_ecn_set_ce(skb));
	return 1;
}

SEC("tc")
int timestamps(struct __sk_buff *skb)
{
	next = 0;
	NOTE(bpf_skb_set_tstamp(skb, 5, BPF_SKB_TSTAMP_DELIVERY_MONO));
	NOTE(skb->tstamp);
	NOTE(skb->tstamp_type);
	NOTE(bpf_skb_set_tstamp(skb, 0, BPF_SKB_TSTAMP_DELIVERY_MONO));
	NOTE(bpf_skb_set_tstamp(skb, 1ULL << 40, 2));
	NOTE(skb->tstamp);
	NOTE(skb->tstamp_type);
	NOTE(bpf_skb_set_tstamp(skb, 0, 2));
	NOTE(bpf_skb_set_tstamp(skb, 6, 3));
	NOTE(bpf_skb_set_tstamp(skb, 0, BPF_SKB_TSTAMP_UNSPEC));
	NOTE(skb->tstamp);
	NOTE(skb->tstamp_type);
	return 0;
}

SEC("tc")
int tunnels(struct __sk_buff *skb)
{
	struct bpf_tunnel_key key = { .tunnel_id = 9 };
	__u8 options[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };

	next = 0;
	NOTE(bpf_skb_get_tunnel_key(skb, &key, sizeof(key), 0));
	NOTE(key.tunnel_id);
	NOTE(bpf_skb_get_tunnel_opt(skb, options, 8));
	NOTE(options[0]);
	NOTE(bpf_skb_set_tunnel_opt(skb, options, 8));
	NOTE(bpf_skb_set_tunnel_key(skb, &key, sizeof(key), 1 << 5));
	NOTE(bpf_skb_set_tunnel_key(skb, &key, 30, 0));
	key.tunnel_label = 1;
	NOTE(bpf_skb_set_tunnel_key(skb, &key, sizeof(key), 0));
	key.tunnel_label = 0;
	key.tunnel_ext = 1;
	NOTE(bpf_skb_set_tunnel_key(skb, &key, sizeof(key), 0));
	key.tunnel_ext = 0;
	key.tunnel_id = 77;
	key.tunnel_tos = 4;
	key.tunnel_ttl = 64;
	key.remote_ipv4 = 0x0a000001;
	key.local_ipv4 = 0x0a000002;
	NOTE(bpf_skb_set_tunnel_key(skb, &key, sizeof(key), 0));
	NOTE(bpf_skb_get_tunnel_opt(skb, options, 8));
	options[7] = 8;
	NOTE(bpf_skb_set_tunnel_opt(skb, options, 7));
	NOTE(bpf_skb_set_tunnel_opt(skb, options, 8));
	options[7] = 0;
	NOTE(bpf_skb_get_tunnel_opt(skb, options, 4));
	NOTE(bpf_skb_get_tunnel_opt(skb, options, 8));
	NOTE(options[7]);
	NOTE(bpf_skb_get_tunnel_key(skb, &key, sizeof(key), BPF_F_TUNINFO_IPV6));
	NOTE(bpf_skb_get_tunnel_key(skb, &key, 30, 0));
	NOTE(bpf_skb_get_tunnel_key(skb, &key, sizeof(key), 1 << 5));
	NOTE(bpf_skb_get_tunnel_key(skb, &key, sizeof(key), 0));
	NOTE(key.tunnel_id);
	NOTE(key.remote_ipv4);
	NOTE(key.local_ipv4);
	NOTE(key.tunnel_tos << 8 | key.tunnel_ttl);
	NOTE(key.tunnel_ext);
	NOTE(bpf_skb_get_tunnel_key(skb, &key, sizeof(key), BPF_F_TUNINFO_FLAGS));
	NOTE(key.tunnel_ext);
	key.tunnel_ext = 0;
	NOTE(bpf_skb_set_tunnel_key(skb, &key, sizeof(key), BPF_F_ZERO_CSUM_TX | BPF_F_DONT_FRAGMENT | BPF_F_SEQ_NUMBER | 1 << 4));
	NOTE(bpf_skb_get_tunnel_key(skb, &key, sizeof(key), BPF_F_TUNINFO_FLAGS));
	NOTE(key.tunnel_ext);
	return 0;
}

SEC("tc")
int tunnels_ipv6(struct __sk_buff *skb)
{
	struct bpf_tunnel_key key = { .tunnel_id = 9, .tunnel_label = 0x12345678, .remote_ipv6 = { 1, 2, 3, 4 }, .local_ipv6 = { 5, 6, 7, 8 } };

	next = 0;
	NOTE(bpf_skb_set_tunnel_key(skb, &key, sizeof(key), BPF_F_TUNINFO_IPV6));
	NOTE(bpf_skb_get_tunnel_key(skb, &key, sizeof(key), 0));
	NOTE(bpf_skb_get_tunnel_key(skb, &key, 8, BPF_F_TUNINFO_IPV6));
	NOTE(bpf_skb_get_tunnel_key(skb, &key, sizeof(key), BPF_F_TUNINFO_IPV6));
	NOTE(key.tunnel_label);
	NOTE(key.remote_ipv6[3]);
	NOTE(key.local_ipv6[3]);
	return 0;
}

SEC("tc")
int no_ipsec(struct __sk_buff *skb)
{
	struct bpf_xfrm_state state = { .spi = 5 };

	next = 0;
	NOTE(bpf_skb_get_xfrm_state(skb, 0, &state, sizeof(state), 0));
	NOTE(state.spi);
	return 0;
}

SEC("tc")
int redirects(struct __sk_buff *skb)
{
	struct bpf_redir_neigh neighbour = { .nh_family = 2 };

	next = 0;
	NOTE(bpf_redirect_peer(1, 0));
	NOTE(bpf_redirect_peer(1, 1));
	NOTE(bpf_redirect_neigh(1, 0, 0, 0));
	NOTE(bpf_redirect_neigh(1, 0, 0, 1));
	NOTE(bpf_redirect_neigh(1, &neighbour, sizeof(neighbour), 0));
	NOTE(bpf_redirect_neigh(1, &neighbour, sizeof(neighbour) - 1, 0));
	return 0;
}

static void note_routes(void *ctx)
{
	struct bpf_fib_lookup fib = { .family = 2, .ifindex = 1 };

	next = 0;
	NOTE(bpf_fib_lookup(ctx, &fib, sizeof(fib), 0));
	NOTE(bpf_fib_lookup(ctx, &fib, sizeof(fib), 1U << 31));
	NOTE(bpf_fib_lookup(ctx, &fib, sizeof(fib) - 1, 0));
	fib.family = 10;
	NOTE(bpf_fib_lookup(ctx, &fib, sizeof(fib), BPF_FIB_LOOKUP_DIRECT));
	fib.family = 3;
	NOTE(bpf_fib_lookup(ctx, &fib, sizeof(fib), 0));
	fib.family = 2;
	fib.ifindex = 12345;
	NOTE(bpf_fib_lookup(ctx, &fib, sizeof(fib), 0));
}

static void note_mtu(void *ctx, __u32 ifindex, __u32 length, __s32 difference, __u64 flags)
{
	NOTE(bpf_check_mtu(ctx, ifindex, &length, difference, flags));
	NOTE(length);
}

static void note_mtus(void *ctx)
{
	note_mtu(ctx, 0, 0, 0, 0);
	note_mtu(ctx, 1, 0, 65536, 0);
	note_mtu(ctx, 1, 65536, 0, 0);
	note_mtu(ctx, 1, 65536, 1, 0);
	note_mtu(ctx, 0, 0, -200, 0);
	note_mtu(ctx, 12345, 0, 0, 0);
	note_mtu(ctx, 0, 0, 0, 2);
	note_mtu(ctx, 0, 0, 0, BPF_MTU_CHK_SEGS);
	note_mtu(ctx, 0, 0, 1, BPF_MTU_CHK_SEGS);
	note_mtu(ctx, 0, 1, 0, BPF_MTU_CHK_SEGS);
}

SEC("tc")
int routes(struct __sk_buff *skb)
{
	note_routes(skb);
	note_mtus(skb);
	return 0;
}

SEC("xdp")
int frame_routes(struct xdp_md *xdp)
{
	note_routes(xdp);
	note_mtus(xdp);
	return 0;
}

SEC("tc")
int sockets(struct __sk_buff *skb)
{
	next = 0;
	NOTE(bpf_get_socket_cookie(skb) != 0);
	NOTE(bpf_get_socket_uid(skb));
	NOTE(bpf_skb_cgroup_id(skb) != 0);
	NOTE(bpf_skb_ancestor_cgroup_id(skb, 0));
	NOTE(bpf_skb_ancestor_cgroup_id(skb, 200));
	NOTE(bpf_skb_cgroup_classid(skb));
	NOTE(bpf_get_netns_cookie(skb) != 0);
	NOTE(bpf_get_netns_cookie(0) != 0);
	return 0;
}

// What a frame is like at the other end of a pair, after one of the programs below has sent it on.
SEC("tc")
int arrives(struct __sk_buff *skb)
{
	__u8 bytes[4] = {};

	next = 0;
	NOTE(1);
	note_vlan(skb);
	NOTE(bpf_skb_load_bytes(skb, ETH_HLEN, bytes, sizeof(bytes)));
	NOTE(bytes[0] << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3]);
	return 0;
}

SEC("tc")
int tagged(struct __sk_buff *skb)
{
	bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), 7);
	return 0;
}

SEC("tc")
int tagged_twice(struct __sk_buff *skb)
{
	bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), 7);
	bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021AD), 8);
	return 0;
}

SEC("tc")
int untagged(struct __sk_buff *skb)
{
	bpf_skb_vlan_pop(skb);
	return 0;
}

SEC("tc")
int lengthened(struct __sk_buff *skb)
{
	bpf_skb_adjust_room(skb, 200, BPF_ADJ_ROOM_MAC, 0);
	return 0;
}

SEC("tc")
int cut(struct __sk_buff *skb)
{
	bpf_skb_change_tail(skb, 40, 0);
	return 0;
}

SEC("tc")
int to_peer(struct __sk_buff *skb)
{
	return bpf_redirect_peer(skb->ifindex, 0);
}

SEC("tc")
int to_neighbour(struct __sk_buff *skb)
{
	return bpf_redirect_neigh(skb->ifindex, 0, 0, 0);
}

// Nobody listens anywhere.
SEC("tc")
int no_sockets(struct __sk_buff *skb)
{
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *sk;

	next = 0;
	sk = bpf_sk_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	NOTE(sk ? 1 : 2);
	if (sk)
		bpf_sk_release(sk);
	sk = bpf_sk_lookup_udp(skb, &tuple, sizeof(tuple.ipv6), BPF_F_CURRENT_NETNS, 0);
	NOTE(sk ? 1 : 2);
	if (sk)
		bpf_sk_release(sk);
	sk = bpf_skc_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), 0, 1);
	NOTE(sk ? 1 : 2);
	if (sk)
		bpf_sk_release(sk);
	return 0;
}

SEC("tc")
int kernel_memory(struct __sk_buff *skb)
{
	char copy[8] = { 1, 1, 1, 1, 1, 1, 1, 1 };
	long low = 0x10, high = -0x10000L;

	next = 0;
	NOTE(bpf_probe_read_kernel(copy, 4, text));
	NOTE(copy[0] << 16 | copy[3] << 8 | copy[4]);
	NOTE(bpf_probe_read_kernel(copy, 8, (void *)low));
	NOTE(copy[7]);
	NOTE(bpf_probe_read_kernel(copy, 8, (void *)high));
	NOTE(bpf_probe_read_kernel_str(copy, 8, text));
	NOTE(copy[4]);
	NOTE(bpf_probe_read_kernel_str(copy, 3, text));
	NOTE(copy[1] << 8 | copy[2]);
	NOTE(bpf_probe_read_kernel_str(copy, 8, (void *)low));
	NOTE(bpf_probe_read_kernel_str(copy, 8, (void *)high));
	NOTE(copy[0]);
	return 0;
}

char _license[] SEC("license") = "GPL";
