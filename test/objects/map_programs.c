// What programs do with types of maps that have operations of their own. Each program leaves what it saw in `seen`.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 3);
	__type(value, __u64);
} queue SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 3);
	__type(value, __u64);
} stack SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_BLOOM_FILTER);
	__uint(max_entries, 100);
	__type(value, __u64);
} bloom SEC(".maps");

struct route {
	__u32 length;
	__u8 address[4];
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 8);
	__type(key, struct route);
	__type(value, __u64);
} routes SEC(".maps");

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} first SEC(".maps"), second SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 3);
	__type(key, __u32);
	__array(values, struct inner);
} by_index SEC(".maps") = { .values = { &first, 0, &second } };

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 3);
	__type(key, __u32);
	__array(values, struct inner);
} by_key SEC(".maps") = { .values = { [1] = &second } };

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

__s64 seen[16];

SEC("tc")
int queues(struct __sk_buff *skb)
{
	__u64 value;

	// Older verifiers know nothing of a value any more that a helper has been given the address of.
	for (__u64 i = 1; i <= 4; i++) {
		value = i;
		seen[0] = bpf_map_push_elem(&queue, &value, 0);
		seen[1] = bpf_map_push_elem(&stack, &value, BPF_EXIST);
	}
	seen[2] = bpf_map_peek_elem(&queue, &value) ?: value;
	seen[3] = bpf_map_pop_elem(&queue, &value) ?: value;
	seen[4] = bpf_map_pop_elem(&queue, &value) ?: value;
	seen[5] = bpf_map_peek_elem(&stack, &value) ?: value;
	seen[6] = bpf_map_pop_elem(&stack, &value) ?: value;
	bpf_map_pop_elem(&queue, &value);
	seen[7] = bpf_map_pop_elem(&queue, &value);
	seen[8] = value;
	return 0;
}

SEC("tc")
int blooms(struct __sk_buff *skb)
{
	__u64 value = 7;

	seen[0] = bpf_map_peek_elem(&bloom, &value);
	seen[1] = bpf_map_push_elem(&bloom, &value, 0);
	seen[2] = bpf_map_peek_elem(&bloom, &value);
	seen[3] = bpf_map_push_elem(&bloom, &value, BPF_EXIST);
	return 0;
}

static __s64 route_of(__u8 a, __u8 b)
{
	struct route key = { 32, { a, b, 0, 1 } };
	__u64 *value = bpf_map_lookup_elem(&routes, &key);

	return value ? *value : -1;
}

SEC("tc")
int tries(struct __sk_buff *skb)
{
	struct route ten = { 8, { 10 } }, ten_one = { 16, { 10, 1 } }, long_one = { 33, { 10 } };
	__u64 value = 1;

	seen[0] = bpf_map_update_elem(&routes, &ten, &value, BPF_ANY);
	value = 2;
	seen[1] = bpf_map_update_elem(&routes, &ten_one, &value, BPF_NOEXIST);
	seen[2] = route_of(10, 1);
	seen[3] = route_of(10, 2);
	seen[4] = route_of(11, 1);
	seen[5] = bpf_map_delete_elem(&routes, &ten_one);
	seen[6] = route_of(10, 1);
	seen[7] = bpf_map_delete_elem(&routes, &ten_one);
	seen[8] = bpf_map_update_elem(&routes, &long_one, &value, BPF_ANY);
	seen[9] = bpf_map_lookup_elem(&routes, &long_one) ? 1 : 0;
	return 0;
}

static __s64 count(void *outer, __u32 key, __u32 index)
{
	void *inner = bpf_map_lookup_elem(outer, &key);
	__u64 *value = inner ? bpf_map_lookup_elem(inner, &index) : 0;

	return value ? ++*value : -1;
}

SEC("tc")
int maps_of_maps(struct __sk_buff *skb)
{
	seen[0] = count(&by_index, 0, 1);
	seen[1] = count(&by_index, 0, 1);
	seen[2] = count(&by_index, 1, 1);
	seen[3] = count(&by_index, 2, 1);
	seen[4] = count(&by_index, 9, 1);
	seen[5] = count(&by_key, 1, 1);
	seen[6] = count(&by_key, 2, 1);
	seen[7] = count(&by_index, 0, 2);
	return 0;
}

SEC("tc")
int rings(struct __sk_buff *skb)
{
	__u64 data[4] = { 1, 2, 3, 4 };
	__u64 *record;

	seen[0] = bpf_ringbuf_output(&ring, data, sizeof(data), 0);
	seen[1] = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);
	record = bpf_ringbuf_reserve(&ring, 20, 0);
	if (!record)
		return 1;
	record[0] = 5;
	seen[2] = bpf_ringbuf_query(&ring, BPF_RB_PROD_POS);
	bpf_ringbuf_submit(record, 0);
	record = bpf_ringbuf_reserve(&ring, 8, 0);
	if (!record)
		return 1;
	bpf_ringbuf_discard(record, 0);
	seen[3] = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);
	seen[4] = bpf_ringbuf_query(&ring, BPF_RB_RING_SIZE);
	seen[5] = bpf_ringbuf_query(&ring, BPF_RB_CONS_POS);
	seen[6] = bpf_ringbuf_output(&ring, data, sizeof(data), 8);
	record = bpf_ringbuf_reserve(&ring, 5000, 0);
	seen[7] = record ? 1 : 0;
	if (record)
		bpf_ringbuf_discard(record, 0);
	// Fills it.
	for (int i = 0; i < 200; i++)
		if (bpf_ringbuf_output(&ring, data, sizeof(data), 0) == 0)
			seen[8]++;
	seen[9] = bpf_ringbuf_output(&ring, data, sizeof(data), 0);
	return 0;
}

char _license[] SEC("license") = "GPL";
