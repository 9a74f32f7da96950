// Writes events to a ring buffer: as many as the first word of the packet says.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

struct event {
	__u64 number;
	__u8 payload[56];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 24);
} events SEC(".maps");

__u64 written;
__u64 lost;

static long one(__u64 i, void *context)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event) {
		lost++;
		return 0;
	}
	event->number = written;
	event->payload[0] = i;
	if (i % 10 == 9) {
		bpf_ringbuf_discard(event, 0);
		return 0;
	}
	written++;
	bpf_ringbuf_submit(event, 0);
	return 0;
}

SEC("tc")
int write_events(struct __sk_buff *skb)
{
	__u32 n = skb->len;

	if (bpf_skb_load_bytes(skb, 14, &n, sizeof(n)))
		return TC_ACT_SHOT;
	bpf_loop(n, one, 0, 0);
	return TC_ACT_OK;
}

char _license[] SEC("license") = "GPL";
