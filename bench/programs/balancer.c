// A layer 4 balancer as large sites have them: a service by address and port, connections in an LRU hash, else a ring of consistent hashing; the
// packet goes on inside another one (IPIP), and is counted per CPU.
#include "bench.h"

#define RING 4096
#define REALS 64

struct service {
	__be32 address;
	__be16 port;
	__u8 proto, pad;
};

struct service_data {
	__u32 number, flags;
};

struct real {
	__be32 address;
	__u8 mac[6];
	__u16 pad;
};

struct count {
	__u64 packets, bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, struct service);
	__type(value, struct service_data);
} services SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8 * FLOWS);
	__type(key, struct flow);
	__type(value, __u32);
} connections SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, RING);
	__type(key, __u32);
	__type(value, __u32);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, REALS);
	__type(key, __u32);
	__type(value, struct real);
} reals SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, REALS);
	__type(key, __u32);
	__type(value, struct count);
} counts SEC(".maps");


static __noinline int set_up(void)
{
	for (__u32 i = 0; i < RING; i++) {
		__u32 key = i, *slot = bpf_map_lookup_elem(&ring, &key);

		if (slot)
			*slot = mix(i, 7, 9) % REALS;
	}
	for (__u32 i = 0; i < REALS; i++) {
		__u32 key = i;
		struct real *real = bpf_map_lookup_elem(&reals, &key);

		if (real) {
			real->address = bpf_htonl(0x0a010000 + i);
			real->mac[5] = i;
		}
	}
	return 0;
}

static __always_inline bool choose(struct flow *flow, __u32 *chosen)
{
	__u32 *known = bpf_map_lookup_elem(&connections, flow);

	if (known) {
		*chosen = *known;
		return true;
	}
	__u32 slot = mix(flow->saddr, flow->sport << 16 | flow->dport, flow->proto) % RING;
	__u32 *real = bpf_map_lookup_elem(&ring, &slot);

	if (!real)
		return false;
	*chosen = *real;
	bpf_map_update_elem(&connections, flow, chosen, BPF_ANY);
	return true;
}

static __always_inline int send_inside(struct xdp_md *ctx, const struct real *real, __u16 length)
{
	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(struct iphdr)))
		return XDP_ABORTED;
	void *data = (void *)(long)ctx->data;
	struct ethhdr *eth = data, *old = data + sizeof(struct iphdr);
	struct iphdr *outer = (void *)(eth + 1);

	if ((void *)(old + 1) > (void *)(long)ctx->data_end || (void *)(outer + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	__builtin_memcpy(eth->h_source, old->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, real->mac, ETH_ALEN);
	eth->h_proto = bpf_htons(ETH_P_IP);
	outer->version = 4;
	outer->ihl = 5;
	outer->tos = 0;
	outer->tot_len = bpf_htons(length + sizeof(*outer));
	outer->id = 0;
	outer->frag_off = 0;
	outer->ttl = 64;
	outer->protocol = IPPROTO_IPIP;
	outer->saddr = bpf_htonl(0xac100001);
	outer->daddr = real->address;
	outer->check = ip_checksum(outer);
	return XDP_TX;
}

SEC("xdp") int balancer(struct xdp_md *ctx)
{
	struct packet at, *packet = &at;
	struct ethhdr before;
	struct flow flow;

	if (!packet_of(ctx, packet) || packet->eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	if (packet->ip->version != 4 || packet->ip->ihl != 5 || (packet->ip->frag_off & bpf_htons(0x3fff)))
		return XDP_DROP;
	if (packet->ip->protocol != IPPROTO_TCP)
		return XDP_PASS;
	struct service to = { packet->ip->daddr, packet->tcp->dest, packet->ip->protocol };
	struct service_data *service = bpf_map_lookup_elem(&services, &to);

	if (!service) {
		struct service_data first = { 1, 0 };

		set_up();
		bpf_map_update_elem(&services, &to, &first, BPF_ANY);
		return XDP_PASS;
	}
	before = *packet->eth;
	flow_of(packet, &flow);
	flow.sport = next_port();
	__u16 length = bpf_ntohs(packet->ip->tot_len);
	__u32 chosen = 0;

	if (!choose(&flow, &chosen))
		return XDP_DROP;
	struct real *real = bpf_map_lookup_elem(&reals, &chosen);
	struct count *count = bpf_map_lookup_elem(&counts, &chosen);

	if (!real || !count)
		return XDP_DROP;
	count->packets++;
	count->bytes += length;
	int verdict = send_inside(ctx, real, length);

	// The frame is the next one, too.
	if (verdict != XDP_TX || bpf_xdp_adjust_head(ctx, sizeof(struct iphdr)))
		return XDP_ABORTED;
	if (packet_of(ctx, packet))
		*packet->eth = before;
	return chosen << 8 | verdict;
}
