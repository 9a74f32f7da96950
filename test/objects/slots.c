// Maps whose definition puts something in: maps in an outer map, programs in a prog array.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} a SEC(".maps"), b SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 8);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps") = { .values = { [1] = &b, [5] = &a } };

int drop(struct __sk_buff *skb);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__array(values, int(struct __sk_buff *));
} jump SEC(".maps") = { .values = { [2] = &drop } };

SEC("tc") int drop(struct __sk_buff *skb) { return 2; }

SEC("tc")
int enter(struct __sk_buff *skb)
{
	bpf_tail_call(skb, &jump, 2);
	return 0;
}

char _license[] SEC("license") = "GPL";
