// Division of 64-bit numbers, in a loop: is a number from the packet a prime?
#include "bench.h"

SEC("xdp") int prime(struct xdp_md *ctx)
{
	__u8 *frame = frame_of(ctx);

	if (!frame)
		return XDP_DROP;
	__u64 n = 999983 + (frame[50] & 1) * 2;
#pragma clang loop unroll(disable)
	for (__u64 d = 3; d < 1000; d += 2)
		if (n % d == 0)
			return d;
	return XDP_PASS;
}
