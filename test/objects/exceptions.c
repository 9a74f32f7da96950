// A program that throws, and the function that then gives its result.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

extern void bpf_throw(__u64 cookie) __ksym;

__attribute__((noinline)) int caught(__u64 cookie)
{
	return cookie + 1;
}

SEC("tc")
__attribute__((btf_decl_tag("exception_callback:caught")))
int throwing(struct __sk_buff *skb)
{
	if (skb->len > 60)
		bpf_throw(41);
	return 7;
}

char _license[] SEC("license") = "GPL";
