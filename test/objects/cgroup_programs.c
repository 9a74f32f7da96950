// What programs of cgroups see and change; each leaves it in `seen`.
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

__s64 seen[32];
char text[128];

SEC("cgroup/dev")
int device(struct bpf_cgroup_dev_ctx *ctx)
{
	seen[0] = ctx->access_type;
	seen[1] = ctx->major;
	seen[2] = ctx->minor;
	seen[3] = (__u16)ctx->access_type;
	return ctx->major != 1 || ctx->minor != 5;
}

SEC("cgroup/dev")
int device_retval(struct bpf_cgroup_dev_ctx *ctx)
{
	seen[0] = bpf_get_retval();
	bpf_set_retval(-13);
	seen[1] = bpf_get_retval();
	return 1;
}

SEC("cgroup/dev")
int device_ids(struct bpf_cgroup_dev_ctx *ctx)
{
	__u64 id = bpf_get_current_cgroup_id();

	seen[0] = id == bpf_get_current_ancestor_cgroup_id(1);
	seen[1] = bpf_get_current_ancestor_cgroup_id(0);
	seen[2] = bpf_get_current_ancestor_cgroup_id(2);
	seen[3] = id;
	return 1;
}

SEC("cgroup/sysctl")
int sysctl_seen(struct bpf_sysctl *ctx)
{
	seen[0] = ctx->write;
	seen[1] = ctx->file_pos;
	seen[2] = bpf_sysctl_get_name(ctx, text, 32, 0);
	seen[3] = bpf_sysctl_get_name(ctx, text + 32, 16, BPF_F_SYSCTL_BASE_NAME);
	seen[4] = bpf_sysctl_get_name(ctx, text + 48, 8, 0);
	seen[5] = bpf_sysctl_get_current_value(ctx, text + 56, 8);
	seen[6] = bpf_sysctl_get_new_value(ctx, text + 64, 8);
	seen[7] = bpf_sysctl_get_current_value(ctx, text + 72, 2);
	seen[8] = bpf_sysctl_set_new_value(ctx, "50", 2);
	return 1;
}

SEC("cgroup/sysctl")
int sysctl_none(struct bpf_sysctl *ctx)
{
	seen[0] = ctx->write;
	return 0;
}

SEC("cgroup/sysctl")
int sysctl_pos(struct bpf_sysctl *ctx)
{
	ctx->file_pos = 1;
	return 1;
}

SEC("cgroup/setsockopt")
int set_seen(struct bpf_sockopt *ctx)
{
	__u8 *value = ctx->optval, *end = ctx->optval_end;

	seen[0] = ctx->level;
	seen[1] = ctx->optname;
	seen[2] = ctx->optlen;
	seen[3] = end - value;
	if (value + 4 <= end) {
		seen[4] = value[0];
		value[0] = 5;
	}
	if (ctx->optname == 1000)
		ctx->optlen = -1;
	if (ctx->optname == 1001)
		ctx->optlen = 17;
	if (ctx->optname == 1002)
		ctx->optname = 12;
	return 1;
}

SEC("cgroup/setsockopt")
int set_none(struct bpf_sockopt *ctx)
{
	return ctx->optname != 12;
}

SEC("cgroup/getsockopt")
int get_seen(struct bpf_sockopt *ctx)
{
	__u8 *value = ctx->optval, *end = ctx->optval_end;

	seen[0] = ctx->level;
	seen[1] = ctx->optname;
	seen[2] = ctx->optlen;
	seen[3] = end - value;
	seen[4] = ctx->retval;
	if (value + 4 <= end) {
		seen[5] = value[0];
		value[0] = 7;
	}
	if (ctx->optname == 1000) {
		ctx->retval = 0;
		ctx->optlen = 1;
	}
	if (ctx->optname == 15)
		ctx->optlen = 20;
	return 1;
}

SEC("cgroup/getsockopt")
int get_none(struct bpf_sockopt *ctx)
{
	return 0;
}

SEC("cgroup/sock_create")
int created(struct bpf_sock *ctx)
{
	seen[0] = ctx->family;
	seen[1] = ctx->type;
	seen[2] = ctx->protocol;
	ctx->priority = 3;
	return ctx->type == 2;
}

