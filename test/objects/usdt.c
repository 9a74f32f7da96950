// Programs at USDT probes: of test/objects/usdt_target.c, and of a library that says where by its section.
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/usdt.bpf.h>

struct seen {
	__u64 runs;
	__s64 args[4];
	__s64 cookie;
	__s64 count;
	/* What bpf_usdt_arg says of an argument that is not there. */
	__s64 missing;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct seen);
} seen SEC(".maps");

static __always_inline int note(struct pt_regs *ctx, __u32 slot)
{
	struct seen *s = bpf_map_lookup_elem(&seen, &slot);
	long arg;

	if (!s)
		return 0;
	__sync_fetch_and_add(&s->runs, 1);
	s->count = bpf_usdt_arg_cnt(ctx);
	s->cookie = bpf_usdt_cookie(ctx);
	bpf_usdt_arg(ctx, 0, &arg);
	s->args[0] = arg;
	bpf_usdt_arg(ctx, 1, &arg);
	s->args[1] = arg;
	bpf_usdt_arg(ctx, 2, &arg);
	s->args[2] = arg;
	bpf_usdt_arg(ctx, 3, &arg);
	s->args[3] = arg;
	s->missing = bpf_usdt_arg(ctx, 11, &arg);
	return 0;
}

SEC("usdt") int on_step(struct pt_regs *ctx)
{
	return note(ctx, 0);
}

SEC("usdt") int on_counted(struct pt_regs *ctx)
{
	return note(ctx, 1);
}

SEC("usdt/libstdc++.so.6:libstdcxx:throw") int on_throw(struct pt_regs *ctx)
{
	return note(ctx, 1);
}

char _license[] SEC("license") = "GPL";
