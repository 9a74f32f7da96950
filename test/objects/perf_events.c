// Says events into a perf event array: as many as the packet, or the first word of the context, asks for.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#define MAX_PAYLOAD 60

struct event {
	__u32 number;
	__u32 cpu;
	__u8 payload[MAX_PAYLOAD - 8];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(max_entries, 0);
	__type(key, int);
	__type(value, int);
} events SEC(".maps");

__u32 said;
__u32 refused;

struct saying {
	void *ctx;
	__u32 size;
};

static long one(__u64 i, struct saying *how)
{
	struct event event = { .number = said, .cpu = bpf_get_smp_processor_id() };

	event.payload[0] = i;
	if (how->size < 8 || how->size > MAX_PAYLOAD)
		return 1;
	if (bpf_perf_event_output(how->ctx, &events, BPF_F_CURRENT_CPU, &event, how->size))
		refused++;
	else
		said++;
	return 0;
}

// u32 number of events, u32 bytes of each, from byte 14.
SEC("tc")
int say_events(struct __sk_buff *skb)
{
	struct { __u32 n, size; } asked;
	struct saying how = { .ctx = skb };

	if (bpf_skb_load_bytes(skb, 14, &asked, sizeof(asked)))
		return TC_ACT_SHOT;
	how.size = asked.size;
	bpf_loop(asked.n, one, &how, 0);
	return TC_ACT_OK;
}

// For a test run on a CPU of its choice.
SEC("raw_tp")
int say_on_cpu(struct bpf_raw_tracepoint_args *ctx)
{
	struct saying how = { .ctx = ctx, .size = ctx->args[1] };

	bpf_loop(ctx->args[0], one, &how, 0);
	return 0;
}

char _license[] SEC("license") = "GPL";
