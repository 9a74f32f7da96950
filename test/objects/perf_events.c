// Says events into a perf event array: as many as the packet, or the first word of the context, asks for.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#define MAX_PAYLOAD 60
// Of one run. A loop, and not bpf_loop, for kernels before 5.17.
#define MAX_EVENTS 1024

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

static __always_inline void say(void *ctx, __u64 n, __u32 size)
{
	struct event event = {};

	if (size < 8 || size > MAX_PAYLOAD)
		return;
	for (__u32 i = 0; i < MAX_EVENTS; i++) {
		barrier_var(i);
		if (i >= n)
			break;
		event.number = said;
		event.cpu = bpf_get_smp_processor_id();
		event.payload[0] = i;
		if (bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &event, size))
			refused++;
		else
			said++;
	}
}

// u32 number of events, u32 bytes of each, from byte 14.
SEC("tc")
int say_events(struct __sk_buff *skb)
{
	struct { __u32 n, size; } asked;

	if (bpf_skb_load_bytes(skb, 14, &asked, sizeof(asked)))
		return TC_ACT_SHOT;
	say(skb, asked.n, asked.size);
	return TC_ACT_OK;
}

// For a test run on a CPU of its choice.
SEC("raw_tp")
int say_on_cpu(struct bpf_raw_tracepoint_args *ctx)
{
	say(ctx, ctx->args[0], ctx->args[1]);
	return 0;
}

char _license[] SEC("license") = "GPL";
