// Some 7000 instructions in a straight line, as large programs have: what compiling costs.
#include "bench.h"

#define STEP(i)                                                   \
	a = (a ^ frame[(i) % FRAME]) * 31 + b;                    \
	if (a & 1 << ((i) & 7))                                   \
		b = rotl32(b, ((i) & 15) + 1) ^ c;                \
	c += b - (a >> ((i) & 3));                                \
	asm volatile("" : "+r"(a), "+r"(b), "+r"(c));
#define STEP4(i) STEP(i) STEP((i) + 1) STEP((i) + 2) STEP((i) + 3)
#define STEP16(i) STEP4(i) STEP4((i) + 4) STEP4((i) + 8) STEP4((i) + 12)
#define STEP64(i) STEP16(i) STEP16((i) + 16) STEP16((i) + 32) STEP16((i) + 48)

SEC("xdp") int big(struct xdp_md *ctx)
{
	__u8 *frame = frame_of(ctx);
	__u32 a = 1, b = 2, c = 3;

	if (!frame)
		return XDP_DROP;
	STEP64(0) STEP64(64) STEP64(128) STEP64(192) STEP64(256) STEP64(320)
	return a ^ b ^ c;
}
