// One file, three map sections: tc's, libbpf's old one in maps/NAME, and BTF.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "../../examples/include/tc_map.h"

struct bpf_map_def { unsigned int type, key_size, value_size, max_entries, map_flags; };

struct bpf_elf_map SEC("maps") from_tc = { BPF_MAP_TYPE_HASH, 4, 8, 16, .pinning = PIN_GLOBAL_NS };
struct bpf_map_def SEC("maps/old") from_libbpf = { BPF_MAP_TYPE_ARRAY, 4, 8, 2 };
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} from_btf SEC(".maps");

SEC("tc")
int use(struct __sk_buff *skb)
{
	__u32 zero = 0;

	bpf_map_lookup_elem(&from_tc, &zero);
	bpf_map_lookup_elem(&from_libbpf, &zero);
	bpf_map_lookup_elem(&from_btf, &zero);
	return 0;
}

char _license[] SEC("license") = "GPL";
