// Subprograms, static and global, called from two programs; a chain of calls.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static __attribute__((noinline)) int leaf(struct __sk_buff *skb)
{
	return skb->len & 7;
}

__attribute__((noinline)) int middle(struct __sk_buff *skb)
{
	return leaf(skb) * 3;
}

SEC("tc")
int first(struct __sk_buff *skb)
{
	return middle(skb) + leaf(skb);
}

SEC("classifier/second")
int second(struct __sk_buff *skb)
{
	return leaf(skb) == 4;
}

SEC("?xdp")
int optional(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual MIT/GPL";
