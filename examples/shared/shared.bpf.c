/*
 * One counter, two programs: egress counts packets, ingress prints how many egress has seen.
 * They meet in the map `map_sh`, if tc's pinning rule for it lets them: PINNING is set by build.sh.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include "../include/tc_map.h"

#ifndef PINNING
#define PINNING PIN_GLOBAL_NS
#endif

struct bpf_elf_map SEC("maps") map_sh = {
	.type = BPF_MAP_TYPE_ARRAY,
	.size_key = sizeof(__u32),
	.size_value = sizeof(__u32),
	.max_elem = 1,
	.pinning = PINNING,
};

SEC("egress")
int count_egress(struct __sk_buff *skb)
{
	__u32 key = 0, *packets = bpf_map_lookup_elem(&map_sh, &key);

	if (packets)
		__sync_fetch_and_add(packets, 1);
	return TC_ACT_OK;
}

SEC("ingress")
int print_ingress(struct __sk_buff *skb)
{
	char fmt[] = "map val: %d\n";
	__u32 key = 0, *packets = bpf_map_lookup_elem(&map_sh, &key);

	if (packets)
		bpf_trace_printk(fmt, sizeof(fmt), *packets);
	return TC_ACT_OK;
}

char _license[] SEC("license") = "GPL";
