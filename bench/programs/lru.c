// A flow is looked up in an LRU hash and every fourth time written anew.
#include "bench.h"
#define FLOW_MAP BPF_MAP_TYPE_LRU_HASH
#include "flows.h"

SEC("xdp") int lru(struct xdp_md *ctx)
{
	struct packet at, *packet = &at;
	struct flow flow;

	if (!packet_of(ctx, packet))
		return XDP_DROP;
	flow_of(packet, &flow);
	flow.sport = next_port();
	struct seen *seen = bpf_map_lookup_elem(&flows, &flow);

	if (seen && (this_turn() & 3)) {
		seen->packets += 1;
		seen->bytes += FRAME;
		return XDP_PASS;
	}
	struct seen now = { this_turn(), FRAME };

	return bpf_map_update_elem(&flows, &flow, &now, BPF_ANY);
}
