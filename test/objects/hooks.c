// A program for each kind of hook that takes one without a link; none does anything.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tc") int on_tc(struct __sk_buff *skb) { return -1; }
SEC("action") int on_action(struct __sk_buff *skb) { return 0; }
SEC("xdp") int on_xdp(struct xdp_md *ctx) { return XDP_PASS; }
SEC("cgroup_skb/egress") int on_egress(struct __sk_buff *skb) { return 1; }
SEC("sk_skb/stream_verdict") int on_verdict(struct __sk_buff *skb) { return 1; }
SEC("flow_dissector") int on_flow(struct __sk_buff *skb) { return 0; }

char _license[] SEC("license") = "GPL";
