// Programs with the types of a kernel that a test describes: what CO-RE finds is where that kernel has it. Each leaves what it saw in `seen`.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#define CO_RE __attribute__((preserve_access_index))

struct mm_struct {
	unsigned long start_stack;
} CO_RE;
struct task_struct {
	int pid;
	int tgid;
	struct task_struct *real_parent;
	struct mm_struct *mm;
	char comm[16];
	__u64 start_time;
	int skep_no_such_member;
} CO_RE;
struct file {
	unsigned int f_flags;
	struct inode *f_inode;
} CO_RE;
struct inode {
	unsigned long i_ino;
} CO_RE;
struct filename {
	const char *name;
	int refcnt;
} CO_RE;
struct order {
	__u64 number;
} CO_RE;

__s64 seen[16];
char text[16];

SEC("fentry/do_unlinkat")
int BPF_PROG(unlinked, int dfd, struct filename *name)
{
	seen[0] = dfd;
	seen[1] = name->refcnt;
	bpf_probe_read_kernel_str(text, sizeof(text), name->name);
	return 0;
}

SEC("fexit/do_unlinkat")
int BPF_PROG(unlink_left, int dfd, struct filename *name, int ret)
{
	seen[2] = ret;
	return 0;
}

SEC("fmod_ret/should_fail")
int BPF_PROG(failing, int size, int ret)
{
	seen[3]++;
	return size > 100 ? -12 : 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(switched, _Bool preempt, struct task_struct *prev, struct task_struct *next)
{
	seen[4] = preempt;
	seen[5] = prev->pid * 1000 + next->pid;
	seen[6] = next->real_parent->tgid;
	// Nobody has memory here: zero, without a fault, as with BPF_CORE_READ.
	seen[7] = next->mm->start_stack + BPF_CORE_READ(prev, mm, start_stack);
	seen[8] = bpf_core_field_exists(prev->skep_no_such_member);
	bpf_probe_read_kernel_str(text, sizeof(text), next->comm);
	return 0;
}

SEC("tp_btf/order_placed")
int BPF_PROG(ordered, struct order *order, __u64 count)
{
	seen[9] = order->number * count;
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(opened, struct file *file, int ret)
{
	seen[10] = file->f_inode->i_ino;
	if (ret)
		return ret;
	return file->f_flags & 1 ? -1 : 0;
}

SEC("lsm/task_free")
int BPF_PROG(freed, struct task_struct *task)
{
	seen[11] = task->pid;
	return 0;
}

SEC("fentry/do_unlinkat")
int BPF_PROG(who)
{
	struct task_struct *task = bpf_get_current_task_btf();

	seen[12] = task->tgid;
	seen[13] = task->real_parent->pid;
	seen[14] = BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), tgid);
	return 0;
}

char _license[] SEC("license") = "GPL";
