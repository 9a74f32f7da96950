import type { Violation } from '../violation.ts';

/** The context, and memory that may not be written or is the kernel's. */
export const contextViolations: readonly Violation[] = [
  {
    code: 'SKEP-V028',
    title: 'a place in the context that is not for this program',
    says: [
      'invalid bpf_context access off={off} size={size}',
      'invalid bpf_context access off={off} size={size}. {text}',
      'invalid bpf_context access off={off}. Reference may already be released',
      'invalid access to context, ctx_size={total} off={off} size={size}',
      "func '{name}' offset {off} is not multiple of 8",
      "func '{name}' doesn't have {text} argument",
      "func '{name}' arg{n} has btf_id {m} type {text} is not a struct",
      "func '{name}' arg{n} '{text}' has type {text}. Only pointer access is allowed",
      "func '{name}' size {size} must be 8",
      "func '{name}' arg{n} type {type} is not a struct",
      'ret type {type} not allowed for fmod_ret',
      'R{reg} is not a pointer to arena or scalar',
    ],
    what: 'there is nothing at offset {off} of the context with a size of {size} that a program of this type may use so',
    why: 'Each program type sees some members of its context, and may write fewer. Members are used whole and at their own offset; data and data_end are pointers and need 32 bits (in struct __sk_buff, not in every type).',
    fix: 'use the member by its name and with its own size; look at the list of the program type which members it may read and write. Helpers do what writing cannot, e.g. bpf_skb_store_bytes(), bpf_skb_change_type()',
    example: {
      before: `SEC("tc")
int lengthen(struct __sk_buff *skb)
{
	skb->len = 100;
	return 0;
}`,
      after: `SEC("tc")
int lengthen(struct __sk_buff *skb)
{
	bpf_skb_change_tail(skb, 100, 0);
	return 0;
}`,
    },
  },
  {
    code: 'SKEP-V029',
    title: 'the context was moved before it is used',
    says: [
      'dereference of modified {type} ptr R{reg} off={off} disallowed',
      'negative offset {type} ptr R{reg} off={off} disallowed',
    ],
    what: '{r} is {kind}, moved by {off} bytes: it has to be used as it was given to the program',
    why: 'Accesses to the context are rewritten to fit the kernel, by the offset in the instruction. The compiler sometimes adds it to the pointer beforehand: for arrays, or where two branches read different members.',
    trace: 'origin',
    fix: 'read the member into a variable first; if the compiler has moved the pointer, keep it from doing so by reading through (volatile __u32 *), or use a helper',
    example: {
      before: `SEC("tc")
int cell(struct __sk_buff *skb)
{
	asm volatile("r1 = %0; r1 += 48; r0 = *(u32 *)(r1 + 0)" : : "r"(skb) : "r0", "r1");
	return 0;
}`,
      after: `SEC("tc")
int cell(struct __sk_buff *skb)
{
	return skb->cb[0];
}`,
    },
  },
  {
    code: 'SKEP-V030',
    title: 'the context at an index that is not known',
    says: [
      'variable {type} access var_off={text} disallowed',
      'R{reg} is ptr_{name} invalid variable offset: off={off}, var_off={text}',
      'R{reg} invalid variable offset to flow keys: off={off}, var_off={text}',
      'R{reg} invalid variable buffer offset: off={off}, var_off={text}',
      'R{reg} invalid negative {type} buffer offset: off={off}, var_off={text}',
    ],
    what: 'a member is chosen by a number that is only known when the program runs',
    why: 'Each access to the context or to an object of the kernel is rewritten beforehand, so it has to be known which member it is.',
    trace: 'bounds',
    fix: 'choose by a switch over the few possible indexes, or copy the array to the stack first',
    example: {
      before: `SEC("tc")
int cell(struct __sk_buff *skb)
{
	__u32 at = skb->mark & 3;

	return *(volatile __u32 *)&skb->cb[at];
}`,
      after: `SEC("tc")
int cell(struct __sk_buff *skb)
{
	switch (skb->mark & 3) {
	case 0:
		return skb->cb[0];
	case 1:
		return skb->cb[1];
	default:
		return 0;
	}
}`,
    },
  },
  {
    code: 'SKEP-V031',
    title: 'memory that may only be read is written',
    says: [
      'R{reg} cannot write into {type}',
      'R{reg} cannot write into ptr_{name} at off={off} size={size}',
      'write into map forbidden, value_size={total} off={off} size={size}',
      'write into map forbidden',
      'write to change key R{reg} not allowed',
      '{helper}() may write into memory pointed by R{reg} type={type}',
      'only read from {name} is supported',
      'only read is supported',
      'store to uptr disallowed',
    ],
    what: 'something is written to memory that is read-only for programs',
    why: 'Constants (.rodata), maps with BPF_F_RDONLY_PROG, keys of maps, and what the kernel only shows are not to be changed.',
    trace: 'origin',
    fix: 'write to a variable that is not const, or to another map; copy to the stack first what a helper is to change',
    example: {
      before: `struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, __u32);
	__type(value, __u64);
} limits SEC(".maps");

SEC("tc")
int limit(struct __sk_buff *skb)
{
	__u32 key = 0;
	__u64 *limit = bpf_map_lookup_elem(&limits, &key);

	if (limit)
		*limit = skb->len;
	return 0;
}`,
      after: `struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} limits SEC(".maps");

SEC("tc")
int limit(struct __sk_buff *skb)
{
	__u32 key = 0;
	__u64 *limit = bpf_map_lookup_elem(&limits, &key);

	if (limit)
		*limit = skb->len;
	return 0;
}`,
    },
  },
  {
    code: 'SKEP-V032',
    title: 'memory that may only be written is read',
    says: ['read from map forbidden, value_size={total} off={off} size={size}'],
    what: 'a value is read of a map that programs may only write (BPF_F_WRONLY_PROG)',
    why: 'The flag says that only user space reads the map.',
    fix: 'leave the flag out of the definition of the map, or keep what is to be read elsewhere',
    example: {
      before: `struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_WRONLY_PROG);
	__type(key, __u32);
	__type(value, __u64);
} totals SEC(".maps");

SEC("tc")
int total(struct __sk_buff *skb)
{
	__u32 key = 0;
	__u64 *total = bpf_map_lookup_elem(&totals, &key);

	if (total)
		*total += skb->len;
	return 0;
}`,
      after: `struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} totals SEC(".maps");

SEC("tc")
int total(struct __sk_buff *skb)
{
	__u32 key = 0;
	__u64 *total = bpf_map_lookup_elem(&totals, &key);

	if (total)
		*total += skb->len;
	return 0;
}`,
    },
  },
  {
    code: 'SKEP-V033',
    title: 'the packet is changed by a program that may only look at it',
    says: [
      'cannot write into packet',
      'helper access to the packet is not allowed',
      'the prog does not allow writes to packet data',
    ],
    what: 'programs of this type may not change the packet, or give it to this helper',
    why: 'Only programs that run where the packet is theirs (tc, XDP, some others) write to it. Some helpers do not take pointers to the packet at all, since they may move it.',
    trace: 'origin',
    fix: 'do it in a program of type tc or xdp, or copy the bytes to the stack with bpf_skb_load_bytes() before they are given to a helper',
    example: {
      before: `SEC("lwt_in")
int clear(struct __sk_buff *skb)
{
	char *data = (void *)(long)skb->data;
	void *data_end = (void *)(long)skb->data_end;

	if (data + 1 > (char *)data_end)
		return 0;
	data[0] = 0;
	return 0;
}`,
      after: `SEC("tc")
int clear(struct __sk_buff *skb)
{
	char *data = (void *)(long)skb->data;
	void *data_end = (void *)(long)skb->data_end;

	if (data + 1 > (char *)data_end)
		return 0;
	data[0] = 0;
	return 0;
}`,
    },
  },
  {
    code: 'SKEP-V034',
    title: 'a member that an object of the kernel does not have there',
    says: [
      'access beyond struct {name} at off {off} size {size}',
      'access beyond the end of member {name} (mend:{n}) in struct {type} with off {off} size {size}',
      'cannot access ptr member {name} with moff {n} in struct {type} with off {off} size {size}',
      'R{reg} is ptr_{name} invalid negative access: off={off}',
      'R{reg} is {name} invalid negative access: off={off}',
      'R{reg} invalid {type} access off={off} size={size}',
      'R{reg} invalid {type} buffer access: off={off}, size={size}',
      'invalid access to flow keys off={off} size={size}',
      'map_ptr access not supported for map type {n}',
      'map_ptr access not supported without CONFIG_DEBUG_INFO_BTF',
      "Type '{name}' is not a struct",
    ],
    what: '{size} bytes at offset {off} are not a member of the object that may be read so',
    why: 'Objects of the kernel are read by their members, as the types of the running kernel have them. Where the struct looked different when the program was compiled, the offsets are wrong.',
    trace: 'origin',
    fix: 'compile with the types of a kernel (vmlinux.h) and with CO-RE, so that offsets are fitted to the kernel that loads the program; read arrays and large members with bpf_probe_read_kernel()',
    example: {
      before: `SEC("flow_dissector")
int dissect(struct __sk_buff *skb)
{
	struct bpf_flow_keys *keys = (void *)skb->flow_keys;

	return *(volatile __u32 *)((void *)keys + 400) ? 0 : 1;
}`,
      after: `SEC("flow_dissector")
int dissect(struct __sk_buff *skb)
{
	struct bpf_flow_keys *keys = (void *)(long)(__u64)skb->flow_keys;

	return keys->nhoff ? 0 : 1;
}`,
    },
  },
  {
    code: 'SKEP-V035',
    title: 'memory of a process or of another CPU is read directly',
    says: [
      'R{reg} is ptr_{name} access user memory: off={off}',
      'R{reg} is ptr_{name} access percpu memory: off={off}',
    ],
    what: '{r} points to memory of a process, or to a variable that each CPU has its own of',
    why: 'Such addresses lead nowhere as they are.',
    trace: 'origin',
    fix: 'read memory of a process with bpf_probe_read_user() or bpf_copy_from_user(); get the CPU’s own variable with bpf_this_cpu_ptr() or bpf_per_cpu_ptr()',
    example: {
      before: `#define __percpu_kptr __attribute__((btf_type_tag("percpu_kptr")))

struct counter {
	__u64 packets;
};

struct holder {
	struct counter __percpu_kptr *counter;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct holder);
} holders SEC(".maps");

struct counter total;

SEC("tc")
int count(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct holder *holder = bpf_map_lookup_elem(&holders, &key);
	struct counter *counter;

	if (!holder)
		return 0;
	counter = holder->counter;
	if (!counter)
		return 0;
	total.packets += counter->packets;
	return 0;
}`,
      after: `#define __percpu_kptr __attribute__((btf_type_tag("percpu_kptr")))

struct counter {
	__u64 packets;
};

struct holder {
	struct counter __percpu_kptr *counter;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct holder);
} holders SEC(".maps");

struct counter total;

SEC("tc")
int count(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct holder *holder = bpf_map_lookup_elem(&holders, &key);
	struct counter *counter;

	if (!holder)
		return 0;
	counter = holder->counter;
	if (!counter)
		return 0;
	counter = bpf_this_cpu_ptr(counter);
	total.packets += counter->packets;
	return 0;
}`,
    },
  },
  {
    code: 'SKEP-V036',
    title: 'types of the kernel in a program without a GPL-compatible license',
    says: [
      "Cannot access kernel 'struct {name}' from non-GPL compatible program",
      'cannot call GPL-restricted function from non-GPL compatible program',
      'cannot call kernel function from non-GPL compatible program',
      'struct ops programs must have a GPL compatible license',
    ],
    what: 'the license of the program does not permit {callee}, or structs of the kernel',
    why: 'Some helpers, all functions of the kernel and its own structs are only for programs under a license that is compatible with the GPL.',
    fix: 'declare the license, if that is what it is: char LICENSE[] SEC("license") = "GPL"; or "Dual MIT/GPL"',
    example: {
      before: `SEC("kprobe")
int peek(void *ctx)
{
	__u64 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), ctx);
	return 0;
}

char LICENSE[] SEC("license") = "Proprietary";`,
      after: `SEC("kprobe")
int peek(void *ctx)
{
	__u64 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), ctx);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";`,
    },
  },
];
