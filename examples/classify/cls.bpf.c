/* A classifier in the first sense: the class is 800:TOS, with TOS read from the packet by a classic load. */
#include <stddef.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <bpf/bpf_helpers.h>

unsigned long long load_byte(void *skb, unsigned long long off) asm("llvm.bpf.load.byte");

SEC("classify")
int cls_main(struct __sk_buff *skb)
{
	return (0x800 << 16) | load_byte(skb, ETH_HLEN + offsetof(struct iphdr, tos));
}

char _license[] SEC("license") = "GPL";
