// Headers of a protocol of one's own, packed, so that fields are anywhere: clang reads them by bytes. Network order is read by hand.
#include "bench.h"

struct __attribute__((packed)) header {
	__u8 flags;
	__u32 tunnel;
	__u64 cookie;
	__be16 port;
	__be32 address;
	__u8 sequence[4];
	__u8 hops;
};

SEC("xdp") int packed(struct xdp_md *ctx)
{
	struct header *header = frame_of(ctx);
	__u64 sum = 0;

	if (!header)
		return XDP_DROP;
#pragma unroll
	for (int i = 0; i < 2; i++, header++) {
		const __u8 *s = header->sequence;

		sum += header->cookie ^ header->tunnel;
		sum ^= (__u64)bpf_ntohl(header->address) << 16 | bpf_ntohs(header->port);
		sum += s[0] << 24 | s[1] << 16 | s[2] << 8 | s[3];
		if (header->flags & 0x40)
			sum += header->hops;
	}
	return sum ^ sum >> 32;
}
