// Hidden and static things: a subprogram that is verified only where it is called, data that nobody outside sees.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static volatile __u32 counter = 1;
__hidden __u32 secret = 2;

__hidden __attribute__((noinline)) int count(struct __sk_buff *skb)
{
	return skb->len + counter + secret;
}

SEC("tc")
int use(struct __sk_buff *skb)
{
	return count(skb) > 100 ? 2 : 0;
}

char _license[] SEC("license") = "GPL";
