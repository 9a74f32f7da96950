// Events with bytes of packets that the kernel hands over as it has them. Leaves what it saw in `seen`.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct sk_buff {
	unsigned int len;
} __attribute__((preserve_access_index));

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(max_entries, 0);
	__type(key, int);
	__type(value, int);
} events SEC(".maps");

__s64 seen[8];
__u32 length; // of the packet that is meant: nobody else has one like it

#define WITH(bytes) ((__u64)(bytes) << 32 | BPF_F_CURRENT_CPU)

SEC("tp_btf/netif_receive_skb")
int BPF_PROG(receives, struct sk_buff *skb)
{
	__u64 data = 0x1122334455667788;

	if (skb->len != length || seen[0])
		return 0;
	seen[0] = 1;
	seen[1] = bpf_skb_output(skb, &events, WITH(20), &data, sizeof(data));
	seen[2] = bpf_skb_output(skb, &events, BPF_F_CURRENT_CPU, &data, sizeof(data));
	seen[3] = bpf_skb_output(skb, &events, WITH(length + 1), &data, sizeof(data));
	seen[4] = bpf_skb_output(skb, &events, 1ull << 52 | BPF_F_CURRENT_CPU, &data, sizeof(data));
	seen[5] = bpf_skb_output(skb, &events, 4096, &data, sizeof(data));
	return 0;
}

char _license[] SEC("license") = "GPL";
