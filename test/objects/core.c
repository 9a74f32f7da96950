// One program for each kind of CO-RE relocation; core_target.c is the "kernel" with other layouts.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct inner { int a; unsigned int b; };
struct moved {
	int pid;
	struct inner in;
	unsigned int list[4];
	unsigned int low : 3, high : 5;
	union { unsigned long first; unsigned int second; };
	void *pointer;
	unsigned short narrow;
};
struct moved___flavoured { int only_new; };
struct gone { int x; };
struct grown { int x; };
#pragma clang attribute pop

enum state { STATE_IDLE = 1, STATE_BUSY = 2 };
enum state___more { STATE_NEW = 7, STATE_NEVER = 8 };

unsigned long long out[32];

SEC("raw_tp/core")
int core(void *ctx)
{
	struct moved *m = ctx;
	struct moved___flavoured *f = ctx;
	struct gone *g = ctx;

	out[0] = __builtin_preserve_field_info(m->pid, BPF_FIELD_BYTE_OFFSET);
	out[1] = __builtin_preserve_field_info(m->in.b, BPF_FIELD_BYTE_OFFSET);
	out[2] = __builtin_preserve_field_info(m->list[2], BPF_FIELD_BYTE_OFFSET);
	out[3] = __builtin_preserve_field_info(m->high, BPF_FIELD_BYTE_OFFSET);
	out[4] = __builtin_preserve_field_info(m->high, BPF_FIELD_BYTE_SIZE);
	out[5] = __builtin_preserve_field_info(m->high, BPF_FIELD_LSHIFT_U64);
	out[6] = __builtin_preserve_field_info(m->high, BPF_FIELD_RSHIFT_U64);
	out[7] = __builtin_preserve_field_info(m->pid, BPF_FIELD_SIGNED);
	out[8] = __builtin_preserve_field_info(m->in.b, BPF_FIELD_SIGNED);
	out[9] = __builtin_preserve_field_info(m->second, BPF_FIELD_BYTE_OFFSET);
	out[10] = bpf_core_field_exists(f->only_new);
	out[11] = bpf_core_field_exists(g->x);
	out[12] = bpf_core_field_size(m->narrow);
	out[13] = bpf_core_type_exists(struct moved);
	out[14] = bpf_core_type_exists(struct gone);
	out[15] = bpf_core_type_size(struct moved);
	out[16] = bpf_core_type_matches(struct inner);
	out[17] = bpf_core_type_matches(struct grown);
	out[18] = bpf_core_enum_value_exists(enum state, STATE_BUSY);
	out[19] = bpf_core_enum_value(enum state, STATE_BUSY);
	out[20] = bpf_core_enum_value_exists(enum state___more, STATE_NEW);
	out[21] = bpf_core_enum_value_exists(enum state___more, STATE_NEVER);
	out[22] = bpf_core_type_id_kernel(struct moved);
	out[23] = bpf_core_type_id_kernel(struct gone);
	return 0;
}

/* Loads and stores are fitted themselves: offset, and width where it is safe. */
SEC("socket/loads")
int loads(struct __sk_buff *skb)
{
	struct moved m = {};

	return m.narrow + (int)(long)m.pointer + m.in.b;
}

/* Reaches what the target does not have. */
SEC("socket/poisoned")
int poisoned(struct __sk_buff *skb)
{
	struct gone *g = (void *)skb;

	return g->x;
}

char _license[] SEC("license") = "GPL";
