/* The map record that tc's eBPF front end reads from section "maps": nine 32-bit words. */
#ifndef TC_MAP_H
#define TC_MAP_H

#include <linux/types.h>

enum tc_pinning {
	PIN_NONE,      /* a map of its own for every load */
	PIN_OBJECT_NS, /* one map for every load of this very file: <bpffs>/tc/<sha1 of the file>/NAME */
	PIN_GLOBAL_NS, /* one map for every file that names it: <bpffs>/tc/globals/NAME */
};

struct bpf_elf_map {
	__u32 type;
	__u32 size_key;
	__u32 size_value;
	__u32 max_elem;
	__u32 flags;
	__u32 id;
	__u32 pinning;
	__u32 inner_id;
	__u32 inner_idx;
};

#endif
