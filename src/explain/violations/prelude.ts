/** What the examples of all violations begin with. */
export const PRELUDE = `#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct entry {
	__u64 packets;
	__u32 sizes[8];
	char name[24];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, struct entry);
} table SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");
`;

/** Behind the example, unless it has a license of its own. */
export const LICENSE = `char LICENSE[] SEC("license") = "GPL";
`;
