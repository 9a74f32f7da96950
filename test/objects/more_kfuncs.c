// Functions of the kernel: streams, counts of maps, bitmaps of CPUs, signals, what is before a packet. Each program leaves what it saw in `seen`.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

struct task_struct {
	int pid;
} __attribute__((preserve_access_index));
struct cpumask {
	unsigned long bits[1];
};
struct bpf_cpumask {
	struct cpumask cpumask;
};
struct bpf_map {
	__u32 id;
} __attribute__((preserve_access_index));
enum pid_type { PIDTYPE_PID, PIDTYPE_TGID, PIDTYPE_PGID };

extern int bpf_stream_vprintk_impl(int stream_id, const char *fmt__str, const void *args, __u32 len__sz, void *aux__prog) __ksym;
extern void __bpf_trap(void) __ksym;
extern __s64 bpf_map_sum_elem_count(const struct bpf_map *map) __ksym;
extern int bpf_modify_return_test_tp(int nonce) __ksym;
extern struct bpf_cpumask *bpf_cpumask_create(void) __ksym;
extern void bpf_cpumask_release(struct bpf_cpumask *mask) __ksym;
extern __u32 bpf_cpumask_first(const struct cpumask *mask) __ksym;
extern int bpf_cpumask_populate(struct cpumask *mask, void *src, unsigned long src__sz) __ksym;
extern int bpf_send_signal_task(struct task_struct *task, int sig, enum pid_type type, __u64 value) __ksym;
extern int bpf_dynptr_from_skb_meta(struct __sk_buff *skb, __u64 flags, struct bpf_dynptr *ptr) __ksym;
extern __u64 bpf_dynptr_size(const struct bpf_dynptr *ptr) __ksym;
extern _Bool bpf_dynptr_is_null(const struct bpf_dynptr *ptr) __ksym;
extern _Bool bpf_dynptr_is_rdonly(const struct bpf_dynptr *ptr) __ksym;

__s64 seen[64];
__u32 at;

static void note(__s64 value)
{
	__u32 i = at++;

	if (i < 64)
		seen[i] = value;
}

SEC("syscall")
int prints(void *ctx)
{
	static const char plain[] = "nothing to fill in\n", filled[] = "%d %s %x\n", wrong[] = "%q\n";
	char word[] = "word";
	__u64 values[3] = { -1, (__u64)(long)word, 0xbeef };

	note(bpf_stream_vprintk_impl(1, plain, values, 0, 0));
	note(bpf_stream_vprintk_impl(2, filled, values, sizeof(values), 0));
	note(bpf_stream_vprintk_impl(1, filled, values, sizeof(values), 0));
	note(bpf_stream_vprintk_impl(0, plain, values, 0, 0));
	note(bpf_stream_vprintk_impl(3, plain, values, 0, 0));
	note(bpf_stream_vprintk_impl(1, filled, values, 16, 0));
	note(bpf_stream_vprintk_impl(1, filled, values, 12, 0));
	note(bpf_stream_vprintk_impl(1, wrong, values, 8, 0));
	return 0;
}

SEC("syscall")
int prints_much(void *ctx)
{
	static const char line[] = "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789";
	int i, full = 0;

	for (i = 0; i < 1010; i++)
		full += bpf_stream_vprintk_impl(1, line, &full, 0, 0) == -28;
	note(full);
	return 0;
}

#define MAP(name, kind, flags)                         \
	struct {                                       \
		__uint(type, BPF_MAP_TYPE_##kind);     \
		__uint(max_entries, 8);                \
		__uint(map_flags, flags);              \
		__type(key, int);                      \
		__type(value, __u64);                  \
	} name SEC(".maps")
MAP(of_hash, HASH, 0);
MAP(of_lazy, HASH, BPF_F_NO_PREALLOC);
MAP(of_cpus, PERCPU_HASH, 0);
MAP(of_lru, LRU_HASH, 0);
MAP(of_array, ARRAY, 0);

#define COUNT(map) note(bpf_map_sum_elem_count((struct bpf_map *)&map))
static void put(void *map, int key)
{
	__u64 value = 1;

	bpf_map_update_elem(map, &key, &value, BPF_ANY);
}
static void fill(void *map)
{
	int key = 2;

	put(map, 0);
	put(map, 1);
	put(map, 2);
	bpf_map_delete_elem(map, &key);
	put(map, 3);
}

SEC("syscall")
int counts(void *ctx)
{
	COUNT(of_hash);
	fill(&of_hash);
	fill(&of_lazy);
	fill(&of_cpus);
	fill(&of_lru);
	COUNT(of_hash);
	COUNT(of_lazy);
	COUNT(of_cpus);
	COUNT(of_lru);
	COUNT(of_array);
	return 0;
}

__u32 map_id;
struct bpf_iter_meta;
struct bpf_iter__bpf_map {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
} __attribute__((preserve_access_index));

SEC("iter/bpf_map")
int counts_in_iter(struct bpf_iter__bpf_map *ctx)
{
	struct bpf_map *map = ctx->map;

	if (map && map->id == map_id)
		note(bpf_map_sum_elem_count(map));
	return 0;
}

SEC("syscall")
int populates(void *ctx)
{
	struct bpf_cpumask *mask = bpf_cpumask_create();
	__u64 bits[16] = { 2 };

	if (!mask)
		return 1;
	note(bpf_cpumask_populate((struct cpumask *)mask, bits, 4));
	note(bpf_cpumask_populate((struct cpumask *)mask, bits, sizeof(bits)));
	note(bpf_cpumask_first((struct cpumask *)mask));
	bpf_cpumask_release(mask);
	return 0;
}

SEC("syscall")
int signals(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();

	note(bpf_send_signal_task(task, 0, PIDTYPE_PID, 0));
	note(bpf_send_signal_task(task, 65, PIDTYPE_TGID, 0));
	note(bpf_send_signal_task(task, 0, PIDTYPE_PGID, 0));
	note(bpf_send_signal_task(task, 23, PIDTYPE_TGID, 5));
	return 0;
}

int triggered;

SEC("tp_btf/bpf_trigger_tp")
int BPF_PROG(hears, int nonce)
{
	triggered = nonce;
	return 0;
}

SEC("syscall")
int triggers(void *ctx)
{
	note(bpf_modify_return_test_tp(77));
	note(triggered);
	return 0;
}

SEC("tc")
int before(struct __sk_buff *skb)
{
	struct bpf_dynptr ptr;
	__u8 byte = 9;

	note(bpf_dynptr_from_skb_meta(skb, 0, &ptr));
	note(bpf_dynptr_size(&ptr));
	note(bpf_dynptr_is_null(&ptr));
	note(bpf_dynptr_is_rdonly(&ptr));
	note(bpf_dynptr_read(&byte, 1, &ptr, 0, 0));
	note(bpf_dynptr_write(&ptr, 0, &byte, 1, 0));
	note(bpf_dynptr_from_skb_meta(skb, 1, &ptr));
	note(bpf_dynptr_is_null(&ptr));
	return 0;
}

SEC("tc")
int traps(struct __sk_buff *skb)
{
	if (skb->len < 20)
		__bpf_trap();
	return 0;
}

char _license[] SEC("license") = "GPL";
