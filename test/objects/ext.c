// Programs whose functions others take the place of, and those others.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char _license[] SEC("license") = "GPL";

#define NOINLINE __attribute__((noinline))

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} jumps SEC(".maps");

static void count(__u32 key)
{
	__u64 *value = bpf_map_lookup_elem(&counts, &key);
	if (value)
		__sync_fetch_and_add(value, 1);
}

// Functions that can be replaced; what they return is not known to who calls them.
NOINLINE int size(struct xdp_md *ctx)
{
	int result = ctx->data_end - ctx->data;
	__asm__ volatile("" : "+r"(result));
	return result;
}

NOINLINE int twice(struct xdp_md *ctx, int value, __u64 wide)
{
	int result = 2 * value + (wide >> 32);
	__asm__ volatile("" : "+r"(result));
	return result + ctx->rx_queue_index;
}

// Which calls another that can be.
NOINLINE int deep(struct xdp_md *ctx)
{
	int result = size(ctx);
	__asm__ volatile("" : "+r"(result));
	return result + 1;
}

static NOINLINE int hidden(struct xdp_md *ctx)
{
	int result = ctx->rx_queue_index;
	__asm__ volatile("" : "+r"(result));
	return result;
}

struct pair {
	__u64 a;
	__u64 b;
};

NOINLINE int pick(struct pair *pair)
{
	int result = 0;
	if (pair)
		result = pair->a;
	__asm__ volatile("" : "+r"(result));
	return result;
}

// 1000 * deep + 100 * twice + pick + hidden
SEC("xdp") int whole(struct xdp_md *ctx)
{
	struct pair pair = { 3, 7 };
	int result = 1000 * deep(ctx);

	result += 100 * twice(ctx, 4, 5ULL << 32);
	result += pick(&pair);
	return result + hidden(ctx);
}

SEC("xdp.frags") int fragments(struct xdp_md *ctx)
{
	return size(ctx);
}

NOINLINE int mover(struct __sk_buff *skb)
{
	return bpf_skb_pull_data(skb, 0) + 1;
}

SEC("tc") int moving(struct __sk_buff *skb)
{
	int result = mover(skb);
	return result + 10;
}

SEC("tc") int landed(struct __sk_buff *skb)
{
	return 55;
}

// Which may return 0 and 1 alone.
SEC("sockops") int watch(struct bpf_sock_ops *ops)
{
	return 1;
}

SEC("tc") int classify(struct __sk_buff *skb)
{
	return skb->len;
}

static int each(__u32 index, int *sum)
{
	*sum += index;
	return 0;
}

// Those that take their places.
SEC("freplace") int new_size(struct xdp_md *ctx)
{
	int sum = 0, length = (long)ctx->data_end - (long)ctx->data;

	__asm__ volatile("" : "+r"(length));
	count(0);
	bpf_loop(5, each, &sum, 0);
	return sum + length;
}

SEC("freplace") int new_twice(struct xdp_md *ctx, int value, __u64 wide)
{
	count(1);
	return 3 * value + wide + (wide >> 32);
}

SEC("freplace") int new_pick(struct pair *pair)
{
	count(2);
	return pair ? pair->b : -1;
}

SEC("freplace") int new_whole(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	count(3);
	if (data + 2 > end)
		return XDP_ABORTED;
	*(__u8 *)data = 0xee;
	return twice(ctx, 21, 0);
}

SEC("freplace") int new_skb(struct __sk_buff *skb)
{
	return skb->len + 1;
}

SEC("freplace") int jumping(struct __sk_buff *skb)
{
	bpf_tail_call(skb, &jumps, 0);
	return 77;
}

// Refused.
SEC("freplace") int new_watch(struct bpf_sock_ops *ops)
{
	return 7;
}

SEC("freplace") int fewer(struct xdp_md *ctx, int value)
{
	return value;
}

SEC("freplace") int other_size(struct xdp_md *ctx, __u64 value, __u64 wide)
{
	return value;
}

SEC("freplace") __u64 other_kind(struct pair *value, int a, __u64 wide)
{
	return a;
}

SEC("freplace") int no_helper(struct xdp_md *ctx)
{
	return bpf_skb_load_bytes(ctx, 0, ctx, 0);
}

SEC("freplace") int moves(struct xdp_md *ctx)
{
	return bpf_xdp_adjust_head(ctx, 0);
}

SEC("freplace") int beyond(struct xdp_md *ctx)
{
	return *(int *)((void *)ctx + 64);
}
