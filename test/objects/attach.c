// Programs whose sections say where to attach them; each counts its runs in a slot of its own.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} runs SEC(".maps");

static __always_inline int count(__u32 slot)
{
	__u64 *n = bpf_map_lookup_elem(&runs, &slot);

	if (n)
		__sync_fetch_and_add(n, 1);
	return 0;
}

#define COUNTER(section, name, slot)                                                               \
	SEC(section) int name(void *ctx)                                                           \
	{                                                                                          \
		return count(slot);                                                                \
	}

#ifndef PROBES
COUNTER("tp/syscalls/sys_enter_getppid", on_tp, 0)
COUNTER("raw_tp/sys_enter", on_raw_tp, 1)
COUNTER("uprobe/libc.so.6:getppid", on_uprobe, 2)
COUNTER("uretprobe/libc.so.6:getppid", on_uretprobe, 3)
COUNTER("iter/task", each_task, 4)
COUNTER("xdp", on_xdp, 5)
#else
COUNTER("kprobe/do_sys_openat2", on_kprobe, 0)
COUNTER("kretprobe/do_sys_openat2", on_kretprobe, 1)
COUNTER("ksyscall/getppid", on_ksyscall, 2)
COUNTER("kprobe.multi/do_sys_open*", on_multi, 3)
COUNTER("fentry/do_sys_openat2", on_fentry, 4)
COUNTER("fexit/do_sys_openat2", on_fexit, 5)
COUNTER("tp_btf/sys_enter", on_tp_btf, 6)
COUNTER("lsm/file_open", on_lsm, 7)
COUNTER("kprobe/do_sys_openat2+0x0", on_offset, 8)
#endif

char _license[] SEC("license") = "GPL";
