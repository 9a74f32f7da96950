// A firewall that knows connections: a packet of one, in either direction, passes; else rules by address and port decide, what is refused is told
// through a ring buffer, and all is counted per CPU.
#include "bench.h"

enum { ALLOWED_KNOWN, ALLOWED_NEW, DENIED, OTHER, COUNTS };

struct rule {
	__be32 mask, address;
	__u16 from_port, to_port;
	__u8 proto, allow;
	__u16 pad;
};

#define RULES 8

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, RULES);
	__type(key, __u32);
	__type(value, struct rule);
} rules SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __be32);
	__type(value, __u64);
} blocked SEC(".maps");

struct connection {
	__u64 packets;
	__u32 bytes;
	__u8 flags, pad[3];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8 * FLOWS);
	__type(key, struct flow);
	__type(value, struct connection);
} connections SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, COUNTS);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16 << 20);
} events SEC(".maps");

static bool ready;

static __noinline int set_up(void)
{
	struct rule ssh = { bpf_htonl(0xffffff00), bpf_htonl(0x0a000000), 22, 22, IPPROTO_TCP, 1 };
	struct rule some = { 0, 0, 1024, 1039, IPPROTO_TCP, 0 };
	struct rule all = { 0, 0, 0, 0xffff, IPPROTO_TCP, 1 };

	for (__u32 i = 0; i < RULES; i++) {
		__u32 key = i;

		bpf_map_update_elem(&rules, &key, i == RULES - 1 ? &all : i == RULES - 2 ? &some : &ssh, BPF_ANY);
	}
	ready = true;
	return 0;
}

static __always_inline int count(__u32 what, int verdict)
{
	__u64 *counter = bpf_map_lookup_elem(&counts, &what);

	if (counter)
		*counter += 1;
	return verdict;
}

static __always_inline void turn_round(const struct flow *flow, struct flow *back)
{
	*back = (struct flow){ flow->daddr, flow->saddr, flow->dport, flow->sport, flow->proto };
}

static __always_inline bool is_allowed(const struct flow *flow)
{
	__u16 port = bpf_ntohs(flow->sport);

#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < RULES; i++) {
		__u32 key = i;
		struct rule *rule = bpf_map_lookup_elem(&rules, &key);

		if (!rule)
			break;
		if ((flow->saddr & rule->mask) != rule->address || flow->proto != rule->proto)
			continue;
		if (port >= rule->from_port && port <= rule->to_port)
			return rule->allow;
	}
	return false;
}

SEC("xdp") int firewall(struct xdp_md *ctx)
{
	struct packet at, *packet = &at;
	struct flow flow, back;

	if (!packet_of(ctx, packet) || packet->eth->h_proto != bpf_htons(ETH_P_IP))
		return count(OTHER, XDP_PASS);
	if (packet->ip->version != 4 || packet->ip->ihl != 5 || packet->ip->protocol != IPPROTO_TCP)
		return count(OTHER, XDP_PASS);
	if (!ready)
		set_up();
	if (bpf_map_lookup_elem(&blocked, &packet->ip->saddr))
		return count(DENIED, XDP_DROP);
	flow_of(packet, &flow);
	flow.sport = next_port();
	// Every other packet is one of those that come back.
	bool comes_back = every_other();
	struct connection *connection;

	if (comes_back) {
		turn_round(&flow, &back);
		connection = bpf_map_lookup_elem(&connections, &back);
		if (!connection)
			connection = bpf_map_lookup_elem(&connections, &flow);
	} else {
		connection = bpf_map_lookup_elem(&connections, &flow);
		if (!connection) {
			turn_round(&flow, &back);
			connection = bpf_map_lookup_elem(&connections, &back);
		}
	}
	if (connection) {
		connection->packets++;
		connection->bytes += bpf_ntohs(packet->ip->tot_len);
		connection->flags |= ((__u8 *)packet->tcp)[13];
		return count(ALLOWED_KNOWN, XDP_PASS);
	}
	if (is_allowed(&flow)) {
		struct connection first = { .packets = 1, .bytes = bpf_ntohs(packet->ip->tot_len), .flags = 2 };

		bpf_map_update_elem(&connections, &flow, &first, BPF_ANY);
		return count(ALLOWED_NEW, XDP_PASS);
	}
	struct flow *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (event) {
		*event = flow;
		bpf_ringbuf_submit(event, 0);
	}
	return count(DENIED, XDP_DROP);
}
