// Helpers about the system that a program runs in: processes, symbols, stacks, bpf(2) itself, and values as C. Each program leaves what it saw in `seen`.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

enum {
	BTF_F_ONE_LINE = 1,
	BTF_F_NO_NAMES = 2,
	BTF_F_RAW = 4,
	BTF_F_ZEROS = 8,
};

struct task_struct {
	int pid;
} __attribute__((preserve_access_index));
struct bpf_fentry_test_t {
	struct bpf_fentry_test_t *a;
};

// Later than the headers of libbpf here.
static long (*const copy_from_task)(void *to, __u32 size, const void *from, struct task_struct *of, __u64 flags) = (void *)191;

__s64 seen[64];
__u32 at;
char text[512];
// The namespace of process ids that the test is in.
__u64 pid_dev, pid_ino;

static void note(__s64 value)
{
	__u32 i = at++;

	if (i < 64)
		seen[i] = value;
}

SEC("syscall")
int signals(void *ctx)
{
	note(bpf_send_signal(0));
	note(bpf_send_signal(65));
	note(bpf_send_signal(-1));
	note(bpf_send_signal(23)); // SIGURG, which nobody minds
	note(bpf_send_signal_thread(0));
	note(bpf_send_signal_thread(65));
	note(bpf_send_signal_thread(23));
	return 0;
}

SEC("syscall")
int namespace_pid(void *ctx)
{
	struct bpf_pidns_info info = { 1, 1 };

	note(bpf_get_ns_current_pid_tgid(pid_dev, pid_ino, &info, sizeof(info)));
	note(info.pid > 0);
	note(info.tgid > 0);
	note(bpf_get_ns_current_pid_tgid(pid_dev, pid_ino + 1, &info, sizeof(info)));
	note(info.pid + info.tgid);
	info.pid = 5;
	note(bpf_get_ns_current_pid_tgid(pid_dev + (1ull << 32), pid_ino, &info, sizeof(info)));
	note(info.pid);
	info.pid = 5;
	note(bpf_get_ns_current_pid_tgid(pid_dev, pid_ino, &info, 4));
	note(info.pid);
	return 0;
}

SEC("syscall")
int symbols(void *ctx)
{
	static const char name[] = "bpf_fentry_test1", nobody[] = "no_function_is_called_so", open[] = { 'a', 'b' };
	__u64 address = 7;

	note(bpf_kallsyms_lookup_name(name, sizeof(name), 0, &address));
	note(address >> 32);
	note(bpf_kallsyms_lookup_name(nobody, sizeof(nobody), 0, &address));
	note(address);
	address = 7;
	note(bpf_kallsyms_lookup_name(name, sizeof(name), 1, &address));
	note(address);
	note(bpf_kallsyms_lookup_name(name, 1, 0, &address));
	note(bpf_kallsyms_lookup_name(open, sizeof(open), 0, &address));
	return 0;
}

SEC("syscall")
int types(void *ctx)
{
	char name[] = "task_struct", nobody[] = "no_struct_is_called_so";
	__u64 id = bpf_core_type_id_kernel(struct task_struct);

	note(bpf_btf_find_by_name_kind(name, sizeof(name), 4, 0) == id);
	note(bpf_btf_find_by_name_kind(name, sizeof(name), 1, 0));
	note(bpf_btf_find_by_name_kind(nobody, sizeof(nobody), 4, 0));
	note(bpf_btf_find_by_name_kind(name, sizeof(name), 4, 1));
	note(bpf_btf_find_by_name_kind(name, 1, 4, 0));
	note(bpf_btf_find_by_name_kind(name, 4, 4, 0));
	return 0;
}

struct map_attr {
	__u32 map_type, key_size, value_size, max_entries, map_flags, inner_map_fd, numa_node;
	char map_name[16];
};
struct elem_attr {
	__u32 map_fd, pad;
	__u64 key, value, flags;
};
struct prog_attr {
	__u32 prog_type, insn_cnt;
	__u64 insns, license;
	__u32 log_level, log_size;
	__u64 log_buf;
	__u32 kern_version, prog_flags;
	char prog_name[16];
};
struct map_attr new_map = { 1, 4, 8, 4, 0, 0, 0, "made_here" };
struct elem_attr element;
struct prog_attr new_prog = { 1, 2 };
__u64 insns[2] = { 0x00000007000000b7ull, 0x95 }; // r0 = 7; exit
char gpl[] = "GPL";
__u32 key = 1;
__u64 value = 42;

