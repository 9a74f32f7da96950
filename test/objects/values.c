// What programs do with what the kernel keeps in the values of maps. Each program leaves what it saw in `seen`, the callbacks of timers in `fired`.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define HOUR 3600000000000ULL
#define MS 1000000ULL
enum { CLOCK_MONOTONIC = 1, CLOCK_BOOTTIME = 7 };

struct locked {
	__u32 before;
	struct bpf_spin_lock lock;
	__u64 after;
};

struct timed {
	__u64 before;
	struct bpf_timer timer;
	__u64 after;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct locked);
} lock_array SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct locked);
} lock_hash SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct timed);
} timer_array SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct timed);
} timer_hash SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct timed);
} timer_blocks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, struct timed);
} timer_lru SEC(".maps");

__s64 seen[16];
__u64 fired[8];

SEC("tc")
int locks(struct __sk_buff *skb)
{
	__u32 key = 1;
	struct locked new = { .before = 5, .after = 6 }, *value;

	value = bpf_map_lookup_elem(&lock_array, &key);
	if (!value)
		return 1;
	bpf_spin_lock(&value->lock);
	value->before++;
	value->after += 2;
	bpf_spin_unlock(&value->lock);
	seen[0] = value->before;
	seen[1] = bpf_map_update_elem(&lock_array, &key, &new, BPF_F_LOCK);
	seen[2] = value->before;
	seen[3] = bpf_map_update_elem(&lock_array, &key, &new, BPF_F_LOCK | BPF_NOEXIST);
	seen[4] = bpf_map_update_elem(&lock_hash, &key, &new, BPF_F_LOCK | BPF_EXIST);
	seen[5] = bpf_map_update_elem(&lock_hash, &key, &new, BPF_F_LOCK);
	value = bpf_map_lookup_elem(&lock_hash, &key);
	if (!value)
		return 2;
	// With the lock the value is written where it is, without it a new one takes its place.
	new.before = 7;
	seen[6] = bpf_map_update_elem(&lock_hash, &key, &new, BPF_F_LOCK);
	seen[7] = value->before;
	new.before = 8;
	seen[8] = bpf_map_update_elem(&lock_hash, &key, &new, BPF_ANY);
	seen[9] = value->before;
	return 0;
}

static int count(void *map, __u32 *key, struct timed *value)
{
	fired[*key & 7]++;
	value->after += 10;
	return 0;
}

static int again(void *map, __u32 *key, struct timed *value)
{
	fired[*key & 7]++;
	if (++value->after < 3)
		bpf_timer_start(&value->timer, MS, 0);
	return 0;
}

static int cancels(void *map, __u32 *key, struct timed *value)
{
	fired[*key & 7] = -bpf_timer_cancel(&value->timer);
	return 0;
}

SEC("tc")
int timers(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct timed *value = bpf_map_lookup_elem(&timer_array, &key);

	if (!value)
		return 1;
	seen[0] = bpf_timer_set_callback(&value->timer, count);
	seen[1] = bpf_timer_start(&value->timer, HOUR, 0);
	seen[2] = bpf_timer_cancel(&value->timer);
	seen[3] = bpf_timer_init(&value->timer, &timer_array, 2);
	seen[4] = bpf_timer_init(&value->timer, &timer_array, CLOCK_MONOTONIC);
	seen[5] = bpf_timer_init(&value->timer, &timer_array, CLOCK_MONOTONIC);
	seen[6] = bpf_timer_start(&value->timer, HOUR, 0);
	seen[7] = bpf_timer_set_callback(&value->timer, count);
	seen[8] = bpf_timer_start(&value->timer, HOUR, 4);
	seen[9] = bpf_timer_cancel(&value->timer);
	seen[10] = bpf_timer_start(&value->timer, HOUR, 0);
	seen[11] = bpf_timer_set_callback(&value->timer, count);
	seen[12] = bpf_timer_start(&value->timer, HOUR, 0);
	seen[13] = bpf_timer_cancel(&value->timer);
	seen[14] = bpf_timer_cancel(&value->timer);
	return 0;
}

#define START(map, number, callback, clock, ns, flags) ({                                 \
	__u32 key_ = number;                                                              \
	struct timed *value_ = bpf_map_lookup_elem(&map, &key_);                          \
	if (!value_)                                                                      \
		return 1;                                                                 \
	bpf_timer_init(&value_->timer, &map, clock) ?:                                    \
		bpf_timer_set_callback(&value_->timer, callback) ?:                       \
		bpf_timer_start(&value_->timer, ns, flags);                               \
})

SEC("tc")
int fires(struct __sk_buff *skb)
{
	seen[0] = START(timer_array, 0, count, CLOCK_MONOTONIC, MS, 0);
	seen[1] = START(timer_array, 1, again, CLOCK_BOOTTIME, MS, 0);
	seen[2] = START(timer_array, 2, cancels, CLOCK_MONOTONIC, MS, 0);
	seen[3] = START(timer_array, 3, count, CLOCK_MONOTONIC, bpf_ktime_get_ns() + MS, 1);
	return 0;
}

// An hour is never over in a test: what counts is whether the elements have a timer still.
#define HASHED(name, map)                                                                 \
SEC("tc")                                                                                 \
int name(struct __sk_buff *skb)                                                           \
{                                                                                         \
	__u32 key = 1;                                                                    \
	struct timed new = { .before = 5, .after = 6 }, *value;                           \
	bpf_map_update_elem(&map, &key, &new, 0);                                         \
	seen[0] = START(map, 1, count, CLOCK_MONOTONIC, HOUR, 0);                         \
	seen[1] = START(map, 1, count, CLOCK_MONOTONIC, HOUR, 0);                         \
	bpf_map_update_elem(&map, &key, &new, 0);                                         \
	seen[2] = START(map, 1, count, CLOCK_MONOTONIC, HOUR, 0);                         \
	bpf_map_delete_elem(&map, &key);                                                  \
	bpf_map_update_elem(&map, &key, &new, 0);                                         \
	value = bpf_map_lookup_elem(&map, &key);                                          \
	if (!value)                                                                       \
		return 2;                                                                 \
	seen[3] = bpf_timer_cancel(&value->timer);                                        \
	seen[4] = value->before + value->after;                                           \
	seen[5] = START(map, 1, count, CLOCK_MONOTONIC, HOUR, 0);                         \
	return 0;                                                                         \
}

HASHED(in_hash, timer_hash)
HASHED(in_blocks, timer_blocks)
HASHED(in_lru, timer_lru)

char _license[] SEC("license") = "GPL";
