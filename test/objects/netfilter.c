// Netfilter programs: each packet that one sees it notes in `seen`, and drops if the first byte of its UDP payload is that of `drops`.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#define NF_DROP 0
#define NF_ACCEPT 1
#define MAX 16

struct net_device {
	int ifindex;
	char name[16];
} __attribute__((preserve_access_index));

struct nf_hook_state {
	__u8 hook;
	__u8 pf;
	struct net_device *in;
	struct net_device *out;
} __attribute__((preserve_access_index));

struct sk_buff {
	unsigned int len;
	__u16 protocol;
	__u32 mark;
	int skb_iif;
	struct net_device *dev;
} __attribute__((preserve_access_index));

struct bpf_nf_ctx {
	const struct nf_hook_state *state;
	struct sk_buff *skb;
} __attribute__((preserve_access_index));

extern int bpf_dynptr_from_skb(struct __sk_buff *skb, __u64 flags, struct bpf_dynptr *ptr) __ksym;
extern void *bpf_dynptr_slice(const struct bpf_dynptr *p, __u32 offset, void *buffer, __u32 size) __ksym;
extern _Bool bpf_dynptr_is_rdonly(const struct bpf_dynptr *p) __ksym;

struct seen {
	__u32 priority, hook, pf, len, protocol, mark, ttl, next, rdonly;
	// The first letters of the devices' names: v0 is v.
	__u8 in, out, payload, more;
};
struct seen seen[MAX];
__u32 at, drops;

static int judge(struct bpf_nf_ctx *ctx, __u32 priority)
{
	const struct nf_hook_state *state = ctx->state;
	struct sk_buff *skb = ctx->skb;
	struct bpf_dynptr ptr;
	__u8 buffer[40], more[9];
	int is6 = state->pf == 10;
	__u32 i, header = is6 ? 40 : 20;
	__u8 *ip, *udp;

	if (bpf_dynptr_from_skb((struct __sk_buff *)skb, 0, &ptr))
		return NF_ACCEPT;
	ip = bpf_dynptr_slice(&ptr, 0, buffer, 20);
	// Reports of multicast listeners come when they like; they begin with hop-by-hop options.
	if (!ip || (is6 && ip[6] == 0))
		return NF_ACCEPT;
	i = at++;
	if (i >= MAX)
		return NF_ACCEPT;
	seen[i].priority = priority;
	seen[i].hook = state->hook;
	seen[i].pf = state->pf;
	seen[i].len = skb->len;
	seen[i].protocol = bpf_ntohs(skb->protocol);
	seen[i].mark = skb->mark;
	if (state->in)
		seen[i].in = state->in->name[0];
	if (state->out)
		seen[i].out = state->out->name[0];
	seen[i].rdonly = bpf_dynptr_is_rdonly(&ptr);
	seen[i].ttl = is6 ? ip[7] : ip[8];
	seen[i].next = is6 ? ip[6] : ip[9];
	udp = bpf_dynptr_slice(&ptr, header, more, 9);
	if (!udp)
		return NF_ACCEPT;
	seen[i].payload = udp[8];
	return udp[8] == drops ? NF_DROP : NF_ACCEPT;
}

SEC("netfilter")
int first(struct bpf_nf_ctx *ctx)
{
	return judge(ctx, 1);
}

SEC("netfilter")
int second(struct bpf_nf_ctx *ctx)
{
	return judge(ctx, 2);
}

char _license[] SEC("license") = "GPL";
