// Calls helpers of sock_ops as `steps` says, and leaves what came of it in `events`.
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

#define STEPS 24
#define EVENTS 96
#define ROOM 64
#define SOL_TCP 6

enum { NOTHING, LOAD, STORE, RESERVE, CALLBACKS, GETSOCKOPT, SETSOCKOPT, HEADER, REPLY };

/** At an op of a side, which helper with what. */
struct step {
	__u32 op;
	__u32 server;
	__u32 call;
	__u32 len;
	__u64 flags;
	__u8 bytes[ROOM];
};

struct event {
	__u32 op;
	__u32 server;
	__u32 call;
	/** The flags of the step. */
	__u32 option;
	__u32 args[3];
	__u32 whole;
	__u32 state;
	__u32 skb_len;
	__u32 tcp_flags;
	__s64 result;
	__u8 bytes[ROOM];
};

struct step steps[STEPS];
struct event events[EVENTS];
__u32 count;
/** Ops that are noted also where there is no step for them: a bit each. */
__u32 watched;
/** The connection that it is about: the server's port. */
__u32 port;
/** Ops that it refuses: a bit each. */
__u32 refused;
/** Where events go that there is no room for. */
struct event none;

static __always_inline struct event *next_event(struct bpf_sock_ops *ctx, __u32 server, __u32 call)
{
	__u32 n = count;
	struct event *event;

	if (n >= EVENTS)
		return &none;
	count = n + 1;
	event = &events[n];
	event->op = ctx->op;
	event->server = server;
	event->call = call;
	event->args[0] = ctx->args[0];
	event->args[1] = ctx->args[1];
	event->args[2] = ctx->args[2];
	event->whole = ctx->is_fullsock;
	event->state = ctx->state;
	event->skb_len = ctx->skb_len;
	event->tcp_flags = ctx->skb_tcp_flags;
	return event;
}

/** The bytes of the header that the context shows from `at` on. */
static __always_inline __s64 read_header(struct bpf_sock_ops *ctx, __u8 *bytes, __u32 at, __u32 len)
{
	__u8 *data = (__u8 *)(long)ctx->skb_data;
	__u8 *end = (__u8 *)(long)ctx->skb_data_end;
	__u32 i;

	for (i = 0; i < ROOM && i < len; i++) {
		__u8 *byte = data + (at & 63) + i;

		if (byte + 1 > end)
			break;
		bytes[i] = *byte;
	}
	return i;
}

static __always_inline __s64 perform(struct bpf_sock_ops *ctx, struct step *step, __u8 *bytes)
{
	__u32 len = step->len;

	if (len > ROOM)
		len = ROOM;
	__builtin_memcpy(bytes, step->bytes, ROOM);
	switch (step->call) {
	case LOAD:
		return len ? bpf_load_hdr_opt(ctx, bytes, len, step->flags) : 0;
	case STORE:
		return len ? bpf_store_hdr_opt(ctx, bytes, len, step->flags) : 0;
	case RESERVE:
		return bpf_reserve_hdr_opt(ctx, step->len, step->flags);
	case CALLBACKS:
		return bpf_sock_ops_cb_flags_set(ctx, step->flags);
	case GETSOCKOPT:
		return len ? bpf_getsockopt(ctx, SOL_TCP, step->flags, bytes, len) : 0;
	case SETSOCKOPT:
		return len ? bpf_setsockopt(ctx, SOL_TCP, step->flags, bytes, len) : 0;
	case HEADER:
		return read_header(ctx, bytes, step->flags, step->len);
	case REPLY:
		ctx->reply = step->flags;
		break;
	}
	return 0;
}

SEC("sockops")
int header_options(struct bpf_sock_ops *ctx)
{
	__u32 op = ctx->op, server = ctx->local_port == port, done = 0, i;

	if (!server && bpf_ntohl(ctx->remote_port) != port)
		return 1;
	for (i = 0; i < STEPS; i++) {
		struct step *step = &steps[i];
		struct event *event;

		if (step->call == NOTHING || step->op != op || step->server != server)
			continue;
		event = next_event(ctx, server, step->call);
		event->option = step->flags;
		event->result = perform(ctx, step, event->bytes);
		done = 1;
	}
	if (op > 31)
		return 1;
	if (!done && (watched >> op & 1))
		next_event(ctx, server, NOTHING);
	return !(refused >> op & 1);
}
