// Programs for several CPUs at once. A frame has a number in its bytes 14 and 15.
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define EVENTS (1 << 20)

extern void bpf_throw(__u64 cookie) __ksym;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} total SEC(".maps");

struct locked {
	struct bpf_spin_lock lock;
	__u32 ones;
	__u64 twos;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct locked);
} pair SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} own SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, EVENTS);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, __u64);
} grown SEC(".maps");

#define STAYING 64

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 3 * STAYING);
	__type(key, __u32);
	__type(value, __u64);
} staying SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} recent SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__uint(key_size, 4);
	__uint(value_size, 4);
} jumps SEC(".maps");

static __u32 number(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;

	return data + 16 > (void *)(long)ctx->data_end ? 0 : *(__u16 *)(data + 14);
}

/* Nobody else gets the same number. */
SEC("xdp")
int ticket(struct xdp_md *ctx)
{
	__u32 zero = 0;
	__u64 *count = bpf_map_lookup_elem(&total, &zero);

	return count ? __sync_fetch_and_add(count, 1) : 0;
}

SEC("xdp")
int under_lock(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct locked *both = bpf_map_lookup_elem(&pair, &zero);

	if (!both)
		return XDP_ABORTED;
	bpf_spin_lock(&both->lock);
	both->ones += 1;
	both->twos += 2;
	bpf_spin_unlock(&both->lock);
	return XDP_PASS;
}

SEC("xdp")
int on_own(struct xdp_md *ctx)
{
	__u32 zero = 0;
	__u64 *count = bpf_map_lookup_elem(&own, &zero);

	if (count)
		*count += 1;
	return bpf_get_smp_processor_id();
}

/* What the kernel's own thread does: the frame is 4 bytes longer. */
SEC("xdp")
int longer(struct xdp_md *ctx)
{
	__u64 before = bpf_ktime_get_ns();

	if (bpf_xdp_adjust_tail(ctx, 4))
		return XDP_DROP;
	if (bpf_ktime_get_ns() < before)
		return XDP_TX;
	return XDP_PASS;
}

SEC("xdp")
int event(struct xdp_md *ctx)
{
	__u64 *record = bpf_ringbuf_reserve(&events, 8, 0);

	if (!record)
		return XDP_DROP;
	*record = number(ctx);
	bpf_ringbuf_submit(record, 0);
	return XDP_PASS;
}

/* What is always there is always found, while all CPUs give it new values, and other keys come and go. */
SEC("xdp")
int stay(struct xdp_md *ctx)
{
	__u32 n = number(ctx), other = STAYING + n;
	__u32 mine = n % STAYING;
	__u64 value = mine * 3;

	if (bpf_map_update_elem(&staying, &mine, &value, BPF_EXIST))
		return XDP_ABORTED;
	if (bpf_map_update_elem(&staying, &other, &value, BPF_NOEXIST))
		return XDP_DROP;
	for (__u32 i = 0; i < 8; i++) {
		__u32 key = (n * 5 + i) % STAYING;

		if (!bpf_map_lookup_elem(&staying, &key))
			return XDP_TX;
	}
	if (bpf_map_delete_elem(&staying, &other))
		return XDP_REDIRECT;
	return XDP_PASS;
}

/* Keys come and go: each frame's is put in, looked for, and taken out. */
SEC("xdp")
int come_and_go(struct xdp_md *ctx)
{
	__u32 key = number(ctx);
	__u64 value = key * 3, *found;

	if (bpf_map_update_elem(&flows, &key, &value, BPF_NOEXIST))
		return XDP_DROP;
	found = bpf_map_lookup_elem(&flows, &key);
	if (!found || *found != value)
		return XDP_TX;
	return bpf_map_delete_elem(&flows, &key) ? XDP_ABORTED : XDP_PASS;
}

/* The same with BPF_F_NO_PREALLOC. */
SEC("xdp")
int grow(struct xdp_md *ctx)
{
	__u32 key = number(ctx);
	__u64 value = key * 3, *found;

	if (bpf_map_update_elem(&grown, &key, &value, BPF_NOEXIST))
		return XDP_DROP;
	found = bpf_map_lookup_elem(&grown, &key);
	if (!found || *found != value)
		return XDP_TX;
	return bpf_map_delete_elem(&grown, &key) ? XDP_ABORTED : XDP_PASS;
}

/* More keys than there is room for. */
SEC("xdp")
int remember(struct xdp_md *ctx)
{
	__u32 key = number(ctx);
	__u64 value = key * 3, *found;

	if (bpf_map_update_elem(&recent, &key, &value, BPF_ANY))
		return XDP_DROP;
	found = bpf_map_lookup_elem(&recent, &key);
	/* It may have had to go again. */
	return found && *found % 3 ? XDP_TX : XDP_PASS;
}

struct bpf_map;

static long visit(struct bpf_map *map, __u32 *key, __u64 *value, __u64 *sum)
{
	*sum += *value;
	return 0;
}

SEC("xdp")
int walk(struct xdp_md *ctx)
{
	__u64 sum = 0;

	bpf_for_each_map_elem(&total, visit, &sum, 0);
	return sum + number(ctx);
}

SEC("xdp")
int landed(struct xdp_md *ctx)
{
	return 100 + number(ctx);
}

SEC("xdp")
int jump(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &jumps, number(ctx) & 1);
	return number(ctx);
}

SEC("xdp")
int throwing(struct xdp_md *ctx)
{
	__u32 n = number(ctx);

	if (n & 1)
		bpf_throw(1000 + n);
	return n;
}

/* Locks, and functions that helpers call back. */
SEC("xdp")
int both(struct xdp_md *ctx)
{
	under_lock(ctx);
	return walk(ctx);
}

/* Programs of other types: the kernel's own thread puts a VLAN tag in. */
SEC("tc")
int tagged(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data;
	__u32 zero = 0, n;
	__u64 *count = bpf_map_lookup_elem(&total, &zero);

	if (data + 16 > (void *)(long)skb->data_end || !count)
		return -1;
	n = *(__u16 *)(data + 14);
	__sync_fetch_and_add(count, 1);
	if (n % 16 == 0 && bpf_skb_vlan_push(skb, bpf_htons(0x88a8), 5))
		return -2;
	if (n % 16 == 0 && (!skb->vlan_present || skb->vlan_tci != 5 || bpf_skb_vlan_pop(skb)))
		return -3;
	skb->mark = n;
	return skb->mark + (skb->len << 16);
}

unsigned long long load_half(void *skb, unsigned long long offset) asm("llvm.bpf.load.half");

SEC("socket")
int halfword(struct __sk_buff *skb)
{
	return bpf_ntohs(load_half(skb, 0));
}

SEC("cgroup_skb/ingress")
int even(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data;

	return data + 2 <= (void *)(long)skb->data_end && !(*(__u16 *)data & 1);
}

char _license[] SEC("license") = "GPL";
