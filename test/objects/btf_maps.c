// Every attribute of a BTF-defined map.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct key { __u32 addr; __u16 port; __u8 proto; __u8 pad; };
struct value { __u64 packets; __u64 bytes; char name[16]; };

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct key);
	__type(value, struct value);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 4);
	__uint(key_size, 4);
	__uint(value_size, 8);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} per_cpu SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 5000);
} ring SEC(".maps");

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 3);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps");

SEC("tc")
int use(struct __sk_buff *skb)
{
	struct key k = {};
	__u32 zero = 0;

	bpf_map_lookup_elem(&flows, &k);
	bpf_map_lookup_elem(&per_cpu, &zero);
	bpf_map_lookup_elem(&outer, &zero);
	return 0;
}

char _license[] SEC("license") = "GPL";
