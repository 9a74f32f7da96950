// Members of struct bpf_map, by pointers to maps.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct bpf_map {
	enum bpf_map_type map_type;
	__u32 key_size;
	__u32 value_size;
	__u32 max_entries;
	__u64 map_extra;
	__u32 map_flags;
	__u32 id;
} __attribute__((preserve_access_index));

__u64 seen[8];

#define READ(map)							\
	SEC("tc")							\
	int read_##map(struct __sk_buff *skb)				\
	{								\
		struct bpf_map *fields = (struct bpf_map *)&map;	\
									\
		seen[0] = fields->map_type;				\
		seen[1] = fields->key_size;				\
		seen[2] = fields->value_size;				\
		seen[3] = fields->max_entries;				\
		seen[4] = fields->map_extra;				\
		seen[5] = fields->map_flags;				\
		seen[6] = fields->id;					\
		return 0;						\
	}

#define MAP(map, kind, key_type, value_type, entries)			\
	struct {							\
		__uint(type, BPF_MAP_TYPE_##kind);			\
		__type(key, key_type);					\
		__type(value, value_type);				\
		__uint(max_entries, entries);				\
	} map SEC(".maps");						\
	READ(map)

MAP(hash, HASH, __u32, __u64, 5)
MAP(lru_hash, LRU_HASH, __u32, __u64, 6)
MAP(percpu_hash, PERCPU_HASH, __u32, __u64, 7)
MAP(array, ARRAY, __u32, __u16, 8)
MAP(percpu_array, PERCPU_ARRAY, __u32, __u64, 9)
MAP(prog_array, PROG_ARRAY, __u32, __u32, 10)
MAP(events, PERF_EVENT_ARRAY, __u32, __u32, 2)
MAP(devices, DEVMAP, __u32, __u32, 11)
MAP(cpus, CPUMAP, __u32, __u32, 2)
MAP(sockets, SOCKMAP, __u32, __u32, 12)
MAP(socket_hash, SOCKHASH, __u32, __u32, 13)

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(key_size, 8);
	__uint(value_size, 4);
	__uint(max_entries, 14);
	__uint(map_flags, BPF_F_NO_PREALLOC);
} trie SEC(".maps");
READ(trie)

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(value_size, 4);
	__uint(max_entries, 15);
} queue SEC(".maps");
READ(queue)

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");
READ(ring)

struct {
	__uint(type, BPF_MAP_TYPE_BLOOM_FILTER);
	__uint(value_size, 4);
	__uint(max_entries, 16);
	__uint(map_extra, 3);
} bloom SEC(".maps");
READ(bloom)

SEC("tc")
int write_hash(struct __sk_buff *skb)
{
	((struct bpf_map *)&hash)->max_entries = 1;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
