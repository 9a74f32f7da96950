// tc's map struct as it was at each of its lengths; compiled without BTF, so that only the length tells.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct bpf_elf_map { __u32 word[WORDS]; };

struct bpf_elf_map SEC("maps") one = { { BPF_MAP_TYPE_HASH, 4, 8, 16,
#if WORDS > 4
	0,
#endif
#if WORDS > 5
	5,
#endif
#if WORDS > 6
	2,
#endif
} };
struct bpf_elf_map SEC("maps") two = { { BPF_MAP_TYPE_ARRAY, 4, 4, 1 } };

SEC("classifier")
int use(struct __sk_buff *skb)
{
	__u32 zero = 0;

	bpf_map_lookup_elem(&one, &zero);
	return bpf_map_lookup_elem(&two, &zero) != 0;
}

char _license[] SEC("license") = "GPL";
