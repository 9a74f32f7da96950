// A program that no kernel accepts: it dereferences what a lookup returned without looking.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "../../examples/include/tc_map.h"

struct bpf_elf_map SEC("maps") precious = {
	.type = BPF_MAP_TYPE_HASH, .size_key = 4, .size_value = 4, .max_elem = 1, .pinning = PIN_GLOBAL_NS,
};

SEC("classifier")
int unsafe(struct __sk_buff *skb)
{
	__u32 zero = 0, *value = bpf_map_lookup_elem(&precious, &zero);

	return *value;
}

char _license[] SEC("license") = "GPL";
