// XDP frames that are longer than a page. Each program leaves what it saw in `seen`.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern int bpf_xdp_pull_data(struct xdp_md *x, __u32 len) __ksym;

__s64 seen[64];
__u32 at;

static void note(__s64 value)
{
	__u32 i = at++;

	if (i < 64)
		seen[i] = value;
}

/** Bytes that the program reaches: a number, of which the compiler does not make pointers again. */
static long length(struct xdp_md *ctx)
{
	long bytes = (long)ctx->data_end - (long)ctx->data;

	barrier_var(bytes);
	return bytes;
}

SEC("xdp.frags")
int bytes(struct xdp_md *ctx)
{
	__u32 whole = bpf_xdp_get_buff_len(ctx), linear = length(ctx);
	__u8 word[8] = {};

	note(whole);
	note(linear);
	note(bpf_xdp_load_bytes(ctx, linear - 4, word, 8));
	note(word[0] + word[4]);
	note(bpf_xdp_load_bytes(ctx, linear + 10, word, 8));
	note(word[0]);
	note(bpf_xdp_load_bytes(ctx, whole - 7, word, 8));
	note(bpf_xdp_load_bytes(ctx, whole - 8, word, 8));
	word[0] = word[7] = 0xee;
	note(bpf_xdp_store_bytes(ctx, linear - 4, word, 8));
	note(bpf_xdp_store_bytes(ctx, whole - 8, word, 8));
	note(bpf_xdp_store_bytes(ctx, whole - 7, word, 8));
	return XDP_PASS;
}

SEC("xdp.frags")
int pulls(struct xdp_md *ctx)
{
	__u32 whole = bpf_xdp_get_buff_len(ctx), linear = length(ctx);
	__u8 byte = 0;

	note(bpf_xdp_pull_data(ctx, linear));
	note(length(ctx) - linear);
	note(bpf_xdp_pull_data(ctx, whole + 1));
	note(bpf_xdp_pull_data(ctx, linear + 300));
	note(bpf_xdp_pull_data(ctx, linear + 100));
	note(length(ctx) - linear);
	note(bpf_xdp_get_buff_len(ctx) - whole);
	note(bpf_xdp_load_bytes(ctx, linear + 50, &byte, 1));
	note(byte);
	note(bpf_xdp_load_bytes(ctx, whole - 1, &byte, 1));
	note(byte);
	note(bpf_xdp_pull_data(ctx, linear + 216));
	note(bpf_xdp_pull_data(ctx, linear + 217));
	note(length(ctx) - linear);
	return XDP_PASS;
}

static void move_tail(struct xdp_md *ctx, int delta)
{
	note(bpf_xdp_adjust_tail(ctx, delta));
	note(bpf_xdp_get_buff_len(ctx));
}

SEC("xdp.frags")
int tails(struct xdp_md *ctx)
{
	__u8 word[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	__u32 whole = bpf_xdp_get_buff_len(ctx);

	// Into the last page, until it is full.
	move_tail(ctx, 100);
	note(bpf_xdp_store_bytes(ctx, whole + 92, word, 8));
	move_tail(ctx, 2612);
	move_tail(ctx, 1);
	// The last page goes, and its room.
	move_tail(ctx, -4096);
	move_tail(ctx, 1);
	move_tail(ctx, -96);
	move_tail(ctx, 97);
	move_tail(ctx, 20);
	note(bpf_xdp_load_bytes(ctx, 7532, word, 8));
	note(word[0] + word[7]);
	move_tail(ctx, -7600);
	// No fragment is left.
	move_tail(ctx, -5000);
	note(length(ctx));
	move_tail(ctx, 1);
	move_tail(ctx, -2528);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
