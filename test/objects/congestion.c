// Congestion controls of TCP: one that does as Reno and counts what it is told, and one with a window of its own.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct sock_common {
	unsigned char skc_state;
	__u16 skc_num;
};
struct sock {
	struct sock_common __sk_common;
};
struct tcp_sock {
	__u32 snd_cwnd;
	__u32 snd_ssthresh;
	__u32 snd_una;
	__u32 rcv_nxt;
	__u32 packets_out;
	__u32 mss_cache;
};
struct ack_sample {
	__u32 pkts_acked;
	__s32 rtt_us;
	__u32 in_flight;
};
struct rate_sample {
	__s32 delivered;
	__u32 acked_sacked;
	__u32 prior_in_flight;
};
#pragma clang attribute pop

enum tcp_ca_event { CA_EVENT_TX_START };

struct tcp_congestion_ops {
	__u32 (*ssthresh)(struct sock *sk);
	void (*cong_avoid)(struct sock *sk, __u32 ack, __u32 acked);
	void (*set_state)(struct sock *sk, __u8 new_state);
	void (*cwnd_event)(struct sock *sk, enum tcp_ca_event ev);
	void (*pkts_acked)(struct sock *sk, const struct ack_sample *sample);
	__u32 (*undo_cwnd)(struct sock *sk);
	void (*cong_control)(struct sock *sk, __u32 ack, int flag, const struct rate_sample *rs);
	void (*init)(struct sock *sk);
	void (*release)(struct sock *sk);
	char name[16];
};

extern __u32 tcp_reno_ssthresh(struct sock *sk) __ksym;
extern void tcp_reno_cong_avoid(struct sock *sk, __u32 ack, __u32 acked) __ksym;
extern __u32 tcp_reno_undo_cwnd(struct sock *sk) __ksym;

enum { INIT, RELEASE, SSTHRESH, AVOID, STATE, EVENT, ACKED, UNDO, CONTROL, KINDS };
__u32 calls[16];
__u32 first_window, first_threshold, window, threshold, segments, last_state, last_event, sent_ack, port, same;
__u32 wanted = 3;

SEC("struct_ops/init")
void BPF_PROG(reno_init, struct sock *sk)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;

	calls[INIT]++;
	first_window = tp->snd_cwnd;
	first_threshold = tp->snd_ssthresh;
	port = sk->__sk_common.skc_num;
	sent_ack = bpf_tcp_send_ack(tp, tp->rcv_nxt);
}

SEC("struct_ops/release")
void BPF_PROG(count_release, struct sock *sk)
{
	calls[RELEASE]++;
}

SEC("struct_ops/ssthresh")
__u32 BPF_PROG(reno_ssthresh, struct sock *sk)
{
	calls[SSTHRESH]++;
	return tcp_reno_ssthresh(sk);
}

SEC("struct_ops/cong_avoid")
void BPF_PROG(reno_avoid, struct sock *sk, __u32 ack, __u32 acked)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;

	calls[AVOID]++;
	same = ack == tp->snd_una;
	tcp_reno_cong_avoid(sk, ack, acked);
	window = tp->snd_cwnd;
	threshold = tp->snd_ssthresh;
}

SEC("struct_ops/set_state")
void BPF_PROG(count_state, struct sock *sk, __u8 state)
{
	calls[STATE]++;
	last_state = state;
}

SEC("struct_ops/cwnd_event")
void BPF_PROG(count_event, struct sock *sk, enum tcp_ca_event event)
{
	calls[EVENT]++;
	last_event = event;
}

SEC("struct_ops/pkts_acked")
void BPF_PROG(count_acked, struct sock *sk, const struct ack_sample *sample)
{
	calls[ACKED]++;
	segments += sample->pkts_acked;
}

SEC("struct_ops/undo_cwnd")
__u32 BPF_PROG(reno_undo, struct sock *sk)
{
	calls[UNDO]++;
	return tcp_reno_undo_cwnd(sk);
}

SEC("struct_ops/init")
void BPF_PROG(own_init, struct sock *sk)
{
	((struct tcp_sock *)sk)->snd_cwnd = wanted;
}

SEC("struct_ops/cong_control")
void BPF_PROG(own_control, struct sock *sk, __u32 ack, int flag, const struct rate_sample *rs)
{
	calls[CONTROL]++;
	segments += rs->acked_sacked;
	((struct tcp_sock *)sk)->snd_cwnd = wanted;
}

SEC(".struct_ops")
struct tcp_congestion_ops skep_reno = {
	.init = (void *)reno_init,
	.release = (void *)count_release,
	.ssthresh = (void *)reno_ssthresh,
	.cong_avoid = (void *)reno_avoid,
	.set_state = (void *)count_state,
	.cwnd_event = (void *)count_event,
	.pkts_acked = (void *)count_acked,
	.undo_cwnd = (void *)reno_undo,
	.name = "skep_reno",
};

SEC(".struct_ops")
struct tcp_congestion_ops skep_own = {
	.init = (void *)own_init,
	.ssthresh = (void *)reno_ssthresh,
	.cong_control = (void *)own_control,
	.undo_cwnd = (void *)reno_undo,
	.name = "skep_own",
};

char _license[] SEC("license") = "GPL";
