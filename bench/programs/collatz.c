// Branches that a processor can hardly foresee: the steps from 27 to 1.
#include "bench.h"

SEC("xdp") int collatz(struct xdp_md *ctx)
{
	__u8 *frame = frame_of(ctx);

	if (!frame)
		return XDP_DROP;
	__u64 n = 27 + (frame[50] & 1);
	// It is 0, which no verifier knows: so it need not follow each way that the numbers can go.
	__u64 nothing = *(__u64 *)(frame + 56);
	int steps = 0;
#pragma clang loop unroll(disable)
	for (n += nothing; steps < 128 && n != 1; steps++) {
		if (n & 1)
			n = 3 * n + 1;
		else
			n = (n >> 1) + nothing;
	}
	return steps;
}
