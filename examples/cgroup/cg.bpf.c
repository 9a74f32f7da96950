/* Loaded by a libbpf-style loader: the same map, written down as that loader's users wrote it before BTF. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct bpf_map_def {
	unsigned int type;
	unsigned int key_size;
	unsigned int value_size;
	unsigned int max_entries;
	unsigned int map_flags;
};

struct bpf_map_def SEC("maps") shared = {
	.type = BPF_MAP_TYPE_ARRAY,
	.key_size = sizeof(__u32),
	.value_size = sizeof(__u64),
	.max_entries = 2,
};

SEC("cgroup_skb/egress")
int cg_count(struct __sk_buff *skb)
{
	__u32 key = 1;
	__u64 *packets = bpf_map_lookup_elem(&shared, &key);

	if (packets)
		__sync_fetch_and_add(packets, 1);
	return 1;
}

char _license[] SEC("license") = "GPL";
