// SipHash-2-4 of a flow: 64-bit additions, rotations and exclusive-ors in a straight line.
#include "bench.h"

#define ROTL(x, by) ((x) << (by) | (x) >> (64 - (by)))
#define ROUND                                                 \
	v0 += v1, v1 = ROTL(v1, 13) ^ v0, v0 = ROTL(v0, 32),  \
	v2 += v3, v3 = ROTL(v3, 16) ^ v2,                     \
	v0 += v3, v3 = ROTL(v3, 21) ^ v0,                     \
	v2 += v1, v1 = ROTL(v1, 17) ^ v2, v2 = ROTL(v2, 32)

SEC("xdp") int siphash(struct xdp_md *ctx)
{
	struct packet at, *packet = &at;

	if (!packet_of(ctx, packet))
		return XDP_DROP;
	__u64 words[] = {
		(__u64)packet->ip->saddr << 32 | packet->ip->daddr,
		(__u64)packet->tcp->source << 32 | packet->tcp->dest << 16 | packet->ip->protocol,
	};
	__u64 v0 = 0x0706050403020100ULL ^ 0x736f6d6570736575ULL, v1 = 0x0f0e0d0c0b0a0908ULL ^ 0x646f72616e646f6dULL;
	__u64 v2 = 0x0706050403020100ULL ^ 0x6c7967656e657261ULL, v3 = 0x0f0e0d0c0b0a0908ULL ^ 0x7465646279746573ULL;
#pragma unroll
	for (int i = 0; i < 2; i++) {
		__u64 word = words[i];

		v3 ^= word;
		ROUND;
		ROUND;
		v0 ^= word;
	}
	v3 ^= 16ULL << 56;
	ROUND;
	ROUND;
	v0 ^= 16ULL << 56;
	v2 ^= 0xff;
	ROUND;
	ROUND;
	ROUND;
	ROUND;
	__u64 hash = v0 ^ v1 ^ v2 ^ v3;
	return hash ^ hash >> 32;
}
