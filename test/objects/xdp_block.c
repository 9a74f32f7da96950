// Drops what comes from blocked networks, and counts what it does.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct network {
	__u32 length;
	__u8 address[4];
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 64);
	__type(key, struct network);
	__type(value, __u64);
} blocked SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 3);
	__type(key, __u32);
	__type(value, __u64);
} verdicts SEC(".maps");

static int count(__u32 verdict)
{
	__u64 *value = bpf_map_lookup_elem(&verdicts, &verdict);

	if (value)
		__sync_fetch_and_add(value, 1);
	return verdict;
}

SEC("xdp")
int block(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct network from = { .length = 32 };
	__u64 *hits;

	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	__builtin_memcpy(from.address, &ip->saddr, sizeof(from.address));
	hits = bpf_map_lookup_elem(&blocked, &from);
	if (!hits)
		return count(XDP_PASS);
	__sync_fetch_and_add(hits, 1);
	return count(XDP_DROP);
}

char _license[] SEC("license") = "GPL";
