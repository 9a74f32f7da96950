// From Ethernet to the ports, through VLAN tags, IPv4 with options and IPv6.
struct vlan {
	__be16 tci, proto;
};

struct parsed {
	__u32 addresses;
	__u32 ports;
	__u8 proto;
};

static __always_inline bool parse(void *data, void *end, struct parsed *to)
{
	struct ethhdr *eth = data;
	void *at = eth + 1;

	if (at > end)
		return false;
	__be16 proto = eth->h_proto;
#pragma unroll
	for (int i = 0; i < 2; i++) {
		if (proto != bpf_htons(ETH_P_8021Q) && proto != bpf_htons(ETH_P_8021AD))
			break;
		struct vlan *vlan = at;

		at = vlan + 1;
		if (at > end)
			return false;
		proto = vlan->proto;
	}
	if (proto == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = at;

		if ((void *)(ip + 1) > end || ip->version != 4 || ip->ihl < 5)
			return false;
		if (ip->frag_off & bpf_htons(0x3fff))
			return false;
		to->addresses = ip->saddr ^ ip->daddr;
		to->proto = ip->protocol;
		at += ip->ihl * 4;
	} else if (proto == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip = at;

		if ((void *)(ip + 1) > end)
			return false;
		to->addresses = ip->saddr.s6_addr32[3] ^ ip->daddr.s6_addr32[3];
		to->proto = ip->nexthdr;
		at = ip + 1;
	} else {
		return false;
	}
	if (to->proto == IPPROTO_TCP) {
		struct tcphdr *tcp = at;

		if ((void *)(tcp + 1) > end || tcp->doff < 5)
			return false;
		to->ports = bpf_ntohs(tcp->source) << 16 | bpf_ntohs(tcp->dest);
		return true;
	}
	if (to->proto == IPPROTO_UDP) {
		struct udphdr *udp = at;

		if ((void *)(udp + 1) > end)
			return false;
		to->ports = bpf_ntohs(udp->source) << 16 | bpf_ntohs(udp->dest);
		return true;
	}
	return false;
}
