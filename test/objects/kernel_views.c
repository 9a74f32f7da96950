// Structs of the kernel that programs reach by its functions: of a packet, tasks, cgroups; and locks and copies that may fail. Each leaves what it saw in `seen`.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct net_device {
	int ifindex;
	char name[16];
} __attribute__((preserve_access_index));
struct sk_buff {
	unsigned int len;
	__u16 protocol;
	__u32 mark, priority;
	struct net_device *dev;
} __attribute__((preserve_access_index));
struct xdp_rxq_info {
	struct net_device *dev;
	__u32 queue_index;
} __attribute__((preserve_access_index));
struct xdp_buff {
	void *data, *data_end, *data_meta;
	struct xdp_rxq_info *rxq;
} __attribute__((preserve_access_index));
struct kernfs_node {
	__u64 id;
	const char *name;
} __attribute__((preserve_access_index));
struct cgroup {
	int level;
	struct kernfs_node *kn;
} __attribute__((preserve_access_index));
struct css_set {
	struct cgroup *dfl_cgrp;
} __attribute__((preserve_access_index));
struct task_struct {
	int pid, tgid;
	struct css_set *cgroups;
} __attribute__((preserve_access_index));
struct bpf_res_spin_lock {
	__u32 val;
};

extern void *bpf_cast_to_kern_ctx(void *obj) __ksym;
extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym;
extern struct task_struct *bpf_task_from_pid(int pid) __ksym;
extern struct task_struct *bpf_task_from_vpid(int pid) __ksym;
extern struct task_struct *bpf_task_acquire(struct task_struct *p) __ksym;
extern void bpf_task_release(struct task_struct *p) __ksym;
extern struct cgroup *bpf_cgroup_from_id(__u64 id) __ksym;
extern struct cgroup *bpf_cgroup_acquire(struct cgroup *cgrp) __ksym;
extern struct cgroup *bpf_cgroup_ancestor(struct cgroup *cgrp, int level) __ksym;
extern void bpf_cgroup_release(struct cgroup *cgrp) __ksym;
extern long bpf_task_under_cgroup(struct task_struct *task, struct cgroup *ancestor) __ksym;
extern struct cgroup *bpf_task_get_cgroup1(struct task_struct *task, int hierarchy_id) __ksym;
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;
extern int bpf_res_spin_lock(struct bpf_res_spin_lock *lock) __ksym;
extern void bpf_res_spin_unlock(struct bpf_res_spin_lock *lock) __ksym;
extern int bpf_res_spin_lock_irqsave(struct bpf_res_spin_lock *lock, unsigned long *flags) __ksym;
extern void bpf_res_spin_unlock_irqrestore(struct bpf_res_spin_lock *lock, unsigned long *flags) __ksym;
extern int bpf_probe_read_user_dynptr(struct bpf_dynptr *p, __u64 off, __u64 size, const void *from) __ksym;
extern int bpf_probe_read_kernel_dynptr(struct bpf_dynptr *p, __u64 off, __u64 size, const void *from) __ksym;
extern int bpf_probe_read_user_str_dynptr(struct bpf_dynptr *p, __u64 off, __u64 size, const void *from) __ksym;
extern int bpf_probe_read_kernel_str_dynptr(struct bpf_dynptr *p, __u64 off, __u64 size, const void *from) __ksym;
extern int bpf_copy_from_user_dynptr(struct bpf_dynptr *p, __u64 off, __u64 size, const void *from) __ksym;
extern int bpf_copy_from_user_str_dynptr(struct bpf_dynptr *p, __u64 off, __u64 size, const void *from) __ksym;

__s64 seen[64];
__u32 at;

static void note(__s64 value)
{
	__u32 i = at++;

	if (i < 64)
		seen[i] = value;
}

struct held {
	struct task_struct __kptr *task;
	struct cgroup __kptr *cgroup;
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, int);
	__type(value, struct held);
} holds SEC(".maps");

struct locked {
	struct bpf_res_spin_lock lock;
	int value;
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, int);
	__type(value, struct locked);
} locks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u64);
} of_tasks SEC(".maps");
struct {
	__uint(type, 32); // BPF_MAP_TYPE_CGRP_STORAGE, which older headers do not have
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u64);
} of_cgroups SEC(".maps");

SEC("tc")
int cast_skb(struct __sk_buff *ctx)
{
	struct sk_buff *skb = bpf_cast_to_kern_ctx(ctx);
	struct net_device *dev;

	note(skb->len);
	note(skb->protocol);
	note(skb->dev->ifindex == ctx->ifindex);
	note(skb->dev->name[0]);
	note(skb->mark);
	ctx->mark = 9;
	skb = bpf_cast_to_kern_ctx(ctx);
	note(skb->mark);
	dev = bpf_rdonly_cast(skb->dev, bpf_core_type_id_kernel(struct net_device));
	note(dev->ifindex == ctx->ifindex);
	dev = bpf_rdonly_cast(0, bpf_core_type_id_kernel(struct net_device));
	note(dev->ifindex);
	dev = bpf_rdonly_cast((void *)0x123456789abc, bpf_core_type_id_kernel(struct net_device));
	note(dev->ifindex);
	note(*(__u8 *)bpf_rdonly_cast((void *)skb->dev->name, 0));
	return 0;
}

