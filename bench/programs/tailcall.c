// A chain of five tail calls.
#include "bench.h"

int link1(struct xdp_md *ctx), link2(struct xdp_md *ctx), link3(struct xdp_md *ctx), link4(struct xdp_md *ctx), link5(struct xdp_md *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 8);
	__uint(key_size, sizeof(__u32));
	__array(values, int(void *));
} chain SEC(".maps") = {
	.values = { [1] = (void *)&link1, [2] = (void *)&link2, [3] = (void *)&link3, [4] = (void *)&link4, [5] = (void *)&link5 },
};

#define LINK(name, next)                              \
	SEC("xdp") int name(struct xdp_md *ctx)       \
	{                                             \
		bpf_tail_call(ctx, &chain, next);     \
		return XDP_ABORTED;                   \
	}

LINK(tailcall, 1)
LINK(link1, 2)
LINK(link2, 3)
LINK(link3, 4)
LINK(link4, 5)

SEC("xdp") int link5(struct xdp_md *ctx)
{
	return XDP_PASS;
}
