// 48 calls of functions.
#include "bench.h"

static __noinline __u32 turn_round(__u32 x, __u32 y)
{
	return rotl32(x, 7) ^ y;
}

static __noinline __u32 spread(__u32 x)
{
	return x * 0x9e3779b1 >> 3;
}

static __noinline __u32 add_up(__u32 x, __u32 y, __u32 z)
{
	return x + y - (z & x);
}

SEC("xdp") int bpfcalls(struct xdp_md *ctx)
{
	__u32 *words = frame_of(ctx);
	__u32 a = 1, b = 2;

	if (!words)
		return XDP_DROP;
#pragma unroll
	for (int i = 0; i < 16; i++) {
		a = turn_round(a, words[i]);
		b = spread(b ^ a);
		a = add_up(a, b, i);
	}
	return a;
}
