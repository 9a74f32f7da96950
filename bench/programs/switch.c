// A switch of 16 ways: a little machine, whose code is 48 bytes of the frame.
#include "bench.h"

SEC("xdp") int interpret(struct xdp_md *ctx)
{
	__u8 *code = frame_of(ctx);
	__u32 a = 1, b = 2, c = 3;

	if (!code)
		return XDP_DROP;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 48; i++) {
		__u32 n = code[i] >> 4;

		switch ((code[i] ^ i) & 15) {
		case 0: a += n; break;
		case 1: a -= b; break;
		case 2: a ^= c; break;
		case 3: a = a << 3 | a >> 29; break;
		case 4: b += a; break;
		case 5: b ^= n; break;
		case 6: b *= 5; break;
		case 7: b = ~b; break;
		case 8: c += b; break;
		case 9: c -= n; break;
		case 10: c ^= a; break;
		case 11: c >>= 1; break;
		case 12: a = b; b = c; break;
		case 13: a |= n; break;
		case 14: b &= 0xffffff; break;
		case 15: c = a + b; break;
		}
	}
	return a ^ b ^ c;
}
