// A load balancer that rewrites: the flow's backend is remembered in a hash, is chosen by a hash if it is not, and the checksums are made right.
#include "bench.h"

struct backend {
	__be32 address;
	__u8 mac[6];
	__u16 pad;
	__u64 packets, bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4 * FLOWS);
	__type(key, struct flow);
	__type(value, __u32);
} connections SEC(".maps");

struct {
	__uint(type, COUNTED_ARRAY);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, struct backend);
} backends SEC(".maps");

static __always_inline __u16 replaced(__u16 sum, __be32 from, __be32 to)
{
	__u32 new = (__u16)~sum + (~from & 0xffff) + (~from >> 16) + (to & 0xffff) + (to >> 16);

	new = (new & 0xffff) + (new >> 16);
	new += new >> 16;
	return ~new;
}

SEC("xdp") int lb(struct xdp_md *ctx)
{
	struct packet at, *packet = &at;
	struct flow flow;

	if (!packet_of(ctx, packet) || packet->eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	if (packet->ip->version != 4 || packet->ip->ihl != 5 || packet->ip->protocol != IPPROTO_TCP)
		return XDP_PASS;
	flow_of(packet, &flow);
	flow.sport = next_port();
	__u32 *known = bpf_map_lookup_elem(&connections, &flow), chosen;

	if (known) {
		chosen = *known;
	} else {
		chosen = mix(flow.saddr, flow.sport, flow.dport) & 15;
		bpf_map_update_elem(&connections, &flow, &chosen, BPF_ANY);
	}
	struct backend *backend = bpf_map_lookup_elem(&backends, &chosen);

	if (!backend)
		return XDP_ABORTED;
	__be32 before = packet->ip->daddr, after = backend->address ?: bpf_htonl(0x0a000100 + chosen);

	packet->ip->daddr = after;
	packet->ip->check = ip_checksum(packet->ip);
	packet->tcp->check = replaced(packet->tcp->check, before, after);
	__builtin_memcpy(packet->eth->h_source, packet->eth->h_dest, ETH_ALEN);
	__builtin_memcpy(packet->eth->h_dest, backend->mac, ETH_ALEN);
	backend->packets++;
	backend->bytes += FRAME;
	// The frame is the next one, too.
	packet->ip->daddr = before;
	return XDP_TX;
}
