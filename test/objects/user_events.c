// Reads what user space writes into a user ring buffer: counts, and adds up the first byte of each record.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_USER_RINGBUF);
	__uint(max_entries, 4096);
} requests SEC(".maps");

__u64 seen;
__u64 sum;

static long one(struct bpf_dynptr *record, void *context)
{
	__u8 first;

	if (bpf_dynptr_read(&first, sizeof(first), record, 0, 0))
		return 1;
	seen++;
	sum += first;
	return 0;
}

SEC("tc")
int drain(struct __sk_buff *skb)
{
	long n = bpf_user_ringbuf_drain(&requests, one, 0, 0);

	return n < 0 ? 1000 - n : n;
}

char _license[] SEC("license") = "GPL";
