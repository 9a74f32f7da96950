// Variables in an arena: memory that the program and user space share at the same addresses.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define __arena __attribute__((address_space(1)))
// Newer than the headers of some machines.
#define BPF_MAP_TYPE_ARENA 33
#ifndef __ulong
#define __ulong(name, val) enum { ___bpf_concat(__unique_value, __COUNTER__) = val } name
#endif
#ifndef ___bpf_concat
#define ___bpf_concat(a, b) a ## b
#endif

struct {
	__uint(type, BPF_MAP_TYPE_ARENA);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 16);
#ifdef AT
	__ulong(map_extra, AT);
#endif
} arena SEC(".maps");

struct node {
	struct node __arena *next;
	long value;
};

int __arena count = 40;
long __arena numbers[4] = { 1, 2, 3, 4 };
// User space puts a list there.
struct node __arena *__arena head;

SEC("syscall") int sum(void *ctx)
{
	long all = 0;

	for (int i = 0; i < 4; i++)
		all += numbers[i];
	count++;
	return all + count;
}

SEC("syscall") int list(void *ctx)
{
	long all = 0;
	struct node __arena *node = head;

	for (int i = 0; i < 16 && node; i++) {
		all += node->value;
		node->value = 0;
		node = node->next;
	}
	return all;
}

char _license[] SEC("license") = "GPL";
