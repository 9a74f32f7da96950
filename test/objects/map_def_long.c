// A bpf_map_def with room for more than anybody uses, zero: old loaders take it.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct bpf_map_def { __u32 type, key_size, value_size, max_entries, map_flags, more[8]; };

struct bpf_map_def SEC("maps") counts = { BPF_MAP_TYPE_ARRAY, 4, 8, 10 };

SEC("socket")
int use(struct __sk_buff *skb)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&counts, &zero) != 0;
}

char _license[] SEC("license") = "GPL";