SEC("cgroup/post_bind4")
int bound(struct bpf_sock *ctx)
{
	seen[0] = ctx->src_port;
	seen[1] = bpf_ntohl(ctx->src_ip4);
	return ctx->src_port != 4041;
}

SEC("cgroup/bind4")
int binds(struct bpf_sock_addr *ctx)
{
	seen[0] = ctx->user_family;
	seen[1] = bpf_ntohl(ctx->user_ip4);
	seen[2] = bpf_ntohs(ctx->user_port);
	seen[3] = ctx->type;
	seen[4] = ctx->protocol;
	seen[5] = ctx->sk->family;
	if (ctx->user_port == bpf_htons(4042))
		ctx->user_port = bpf_htons(4043);
	return ctx->user_port != bpf_htons(4044);
}

SEC("cgroup/connect4")
int connects(struct bpf_sock_addr *ctx)
{
	seen[0] = bpf_ntohl(ctx->user_ip4);
	seen[1] = bpf_ntohs(ctx->user_port);
	seen[2] = ctx->protocol;
	ctx->user_port = bpf_htons(4050);
	ctx->user_ip4 = bpf_htonl(0x7f000001);
	if (ctx->user_port == 0)
		bpf_set_retval(-1);
	return 1;
}

SEC("cgroup/connect4")
int connects_none(struct bpf_sock_addr *ctx)
{
	bpf_set_retval(-111);
	return 0;
}

SEC("cgroup/sendmsg4")
int sends(struct bpf_sock_addr *ctx)
{
	seen[0] = bpf_ntohl(ctx->user_ip4);
	seen[1] = bpf_ntohs(ctx->user_port);
	seen[2] = bpf_ntohl(ctx->msg_src_ip4);
	ctx->user_port = bpf_htons(4050);
	return 1;
}

SEC("cgroup/recvmsg4")
int receives(struct bpf_sock_addr *ctx)
{
	seen[0] = bpf_ntohl(ctx->user_ip4);
	ctx->user_ip4 = bpf_htonl(0x0a090807);
	ctx->user_port = bpf_htons(99);
	return 1;
}

SEC("cgroup/getsockname4")
int own_name(struct bpf_sock_addr *ctx)
{
	ctx->user_port = bpf_htons(77);
	return 1;
}

SEC("cgroup/getpeername4")
int peer_name(struct bpf_sock_addr *ctx)
{
	ctx->user_port = bpf_htons(78);
	return 1;
}

SEC("cgroup_skb/egress")
int egress(struct __sk_buff *ctx)
{
	__u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (data + 28 > end || data[9] != 17)
		return 1;
	seen[0] = ctx->len;
	seen[1] = bpf_ntohs(ctx->protocol);
	seen[2] = data[0];
	seen[3] = ctx->priority;
	seen[4] = bpf_skb_cgroup_id(ctx) == bpf_get_current_cgroup_id();
	// By the port that it goes to.
	return data[23] & 3;
}

SEC("cgroup_skb/ingress")
int ingress(struct __sk_buff *ctx)
{
	__u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (data + 28 > end || data[9] != 17)
		return 1;
	seen[0] = ctx->len;
	seen[1] = data[0];
	return data[23] & 1;
}

SEC("sockops")
int ops(struct bpf_sock_ops *ctx)
{
	__u32 at = seen[31] & 15;

	seen[at] = ctx->op;
	seen[31] = at + 1;
	if (ctx->op == BPF_SOCK_OPS_TCP_CONNECT_CB) {
		seen[16] = bpf_ntohl(ctx->remote_ip4);
		seen[17] = bpf_ntohl(ctx->remote_port);
		seen[18] = ctx->family;
		seen[19] = ctx->is_fullsock;
		seen[20] = bpf_sock_ops_cb_flags_set(ctx, BPF_SOCK_OPS_STATE_CB_FLAG | 0x80);
		seen[21] = ctx->bpf_sock_ops_cb_flags;
	}
	return 1;
}
