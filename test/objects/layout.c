// One map name, one size, two meanings: built twice, with and without OTHER.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct stats {
#ifdef OTHER
	__u32 bytes, packets;
#else
	__u32 packets, bytes;
#endif
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct stats);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} stats SEC(".maps");

SEC("tc")
int count(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct stats *s = bpf_map_lookup_elem(&stats, &zero);

	if (s)
		s->packets++;
	return 0;
}

char _license[] SEC("license") = "GPL";
