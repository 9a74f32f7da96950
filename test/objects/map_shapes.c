// Map definitions as other loaders write them: a section of their own, a pinning of their own, a Rust newtype around the struct.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
	__type(value, __u64);
} printed SEC(".maps.print");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 1);
	__uint(pinning, 16);
} replaced SEC(".maps");

struct {
	struct {
		struct {
			__uint(type, BPF_MAP_TYPE_ARRAY);
			__type(key, __u32);
			__type(value, __u64);
			__uint(max_entries, 2);
		} value;
	} __0;
} wrapped SEC(".maps");

SEC("xdp_drop")
int use(struct xdp_md *ctx)
{
	__u32 zero = 0;

	bpf_ringbuf_output(&printed, &zero, sizeof(zero), 0);
	return bpf_map_lookup_elem(&replaced, &zero) && bpf_map_lookup_elem(&wrapped, &zero) ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
