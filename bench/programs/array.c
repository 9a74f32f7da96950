// 16 counters of an array. With ATOMIC they are added to atomically.
#include "bench.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

#ifdef ATOMIC
#define COUNT(counter) __sync_fetch_and_add(counter, 1)
#else
#define COUNT(counter) (*(counter) += 1)
#endif

SEC("xdp") int array(struct xdp_md *ctx)
{
	__u8 *frame = frame_of(ctx);

	if (!frame)
		return XDP_DROP;
	__u32 key = frame[23];
#pragma unroll
	for (int i = 0; i < 16; i++) {
		__u64 *counter = bpf_map_lookup_elem(&counters, &key);

		if (counter)
			COUNT(counter);
		key = (key + 13) & 255;
	}
	return key;
}
