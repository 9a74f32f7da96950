// Nothing: what it costs to get into a program and out.
#include "bench.h"

SEC("xdp") int empty(struct xdp_md *ctx)
{
	return XDP_PASS;
}
