// What the programs of the benchmark begin with. Each gets one Ethernet frame of 64 bytes: TCP over IPv4.
#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define FRAME 64

char _license[] SEC("license") = "GPL";

// The frame; null if it is shorter.
static __always_inline void *frame_of(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;

	return data + FRAME > (void *)(long)ctx->data_end ? 0 : data;
}

// Its headers, as programs look at them.
struct packet {
	struct ethhdr *eth;
	struct iphdr *ip;
	struct tcphdr *tcp;
};

static __always_inline bool packet_of(struct xdp_md *ctx, struct packet *packet)
{
	void *data = frame_of(ctx);

	packet->eth = data;
	packet->ip = data + sizeof(struct ethhdr);
	packet->tcp = data + sizeof(struct ethhdr) + sizeof(struct iphdr);
	return data;
}

// What tells a flow from another.
struct flow {
	__be32 saddr, daddr;
	__be16 sport, dport;
	__u8 proto, pad[3];
};

static __always_inline void flow_of(const struct packet *packet, struct flow *flow)
{
	flow->saddr = packet->ip->saddr;
	flow->daddr = packet->ip->daddr;
	flow->sport = packet->tcp->source;
	flow->dport = packet->tcp->dest;
	flow->proto = packet->ip->protocol;
	__builtin_memset(flow->pad, 0, sizeof(flow->pad));
}

#define FLOWS 1024
#ifdef FROM_FRAME
// For many frames: nothing is written that other CPUs read, unless a program is about that.
#define next_port() flow.sport
#define this_turn() bpf_ntohs(flow.sport)
#define every_other() (flow.sport & bpf_htons(1))
#define COUNTED_ARRAY BPF_MAP_TYPE_PERCPU_ARRAY
#else
#define COUNTED_ARRAY BPF_MAP_TYPE_ARRAY
// So that one frame stands for 1024 flows.
static __u32 turn;

#define this_turn() turn
#define every_other() (turn & FLOWS)

static __always_inline __be16 next_port(void)
{
	return bpf_htons(1024 + (turn++ & (FLOWS - 1)));
}
#endif

static __always_inline __u32 rotl32(__u32 x, int by)
{
	return x << by | x >> (32 - by);
}

// Of 32 bits each, into one.
static __always_inline __u32 mix(__u32 a, __u32 b, __u32 c)
{
	a = (a ^ rotl32(b, 14)) * 0x9e3779b1;
	b = (b ^ rotl32(c, 11)) * 0x85ebca77;
	c = (c ^ rotl32(a, 25)) * 0xc2b2ae3d;
	a ^= b ^ c;
	return a ^ a >> 15;
}

// The checksum of an IP header without options, whose own field counts as 0.
static __always_inline __u16 ip_checksum(const struct iphdr *ip)
{
	const __u16 *words = (const __u16 *)ip;
	__u32 sum = 0;

#pragma unroll
	for (int i = 0; i < 10; i++)
		if (i != 5)
			sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	sum += sum >> 16;
	return ~sum;
}
