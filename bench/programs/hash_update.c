// A flow of a hash gets a new value.
#include "bench.h"
#define FLOW_MAP BPF_MAP_TYPE_HASH
#include "flows.h"

SEC("xdp") int hash_update(struct xdp_md *ctx)
{
	struct packet at, *packet = &at;
	struct flow flow;

	if (!packet_of(ctx, packet))
		return XDP_DROP;
	flow_of(packet, &flow);
	flow.sport = next_port();
	struct seen last = { this_turn(), FRAME };

	return bpf_map_update_elem(&flows, &flow, &last, BPF_ANY);
}
