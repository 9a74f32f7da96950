// Writes events to a ring buffer, one each time that it runs.
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

__u64 asked;
__u64 written;
__u64 lost;

// Every tenth is given up.
SEC("tc")
int write_event(struct __sk_buff *skb)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event) {
		lost++;
		return TC_ACT_OK;
	}
	event->number = written;
	if (++asked % 10 == 0) {
		bpf_ringbuf_discard(event, 0);
		return TC_ACT_OK;
	}
	written++;
	bpf_ringbuf_submit(event, 0);
	return TC_ACT_OK;
}

char _license[] SEC("license") = "GPL";
