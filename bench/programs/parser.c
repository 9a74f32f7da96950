// What most programs begin with: a frame is read up to its ports.
#include "bench.h"
#include "parse.h"

SEC("xdp") int parser(struct xdp_md *ctx)
{
	struct parsed parsed;

	if (!parse((void *)(long)ctx->data, (void *)(long)ctx->data_end, &parsed))
		return XDP_DROP;
	return parsed.addresses ^ parsed.ports ^ parsed.proto;
}
