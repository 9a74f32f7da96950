// A translator of addresses and ports, as filters of tc are written: what goes to a service goes to where it is, and back, with both checksums made right, and out again by the device that it came by.
#include "bench.h"
#include <linux/pkt_cls.h>
#include <stddef.h>

#define IP_OFFSET sizeof(struct ethhdr)
#define TCP_OFFSET (IP_OFFSET + sizeof(struct iphdr))

struct place {
	__be32 address;
	__be16 port, pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FLOWS);
	__type(key, struct place);
	__type(value, struct place);
} places SEC(".maps");

static __always_inline int learn(const struct place *from)
{
	struct place to = { .address = bpf_htonl(0x0a000107), .port = bpf_htons(8080) };

	bpf_map_update_elem(&places, from, &to, BPF_ANY);
	bpf_map_update_elem(&places, &to, from, BPF_ANY);
	return TC_ACT_OK;
}

SEC("tc") int nat(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data;
	struct ethhdr *eth = data;
	struct iphdr *ip = data + IP_OFFSET;
	struct tcphdr *tcp = data + TCP_OFFSET;

	if (data + FRAME > (void *)(long)skb->data_end || eth->h_proto != bpf_htons(ETH_P_IP))
		return TC_ACT_OK;
	if (ip->ihl != 5 || ip->protocol != IPPROTO_TCP)
		return TC_ACT_OK;
	struct place from = { .address = ip->daddr, .port = tcp->dest };
	struct place *known = bpf_map_lookup_elem(&places, &from), to;

	if (!known)
		return learn(&from);
	to = *known;
	bpf_l4_csum_replace(skb, TCP_OFFSET + offsetof(struct tcphdr, check), from.address, to.address,
			    BPF_F_PSEUDO_HDR | sizeof(to.address));
	bpf_l4_csum_replace(skb, TCP_OFFSET + offsetof(struct tcphdr, check), from.port, to.port, sizeof(to.port));
	bpf_l3_csum_replace(skb, IP_OFFSET + offsetof(struct iphdr, check), from.address, to.address, sizeof(to.address));
	if (bpf_skb_store_bytes(skb, IP_OFFSET + offsetof(struct iphdr, daddr), &to.address, sizeof(to.address), 0))
		return TC_ACT_SHOT;
	if (bpf_skb_store_bytes(skb, TCP_OFFSET + offsetof(struct tcphdr, dest), &to.port, sizeof(to.port), 0))
		return TC_ACT_SHOT;
	return bpf_redirect(skb->ifindex, 0);
}
