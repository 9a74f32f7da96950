// A congestion control of TCP, and the struct that the kernel's tests use.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct sock;
struct tcp_congestion_ops {
	unsigned int (*ssthresh)(struct sock *sk);
	void (*cong_avoid)(struct sock *sk, unsigned int ack, unsigned int acked);
	void (*set_state)(struct sock *sk, unsigned char new_state);
	unsigned int (*undo_cwnd)(struct sock *sk);
	char name[16];
	unsigned int flags;
	int (*skep_not_in_any_kernel)(struct sock *sk);
	int skep_number;
};

SEC("struct_ops/ssthresh")
unsigned int BPF_PROG(ssthresh, struct sock *sk)
{
	return 2;
}

SEC("struct_ops/cong_avoid")
void BPF_PROG(cong_avoid, struct sock *sk, unsigned int ack, unsigned int acked)
{
}

SEC("struct_ops/undo_cwnd")
unsigned int BPF_PROG(undo_cwnd, struct sock *sk)
{
	return 3;
}

SEC("struct_ops/none")
int BPF_PROG(not_in_any_kernel, struct sock *sk)
{
	return 0;
}

SEC(".struct_ops")
struct tcp_congestion_ops skep_plain = {
	.ssthresh = (void *)ssthresh,
	.cong_avoid = (void *)cong_avoid,
	.undo_cwnd = (void *)undo_cwnd,
	.skep_not_in_any_kernel = (void *)not_in_any_kernel,
	.name = "skep_plain",
};

SEC(".struct_ops.link")
struct tcp_congestion_ops skep_link = {
	.ssthresh = (void *)ssthresh,
	.cong_avoid = (void *)cong_avoid,
	.undo_cwnd = (void *)undo_cwnd,
	.name = "skep_link",
};

SEC("?.struct_ops")
struct tcp_congestion_ops skep_left_out = {
	.ssthresh = (void *)ssthresh,
	.name = "skep_out",
	.skep_number = 1,
};

char _license[] SEC("license") = "GPL";
