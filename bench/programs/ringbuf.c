// An event of 64 bytes into a ring buffer.
#include "bench.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16 << 20);
} events SEC(".maps");

__u64 lost;

struct event {
	__u64 number;
	struct flow flow;
	__u64 start[5];
};

SEC("xdp") int ringbuf(struct xdp_md *ctx)
{
	struct packet at, *packet = &at;

	if (!packet_of(ctx, packet))
		return XDP_DROP;
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event) {
		lost++;
		return XDP_ABORTED;
	}
	event->number = turn++;
	flow_of(packet, &event->flow);
	__u64 *frame = (void *)packet->eth;
#pragma unroll
	for (int i = 0; i < 5; i++)
		event->start[i] = frame[i];
	bpf_ringbuf_submit(event, 0);
	return XDP_PASS;
}
