// Values of tasks: what the running process leaves for its next call.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, long);
} calls SEC(".maps");

SEC("tc")
int count(struct __sk_buff *skb)
{
	struct task_struct *task = bpf_get_current_task_btf();
	long *value = bpf_task_storage_get(&calls, task, 0, 0);
	long first = 10;

	if (!value)
		value = bpf_task_storage_get(&calls, task, &first, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!value)
		return -1;
	*value += 1;
	return *value;
}

SEC("tc")
int forget(struct __sk_buff *skb)
{
	return bpf_task_storage_delete(&calls, bpf_get_current_task_btf());
}

char LICENSE[] SEC("license") = "GPL";
