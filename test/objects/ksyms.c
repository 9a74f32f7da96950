// Symbols and functions that Linux has.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

struct rq {
	int cpu;
} __attribute__((preserve_access_index));
struct bpf_iter_num {
	__u64 opaque[1];
};

extern const void bpf_prog_put __ksym;
extern const struct rq runqueues __ksym;
extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __ksym;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __ksym;
extern int skep_no_such_function(int) __ksym;

unsigned long address;
int sum;
int cpu = -1;

SEC("tc")
int symbols(struct __sk_buff *skb)
{
	address = (unsigned long)&bpf_prog_put;
	return TC_ACT_OK;
}

SEC("tc")
int functions(struct __sk_buff *skb)
{
	struct bpf_iter_num it;
	int *n;

	bpf_iter_num_new(&it, 1, 5);
	while ((n = bpf_iter_num_next(&it)))
		sum += *n;
	bpf_iter_num_destroy(&it);
	return TC_ACT_OK;
}

SEC("tc")
int variable(struct __sk_buff *skb)
{
	const struct rq *rq = bpf_per_cpu_ptr(&runqueues, 0);

	if (rq)
		cpu = rq->cpu;
	return TC_ACT_OK;
}

SEC("?socket")
int strong(struct __sk_buff *skb)
{
	return skep_no_such_function(1);
}

char _license[] SEC("license") = "GPL";
