// Variables of the kernel, by its BTF.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct rq {
	int cpu;
	int online;
} __attribute__((preserve_access_index));

extern const struct rq runqueues __ksym;
extern const int bpf_prog_active __ksym;
extern const int skep_no_such_var __ksym __weak;

__s64 seen[16];

SEC("tc")
int each_cpu(struct __sk_buff *skb)
{
	const struct rq *first = bpf_per_cpu_ptr(&runqueues, 0);
	const struct rq *second = bpf_per_cpu_ptr(&runqueues, 1);
	const struct rq *none = bpf_per_cpu_ptr(&runqueues, 1 << 20);
	const int *active = bpf_per_cpu_ptr(&bpf_prog_active, 0);

	seen[0] = first ? first->cpu : -1;
	seen[1] = second ? second->cpu : -1;
	seen[2] = !none;
	seen[3] = first ? first->online : -1;
	seen[4] = active ? *active : -1;
	return 0;
}

SEC("tc")
int this_cpu(struct __sk_buff *skb)
{
	const struct rq *rq = bpf_this_cpu_ptr(&runqueues);
	const int *active = bpf_this_cpu_ptr(&bpf_prog_active);

	seen[0] = rq->cpu == bpf_get_smp_processor_id();
	seen[1] = rq->online;
	seen[2] = *active;
	return 0;
}

SEC("tc")
int missing(struct __sk_buff *skb)
{
	seen[0] = &skep_no_such_var == 0;
	return 0;
}

SEC("?socket")
int writes(struct __sk_buff *skb)
{
	*(int *)bpf_this_cpu_ptr(&bpf_prog_active) = 1;
	return 0;
}

SEC("?socket")
int writes_struct(struct __sk_buff *skb)
{
	struct rq *rq = bpf_this_cpu_ptr(&runqueues);

	rq->cpu = 1;
	return 0;
}

SEC("?socket")
int unchecked(struct __sk_buff *skb)
{
	return ((const struct rq *)bpf_per_cpu_ptr(&runqueues, 0))->cpu;
}

SEC("?socket")
int direct(struct __sk_buff *skb)
{
	return *(volatile int *)&bpf_prog_active;
}

char LICENSE[] SEC("license") = "GPL";