SEC("xdp")
int cast_xdp(struct xdp_md *ctx)
{
	struct xdp_buff *xdp = bpf_cast_to_kern_ctx(ctx);

	note(xdp->data_end - xdp->data);
	note(xdp->data - xdp->data_meta);
	note(xdp->rxq->queue_index);
	note(xdp->rxq->dev->ifindex == ctx->ingress_ifindex);
	note(xdp->rxq->dev->name[0]);
	if (bpf_xdp_adjust_head(ctx, 4))
		return XDP_PASS;
	xdp = bpf_cast_to_kern_ctx(ctx);
	note(xdp->data_end - xdp->data);
	return XDP_PASS;
}

SEC("tc")
int tasks(struct __sk_buff *ctx)
{
	struct task_struct *current = bpf_get_current_task_btf(), *task, *other;
	struct held *held;
	int pid = current->pid, zero = 0;
	__u64 *stored, start = 5;

	note(pid == (__u32)bpf_get_current_pid_tgid());
	note(current->tgid == bpf_get_current_pid_tgid() >> 32);
	task = bpf_task_from_pid(pid);
	note(!!task);
	if (!task)
		return 0;
	note(task->pid == pid);
	note(task == current);
	other = bpf_task_acquire(task);
	note(other == task);
	if (other)
		bpf_task_release(other);
	held = bpf_map_lookup_elem(&holds, &zero);
	if (!held) {
		bpf_task_release(task);
		return 0;
	}
	task = bpf_kptr_xchg(&held->task, task);
	note(!!task);
	if (task)
		bpf_task_release(task);
	bpf_rcu_read_lock();
	other = held->task;
	note(!!other);
	if (other)
		note(other->pid == pid);
	bpf_rcu_read_unlock();
	task = bpf_kptr_xchg(&held->task, 0);
	note(!!task);
	if (task) {
		stored = bpf_task_storage_get(&of_tasks, task, &start, BPF_LOCAL_STORAGE_GET_F_CREATE);
		note(stored ? (*stored)++ : -1);
		stored = bpf_task_storage_get(&of_tasks, current, 0, 0);
		note(stored ? *stored : -1);
		note(bpf_task_storage_delete(&of_tasks, task));
		note(bpf_task_storage_delete(&of_tasks, current));
		bpf_task_release(task);
	}
	task = bpf_task_from_pid(-1);
	note(!!task);
	if (task)
		bpf_task_release(task);
	task = bpf_task_from_pid(0x7fffffff);
	note(!!task);
	if (task)
		bpf_task_release(task);
	task = bpf_task_from_vpid(pid);
	note(!!task);
	if (task)
		bpf_task_release(task);
	return 0;
}

SEC("tc")
int cgroups(struct __sk_buff *ctx)
{
	struct task_struct *current = bpf_get_current_task_btf();
	struct cgroup *cgroup, *other, *root;
	__u64 id = bpf_get_current_cgroup_id(), *stored, start = 7;
	struct held *held;
	int zero = 0, level;

	cgroup = bpf_cgroup_from_id(id);
	note(!!cgroup);
	if (!cgroup)
		return 0;
	level = cgroup->level;
	note(cgroup->kn->id == id);
	bpf_rcu_read_lock();
	note(current->cgroups->dfl_cgrp == cgroup);
	note(bpf_task_under_cgroup(current, cgroup));
	bpf_rcu_read_unlock();
	other = bpf_cgroup_acquire(cgroup);
	note(other == cgroup);
	if (other)
		bpf_cgroup_release(other);
	root = bpf_cgroup_ancestor(cgroup, 0);
	note(!!root);
	if (root) {
		note(root->level);
		note(root->kn->id);
		note(bpf_task_under_cgroup(current, root));
		bpf_cgroup_release(root);
	}
	other = bpf_cgroup_ancestor(cgroup, level);
	note(other == cgroup);
	if (other)
		bpf_cgroup_release(other);
	other = bpf_cgroup_ancestor(cgroup, level + 1);
	note(!!other);
	if (other)
		bpf_cgroup_release(other);
	other = bpf_cgroup_ancestor(cgroup, -1);
	note(!!other);
	if (other)
		bpf_cgroup_release(other);
	other = bpf_cgroup_from_id(0);
	note(!!other);
	if (other)
		bpf_cgroup_release(other);
	other = bpf_cgroup_from_id(1ull << 40);
	note(!!other);
	if (other)
		bpf_cgroup_release(other);
	other = bpf_task_get_cgroup1(current, 1000);
	note(!!other);
	if (other)
		bpf_cgroup_release(other);
	stored = bpf_cgrp_storage_get(&of_cgroups, cgroup, &start, BPF_LOCAL_STORAGE_GET_F_CREATE);
	note(stored ? (*stored)++ : -1);
	stored = bpf_cgrp_storage_get(&of_cgroups, cgroup, 0, 0);
	note(stored ? *stored : -1);
	note(bpf_cgrp_storage_delete(&of_cgroups, cgroup));
	note(bpf_cgrp_storage_delete(&of_cgroups, cgroup));
	note(!!bpf_cgrp_storage_get(&of_cgroups, cgroup, 0, 0));
	held = bpf_map_lookup_elem(&holds, &zero);
	if (!held) {
		bpf_cgroup_release(cgroup);
		return 0;
	}
	cgroup = bpf_kptr_xchg(&held->cgroup, cgroup);
	note(!!cgroup);
	if (cgroup)
		bpf_cgroup_release(cgroup);
	return 0;
}

