// tc's tail-call sections: the programs of sections 7/0 and 7/1 go into the prog array with id 7.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include "../../examples/include/tc_map.h"

struct bpf_elf_map SEC("maps") jump = {
	.type = BPF_MAP_TYPE_PROG_ARRAY, .size_key = 4, .size_value = 4, .max_elem = 2, .id = 7, .pinning = PIN_GLOBAL_NS,
};

SEC("7/0") int drop(struct __sk_buff *skb) { return TC_ACT_SHOT; }
SEC("7/1") int pass(struct __sk_buff *skb) { return TC_ACT_OK; }

SEC("classifier")
int enter(struct __sk_buff *skb)
{
	bpf_tail_call(skb, &jump, skb->mark);
	return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "GPL";
