// A route is looked up: the longest of the prefixes that an address is in. The routes are made in the first run.
#include "bench.h"

struct prefix {
	__u32 length;
	__u8 address[4];
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 512);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix);
	__type(value, __u32);
} routes SEC(".maps");

static bool ready;

static __noinline int make_routes(void)
{
	for (__u32 i = 0; i < 256; i++) {
		struct prefix prefix = { 8 + i % 3 * 8, { 10, i & 3, i, 0 } };
		__u32 value = i;

		bpf_map_update_elem(&routes, &prefix, &value, BPF_ANY);
	}
	ready = true;
	return 0;
}

SEC("xdp") int lpm(struct xdp_md *ctx)
{
	struct packet at, *packet = &at;

	if (!packet_of(ctx, packet))
		return XDP_DROP;
	if (!ready)
		make_routes();
	__u32 n = turn++;
	struct prefix to = { 32, { 10, n & 3, n, packet->ip->ttl } };
	__u32 *route = bpf_map_lookup_elem(&routes, &to);

	return route ? *route : XDP_ABORTED;
}
