// One counter in an array, found by a number in the frame.
#include "bench.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

SEC("xdp") int array1(struct xdp_md *ctx)
{
	__u8 *frame = frame_of(ctx);

	if (!frame)
		return XDP_DROP;
	__u32 key = frame[23];
	__u64 *counter = bpf_map_lookup_elem(&counters, &key);

	if (counter)
		*counter += 1;
	return XDP_PASS;
}