SEC("syscall")
int calls_bpf(void *ctx)
{
	int map, prog;

	map = bpf_sys_bpf(BPF_MAP_CREATE, &new_map, sizeof(new_map));
	note(map > 0);
	element.map_fd = map;
	element.key = (__u64)(long)&key;
	element.value = (__u64)(long)&value;
	note(bpf_sys_bpf(BPF_MAP_UPDATE_ELEM, &element, sizeof(element)));
	element.flags = 1; // BPF_NOEXIST
	note(bpf_sys_bpf(BPF_MAP_UPDATE_ELEM, &element, sizeof(element)));
	element.flags = 0;
	note(bpf_sys_bpf(BPF_MAP_LOOKUP_ELEM, &element, sizeof(element)));
	note(bpf_sys_bpf(BPF_MAP_DELETE_ELEM, &element, 16));
	note(bpf_sys_bpf(BPF_MAP_FREEZE, &element, 4));
	element.value = 0;
	note(bpf_sys_bpf(99, &element, sizeof(element)));
	note(bpf_sys_bpf(BPF_MAP_UPDATE_ELEM, &element, sizeof(element)));
	new_map.map_type = 9999;
	note(bpf_sys_bpf(BPF_MAP_CREATE, &new_map, sizeof(new_map)));
	new_prog.insns = (__u64)(long)insns;
	new_prog.license = (__u64)(long)gpl;
	prog = bpf_sys_bpf(BPF_PROG_LOAD, &new_prog, sizeof(new_prog));
	note(prog > map);
	insns[1] = 0x07;
	note(bpf_sys_bpf(BPF_PROG_LOAD, &new_prog, sizeof(new_prog)));
	note(bpf_sys_close(prog));
	note(bpf_sys_close(prog));
	note(bpf_sys_close(map));
	note(bpf_sys_close(-1));
	return 0;
}

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 16);
	__uint(key_size, 4);
	__uint(value_size, 127 * 8);
} stacks SEC(".maps");

__u64 frames[127];
__s32 stack_id;

SEC("raw_tp/sys_enter")
int stack(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	long size;

	stack_id = bpf_get_stackid(ctx, &stacks, 0);
	note(stack_id >= 0);
	note(bpf_get_stackid(ctx, &stacks, BPF_F_FAST_STACK_CMP | BPF_F_REUSE_STACKID) >= 0);
	note(bpf_get_stackid(ctx, &stacks, 1 << 14));
	note(bpf_get_stackid(ctx, &stacks, 255));
	size = bpf_get_stack(ctx, frames, sizeof(frames), 0);
	note(size > 0 && size % 8 == 0 && frames[0] >> 32 == 0xffffffff);
	note(bpf_get_stack(ctx, frames, sizeof(frames), 255));
	note(frames[0]);
	note(bpf_get_stack(ctx, frames, 7, 0));
	note(bpf_get_stack(ctx, frames, sizeof(frames), BPF_F_USER_BUILD_ID));
	note(bpf_get_stack(ctx, frames, sizeof(frames), 1 << 14));
	size = bpf_get_task_stack((void *)task, frames, 8, 0);
	note(size == 8);
	note(bpf_get_task_stack((void *)task, frames, sizeof(frames), 1 << 14));
	return 0;
}

static long each_vma(struct task_struct *task, void *vma, void *ctx)
{
	return 0;
}

SEC("syscall")
int memory(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	__u64 words[2] = { 1, 2 };

	note(copy_from_task(words, sizeof(words), 0, task, 0));
	note(words[0] | words[1]);
	words[0] = 1;
	note(copy_from_task(words, sizeof(words), 0, task, 1));
	note(words[0]);
	note(copy_from_task(words, 0, 0, task, 0));
	note(bpf_find_vma((void *)task, 0, each_vma, 0, 1));
	note(bpf_find_vma((void *)task, 0, each_vma, 0, 0));
	return 0;
}

SEC("raw_tp/sys_enter")
int branches(void *ctx)
{
	note(bpf_get_branch_snapshot(frames, sizeof(frames), 1));
	return 0;
}

static void show(void *value, __u32 type_id, __u32 size, __u64 flags)
{
	struct btf_ptr ptr = { .ptr = value, .type_id = type_id };

	note(bpf_snprintf_btf(text, size, &ptr, sizeof(ptr), flags));
}

