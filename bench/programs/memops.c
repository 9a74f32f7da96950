// Bytes copied on the stack, turned round and summed up, one by one.
#include "bench.h"

SEC("xdp") int memops(struct xdp_md *ctx)
{
	__u8 *frame = frame_of(ctx);
	__u8 there[FRAME], back[FRAME];
	__u32 a = 1, b = 0;

	if (!frame)
		return XDP_DROP;
#pragma clang loop unroll(disable)
	for (int i = 0; i < FRAME; i++)
		there[i] = frame[i];
#pragma clang loop unroll(disable)
	for (int i = 0; i < FRAME; i++)
		back[i] = there[FRAME - 1 - i] ^ i;
#pragma clang loop unroll(disable)
	for (int i = 0; i < FRAME; i++) {
		a += back[i];
		b += a;
	}
	return b << 16 ^ a;
}
