// Programs that are made for one function of the kernel, or of another program.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct task_struct;
struct file;
struct seq_file;
struct bpf_iter_meta {
	struct seq_file *seq;
	__u64 session_id;
	__u64 seq_num;
} __attribute__((preserve_access_index));
struct bpf_map {
	__u32 id;
} __attribute__((preserve_access_index));
struct bpf_iter__bpf_map {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
} __attribute__((preserve_access_index));

int count;

#ifndef MORE
SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, _Bool preempt, struct task_struct *prev, struct task_struct *next)
{
	count++;
	return 0;
}

SEC("iter/bpf_map")
int each_map(struct bpf_iter__bpf_map *ctx)
{
	static const char format[] = "%u\n";

	struct bpf_map *map = ctx->map;
	__u64 id;

	if (!map)
		return 0;
	id = map->id;
	bpf_seq_printf(ctx->meta->seq, format, sizeof(format), &id, sizeof(id));
	return 0;
}
#else
SEC("lsm/file_open")
int BPF_PROG(on_open, struct file *file)
{
	return 0;
}

SEC("fentry/vmlinux:bpf_prog_put")
int BPF_PROG(on_put)
{
	return 0;
}

SEC("fexit")
int BPF_PROG(on_return)
{
	return 0;
}

SEC("fentry/skep_no_such_function")
int BPF_PROG(on_nothing)
{
	return 0;
}

/* What the next one replaces is of a program that must be loaded already. */
__attribute__((noinline)) int replaced(struct __sk_buff *skb)
{
	volatile int value = 1;

	return value;
}

SEC("tc")
int caller(struct __sk_buff *skb)
{
	return replaced(skb);
}

SEC("freplace/replaced")
int replacement(struct __sk_buff *skb)
{
	return 42;
}

#endif

char _license[] SEC("license") = "GPL";
