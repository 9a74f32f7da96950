// Reads the running task through CO-RE: what it loads as depends on the kernel's own types.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct mm_struct { unsigned long start_stack; };
struct task_struct { int pid, tgid; struct mm_struct *mm; char comm[16]; };
struct never_was { int here; };
#pragma clang attribute pop

int pid, tgid;
unsigned long stack;

SEC("raw_tp/sys_enter")
int live(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	pid = BPF_CORE_READ(task, pid);
	tgid = BPF_CORE_READ(task, tgid);
	stack = BPF_CORE_READ(task, mm, start_stack);
	if (bpf_core_field_exists(((struct never_was *)task)->here))
		pid = BPF_CORE_READ((struct never_was *)task, here);
	return 0;
}

char _license[] SEC("license") = "GPL";
