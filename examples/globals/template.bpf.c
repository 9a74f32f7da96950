/*
 * An object file as a template: `mark` (read-only), `limit` (writable) are set before each load, `packets` and `bytes` are read back.
 * Every load gets its own copy of the three sections.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

const volatile __u32 mark = 1;
__u64 limit = 1000000;
__u64 packets;
__u64 bytes;

SEC("tc")
int template(struct __sk_buff *skb)
{
	if (packets >= limit)
		return TC_ACT_SHOT;
	__sync_fetch_and_add(&packets, 1);
	__sync_fetch_and_add(&bytes, skb->len);
	skb->mark = mark;
	return TC_ACT_OK;
}

char _license[] SEC("license") = "GPL";
