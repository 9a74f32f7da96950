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

SEC("tc")
int cookie(struct __sk_buff *skb)
{
	bpf_throw(43);
	return 7;
}

__attribute__((noinline)) static int thrower(int i)
{
	if (i > 60)
		bpf_throw(44);
	return i;
}

__attribute__((noinline)) static int between(int i)
{
	return thrower(i) + 1;
}

SEC("tc")
int deep(struct __sk_buff *skb)
{
	return between(skb->len) + 1;
}

char _license[] SEC("license") = "GPL";