// A lock is taken though another is held, of the same value by another way: the kernel notices.
SEC("tc")
int res_locks(struct __sk_buff *ctx)
{
	int zero = 0, one = 1;
	struct locked *a = bpf_map_lookup_elem(&locks, &zero), *b = bpf_map_lookup_elem(&locks, &one), *again = bpf_map_lookup_elem(&locks, &zero);
	unsigned long flags;
	int result;

	if (!a || !b || !again)
		return 0;
	result = bpf_res_spin_lock(&a->lock);
	if (result) {
		note(result);
		return 0;
	}
	result = bpf_res_spin_lock(&b->lock);
	if (result) {
		bpf_res_spin_unlock(&a->lock);
		return 0;
	}
	a->value++;
	b->value += 2;
	bpf_res_spin_unlock(&b->lock);
	result = bpf_res_spin_lock(&again->lock);
	if (!result)
		bpf_res_spin_unlock(&again->lock);
	bpf_res_spin_unlock(&a->lock);
	note(result);
	note(a->value);
	note(b->value);
	result = bpf_res_spin_lock_irqsave(&b->lock, &flags);
	if (!result)
		bpf_res_spin_unlock_irqrestore(&b->lock, &flags);
	note(result);
	result = bpf_res_spin_lock(&again->lock);
	if (!result)
		bpf_res_spin_unlock(&again->lock);
	note(result);
	return 0;
}

char text[16] = "kernel views";
char copy[16];
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

static void sum(void)
{
	__u32 total = 0;

	for (int i = 0; i < 16; i++)
		total += copy[i] * (i + 1);
	note(total);
}

SEC("syscall")
int probes(void *ctx)
{
	struct bpf_dynptr ptr;

	bpf_dynptr_from_mem(copy, sizeof(copy), 0, &ptr);
	note(bpf_probe_read_kernel_dynptr(&ptr, 0, 16, text));
	sum();
	note(bpf_probe_read_kernel_dynptr(&ptr, 8, 8, text));
	sum();
	note(bpf_probe_read_kernel_dynptr(&ptr, 8, 9, text));
	note(bpf_probe_read_kernel_dynptr(&ptr, 17, 0, text));
	note(bpf_probe_read_kernel_dynptr(&ptr, 16, 0, text));
	note(bpf_probe_read_kernel_dynptr(&ptr, 0, 4, 0));
	sum();
	note(bpf_probe_read_kernel_dynptr(&ptr, 0, 4, (void *)0xffffffffffff0000));
	note(bpf_probe_read_kernel_str_dynptr(&ptr, 0, 16, text));
	sum();
	note(bpf_probe_read_kernel_str_dynptr(&ptr, 2, 5, text));
	sum();
	note(bpf_probe_read_kernel_str_dynptr(&ptr, 2, 15, text));
	note(bpf_probe_read_kernel_str_dynptr(&ptr, 2, 0, text));
	note(bpf_probe_read_kernel_str_dynptr(&ptr, 2, 1, text));
	note(bpf_probe_read_kernel_str_dynptr(&ptr, 0, 4, 0));
	note(bpf_probe_read_user_dynptr(&ptr, 0, 4, 0));
	note(bpf_probe_read_user_str_dynptr(&ptr, 0, 4, 0));
	note(bpf_probe_read_user_dynptr(&ptr, 0, 17, 0));
	sum();
	note(bpf_copy_from_user_str_dynptr(&ptr, 0, 4, 0));
	sum();
	note(bpf_copy_from_user_dynptr(&ptr, 0, 4, 0));
	note(bpf_copy_from_user_dynptr(&ptr, 0, 17, 0));
	sum();
	return 0;
}

char _license[] SEC("license") = "GPL";
