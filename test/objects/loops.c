// A callback, whose address is taken, and what the newest instruction set has: sign extension, signed division, byte swaps, atomics.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct sum { __s64 total; __s32 step; };

static long add(__u32 index, struct sum *sum)
{
	sum->total += (__s16)sum->step / -3;
	return 0;
}

__u64 shared;

SEC("tc")
int use(struct __sk_buff *skb)
{
	struct sum sum = { .step = skb->len };

	bpf_loop(10, add, &sum, 0);
	sum.total = __sync_fetch_and_add(&shared, sum.total) % (__s64)(skb->mark | 1);
	return __builtin_bswap32(sum.total) != 0;
}

char _license[] SEC("license") = "GPL";
