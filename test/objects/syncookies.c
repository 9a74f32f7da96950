// SYN cookies: of sockets that listen, and without them. Each program leaves what it saw in `seen`.
#include <linux/bpf.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

// Later than the headers of libbpf here.
static __s64 (*const raw_gen4)(struct iphdr *ip, struct tcphdr *tcp, __u32 size) = (void *)204;
static __s64 (*const raw_gen6)(struct ipv6hdr *ip, struct tcphdr *tcp, __u32 size) = (void *)205;
static long (*const raw_check4)(struct iphdr *ip, struct tcphdr *tcp) = (void *)206;
static long (*const raw_check6)(struct ipv6hdr *ip, struct tcphdr *tcp) = (void *)207;

__s64 seen[64];
__u32 at;

static void note(__s64 value)
{
	__u32 i = at++;

	if (i < 64)
		seen[i] = value;
}

struct segment {
	struct tcphdr tcp;
	__u8 options[4];
};

static void syn(struct segment *segment, int mss)
{
	__builtin_memset(segment, 0, sizeof(*segment));
	segment->tcp.source = bpf_htons(1000);
	segment->tcp.dest = bpf_htons(80);
	segment->tcp.seq = bpf_htonl(5000);
	segment->tcp.doff = 6;
	segment->tcp.syn = 1;
	segment->options[0] = 2;
	segment->options[1] = 4;
	segment->options[2] = mss >> 8;
	segment->options[3] = mss;
}

/** What answers with a cookie. */
static void answer(struct segment *segment, __u32 cookie)
{
	segment->tcp.syn = 0;
	segment->tcp.ack = 1;
	segment->tcp.seq = bpf_htonl(5001);
	segment->tcp.ack_seq = bpf_htonl(cookie + 1);
}

SEC("tc")
int raw_ipv4(struct __sk_buff *skb)
{
	struct iphdr ip = { .version = 4, .ihl = 5, .saddr = 0x0200000a, .daddr = 0x0100000a };
	struct segment segment;
	__s64 cookie;

	syn(&segment, 1460);
	note(raw_gen4(&ip, &segment.tcp, 20));
	note(raw_gen4(&ip, &segment.tcp, 0));
	cookie = raw_gen4(&ip, &segment.tcp, sizeof(segment));
	note(cookie >> 32);
	answer(&segment, cookie);
	note(raw_check4(&ip, &segment.tcp));
	answer(&segment, cookie + 64);
	note(raw_check4(&ip, &segment.tcp));
	answer(&segment, cookie + (16 << 24));
	note(raw_check4(&ip, &segment.tcp));
	answer(&segment, cookie);
	segment.tcp.dest = bpf_htons(81);
	note(raw_check4(&ip, &segment.tcp));
	return 0;
}

SEC("tc")
int raw_ipv6(struct __sk_buff *skb)
{
	struct ipv6hdr ip = { .version = 6, .saddr = { .in6_u.u6_addr32 = { 1, 2, 3, 4 } } };
	struct segment segment;
	__s64 cookie;

	syn(&segment, 1440);
	note(raw_gen6(&ip, &segment.tcp, 20));
	cookie = raw_gen6(&ip, &segment.tcp, sizeof(segment));
	note(cookie >> 32);
	answer(&segment, cookie);
	note(raw_check6(&ip, &segment.tcp));
	answer(&segment, cookie + 64);
	note(raw_check6(&ip, &segment.tcp));
	answer(&segment, cookie);
	ip.saddr.in6_u.u6_addr32[0] = 9;
	note(raw_check6(&ip, &segment.tcp));
	return 0;
}

/** With the socket that listens at 127.0.0.1:80. */
SEC("tc")
int listens(struct __sk_buff *skb)
{
	struct bpf_sock_tuple tuple = { .ipv4 = { 0x0100007f, 0x0100007f, bpf_htons(1000), bpf_htons(80) } };
	struct iphdr ip = { .version = 4, .ihl = 5, .saddr = 0x0100007f, .daddr = 0x0100007f };
	static const int sizes[] = { 0, 100, 1300, 1459, 9000 };
	struct segment segment;
	struct bpf_sock *sk;
	__s64 cookie = 0;

	sk = bpf_sk_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return 1;
	syn(&segment, 1460);
	note(bpf_tcp_gen_syncookie(sk, &ip, sizeof(ip), &segment.tcp, 20));
	note(bpf_tcp_gen_syncookie(sk, &ip, 4, &segment.tcp, sizeof(segment)));
	ip.version = 5;
	note(bpf_tcp_gen_syncookie(sk, &ip, sizeof(ip), &segment.tcp, sizeof(segment)));
	ip.version = 6;
	note(bpf_tcp_gen_syncookie(sk, &ip, sizeof(ip), &segment.tcp, sizeof(segment)));
	ip.version = 4;
	segment.tcp.ack = 1;
	note(bpf_tcp_gen_syncookie(sk, &ip, sizeof(ip), &segment.tcp, sizeof(segment)));
	answer(&segment, 77);
	note(bpf_tcp_check_syncookie(sk, &ip, sizeof(ip), &segment.tcp, sizeof(segment)));
#pragma unroll
	for (int i = 0; i < 5; i++) {
		syn(&segment, sizes[i]);
		cookie = bpf_tcp_gen_syncookie(sk, &ip, sizeof(ip), &segment.tcp, sizeof(segment));
		note(cookie < 0 ? cookie : cookie >> 32);
	}
	answer(&segment, cookie);
	note(bpf_tcp_check_syncookie(sk, &ip, sizeof(ip), &segment.tcp, sizeof(segment)));
	note(bpf_tcp_check_syncookie(sk, &ip, 4, &segment.tcp, sizeof(segment)));
	note(bpf_tcp_check_syncookie(sk, &ip, sizeof(ip), &segment.tcp, 4));
	segment.tcp.syn = 1;
	note(bpf_tcp_check_syncookie(sk, &ip, sizeof(ip), &segment.tcp, sizeof(segment)));
	answer(&segment, cookie + 64);
	note(bpf_tcp_check_syncookie(sk, &ip, sizeof(ip), &segment.tcp, sizeof(segment)));
	bpf_sk_release(sk);
	return 0;
}

char _license[] SEC("license") = "GPL";
