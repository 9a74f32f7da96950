// Programs on functions of the kernel, with their typed arguments: those that test runs call. Each leaves what it saw in a place of its own.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct bpf_fentry_test_t {
	struct bpf_fentry_test_t *a;
} __attribute__((preserve_access_index));

__s64 entered[32], left[32], changed[8];
int set_result;

SEC("fentry/bpf_fentry_test1")
int BPF_PROG(enter1, int a)
{
	entered[0] = a;
	entered[1] = bpf_get_func_arg_cnt(ctx);
	entered[2] = bpf_get_attach_cookie(ctx);
	return 0;
}

SEC("fentry/bpf_fentry_test6")
int BPF_PROG(enter6, __u64 a, void *b, short c, int d, void *e, __u64 f)
{
	__u64 value = 0;

	entered[3] = a + (__u64)b * 2 + c * 3 + d * 4 + (__u64)e * 5 + f * 6;
	entered[4] = bpf_get_func_arg(ctx, 5, &value);
	entered[5] = value;
	entered[6] = bpf_get_func_arg(ctx, 6, &value);
	entered[7] = bpf_get_func_ret(ctx, &value);
	entered[8] = bpf_get_func_arg_cnt(ctx);
	entered[9] = bpf_get_func_arg(ctx, (__u32)-1, &value);
	return 0;
}

SEC("fexit/bpf_fentry_test1")
int BPF_PROG(leave1, int a, int ret)
{
	__u64 value = 0;

	left[0] = a;
	left[1] = ret;
	left[2] = bpf_get_func_ret(ctx, &value);
	left[3] = value;
	left[4] = bpf_get_func_arg_cnt(ctx);
	left[5] = bpf_get_func_arg(ctx, 1, &value);
	left[6] = bpf_get_func_ip(ctx) != 0;
	return 0;
}

SEC("fexit/bpf_fentry_test5")
int BPF_PROG(leave5, __u64 a, void *b, short c, int d, __u64 e, int ret)
{
	left[7] = ret;
	left[8] = bpf_get_func_arg_cnt(ctx);
	return 0;
}

SEC("fexit/bpf_fentry_test7")
int BPF_PROG(leave7, struct bpf_fentry_test_t *arg)
{
	left[9] = !arg;
	// Nothing is there: zero, and no fault.
	left[10] = (__s64)arg->a;
	return 0;
}

SEC("fexit/bpf_fentry_test8")
int BPF_PROG(leave8, struct bpf_fentry_test_t *arg)
{
	left[11] = !!arg;
	left[12] = (__s64)arg->a;
	left[13] = arg->a ? 0 : (__s64)arg->a->a;
	return 0;
}

SEC("fmod_ret/bpf_modify_return_test")
int BPF_PROG(change, int a, int *b, int ret)
{
	__u64 value = 7;

	changed[0]++;
	changed[1] = a;
	changed[2] = ret;
	changed[3] = bpf_get_func_ret(ctx, &value);
	changed[4] = value;
	return set_result;
}

SEC("fentry/bpf_modify_return_test")
int BPF_PROG(before, int a, int *b)
{
	changed[5] = ++changed[7];
	return 0;
}

SEC("fexit/bpf_modify_return_test")
int BPF_PROG(after, int a, int *b, int ret)
{
	changed[6] = ret;
	return 0;
}

SEC("?fmod_ret/bpf_fentry_test2")
int BPF_PROG(fixed, int a, __u64 b, int ret)
{
	return 1;
}

SEC("?fentry/bpf_fentry_test1")
int BPF_PROG(too_far, int a)
{
	return ctx[3];
}

SEC("?fentry/bpf_fentry_test1")
int BPF_PROG(not_zero, int a)
{
	return 1;
}

SEC("?fentry.s/bpf_fentry_test1")
int BPF_PROG(sleeps, int a)
{
	return 0;
}

SEC("?fentry.s/bpf_fentry_test2")
int BPF_PROG(sleepless, int a)
{
	return 0;
}

char _license[] SEC("license") = "GPL";