SEC("raw_tp/sys_enter")
int show_struct(void *ctx)
{
	struct xdp_md value = { .data = 1, .data_end = 64, .rx_queue_index = 3 };

	show(&value, bpf_core_type_id_kernel(struct xdp_md), sizeof(text), 0);
	return 0;
}

SEC("raw_tp/sys_enter")
int show_line(void *ctx)
{
	struct xdp_md value = { .data = 1, .data_end = 64 };

	show(&value, bpf_core_type_id_kernel(struct xdp_md), sizeof(text), BTF_F_ONE_LINE);
	return 0;
}

SEC("raw_tp/sys_enter")
int show_zeros(void *ctx)
{
	struct xdp_md value = { .data = 1 };

	show(&value, bpf_core_type_id_kernel(struct xdp_md), sizeof(text), BTF_F_ONE_LINE | BTF_F_ZEROS);
	return 0;
}

SEC("raw_tp/sys_enter")
int show_no_names(void *ctx)
{
	struct __sk_buff value = { .len = 5, .cb = { 1, 0, 3 }, .hash = 7 };

	show(&value, bpf_core_type_id_kernel(struct __sk_buff), sizeof(text), BTF_F_ONE_LINE | BTF_F_NO_NAMES);
	return 0;
}

SEC("raw_tp/sys_enter")
int show_array(void *ctx)
{
	struct bpf_sock_addr addr = { .user_ip6 = { 1, 0, 3, 4 }, .user_family = 10 };

	show(&addr, bpf_core_type_id_kernel(struct bpf_sock_addr), sizeof(text), 0);
	return 0;
}

SEC("raw_tp/sys_enter")
int show_pointer(void *ctx)
{
	struct bpf_fentry_test_t value = { .a = (void *)0x1234 };

	show(&value, bpf_core_type_id_kernel(struct bpf_fentry_test_t), sizeof(text), BTF_F_RAW);
	return 0;
}

SEC("raw_tp/sys_enter")
int show_enum(void *ctx)
{
	enum bpf_map_type value = BPF_MAP_TYPE_LRU_HASH;

	show(&value, bpf_core_type_id_kernel(enum bpf_map_type), sizeof(text), 0);
	return 0;
}

SEC("raw_tp/sys_enter")
int show_cut(void *ctx)
{
	struct xdp_md value = { .data = 1, .data_end = 64 };

	show(&value, bpf_core_type_id_kernel(struct xdp_md), 20, 0);
	return 0;
}

SEC("raw_tp/sys_enter")
int show_nothing(void *ctx)
{
	struct xdp_md value = { .data = 1 };
	struct btf_ptr ptr = { .ptr = &value, .type_id = bpf_core_type_id_kernel(struct xdp_md) };

	note(bpf_snprintf_btf(text, sizeof(text), &ptr, sizeof(ptr), 16));
	note(bpf_snprintf_btf(text, sizeof(text), &ptr, 8, 0));
	ptr.type_id = 0;
	note(bpf_snprintf_btf(text, sizeof(text), &ptr, sizeof(ptr), 0));
	ptr.type_id = 0x7fffffff;
	note(bpf_snprintf_btf(text, sizeof(text), &ptr, sizeof(ptr), 0));
	ptr.type_id = bpf_core_type_id_kernel(struct xdp_md);
	ptr.ptr = (void *)8;
	note(bpf_snprintf_btf(text, sizeof(text), &ptr, sizeof(ptr), 0));
	return 0;
}

struct seq_file;
struct bpf_iter_meta {
	struct seq_file *seq;
	__u64 seq_num;
} __attribute__((preserve_access_index));
struct bpf_iter__bpf_map {
	struct bpf_iter_meta *meta;
};

SEC("iter/bpf_map")
int show_in_iter(struct bpf_iter__bpf_map *ctx)
{
	struct xdp_md value = { .data = 1, .data_end = 64 };
	struct btf_ptr ptr = { .ptr = &value, .type_id = bpf_core_type_id_kernel(struct xdp_md) };

	if (ctx->meta->seq_num == 0) {
		note(bpf_seq_printf_btf(ctx->meta->seq, &ptr, sizeof(ptr), BTF_F_ONE_LINE));
		note(bpf_seq_printf_btf(ctx->meta->seq, &ptr, sizeof(ptr), 16));
	}
	return 0;
}

char _license[] SEC("license") = "GPL";
