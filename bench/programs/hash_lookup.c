// A flow is looked up in a hash, in which it nearly always is, and counted.
#include "bench.h"
#define FLOW_MAP BPF_MAP_TYPE_HASH
#include "flows.h"

SEC("xdp") int hash_lookup(struct xdp_md *ctx)
{
	struct packet at, *packet = &at;
	struct flow flow;

	if (!packet_of(ctx, packet))
		return XDP_DROP;
	flow_of(packet, &flow);
	flow.sport = next_port();
	struct seen *seen = bpf_map_lookup_elem(&flows, &flow);

	if (seen) {
		seen->packets += 1;
		seen->bytes += FRAME;
		return XDP_PASS;
	}
	struct seen first = { 1, FRAME };

	bpf_map_update_elem(&flows, &flow, &first, BPF_NOEXIST);
	return XDP_TX;
}
