import type { Violation } from '../violation.ts';

/** What helpers are given. */
export const argumentViolations: readonly Violation[] = [
  {
    code: 'SKEP-V037',
    title: 'a pointer that may be NULL is given to a helper',
    says: [
      'R{reg} type={nullable} expected={list}',
      'Possibly NULL pointer passed to helper arg{n}',
      'Possibly NULL pointer passed to helper {text}',
      'Possibly NULL pointer passed to trusted arg{n}',
      'Possibly NULL pointer passed to trusted {text}',
      'R{reg} is expected to be non-NULL',
      'arg#{n} is expected to be non-NULL',
    ],
    what: 'an argument of {callee} may be NULL, and must not be',
    why: 'Most helpers and functions of the kernel use what they are given without looking.',
    trace: 'origin',
    fix: 'compare the pointer with NULL before the call, and call only where it is not NULL',
    example: {
      before: `SEC("tc")
int ports(struct __sk_buff *skb)
{
	struct bpf_sock *sk = bpf_sk_fullsock(skb->sk);

	return sk ? sk->family : 0;
}`,
      after: `SEC("tc")
int ports(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;

	if (!sk)
		return 0;
	sk = bpf_sk_fullsock(sk);
	return sk ? sk->family : 0;
}`,
    },
  },
  {
    code: 'SKEP-V038',
    title: 'a number is given to a helper that wants a pointer',
    says: ['R{reg} type={number} expected={list}'],
    what: 'the {argument} of {callee} is {value}; it has to be one of: {list}',
    why: 'What a helper reads or writes has to be memory that the verifier knows. NULL, a number that was read from somewhere, and a pointer to a record that was given back already are numbers to it.',
    trace: 'origin',
    fix: 'give the address of a variable on the stack, of a value of a map, or what another helper returned; do not use records and references after they were given back',
    example: {
      before: `SEC("tc")
int twice(struct __sk_buff *skb)
{
	__u64 *record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);

	if (!record)
		return 0;
	bpf_ringbuf_submit(record, 0);
	bpf_ringbuf_submit(record, 0);
	return 0;
}`,
      after: `SEC("tc")
int twice(struct __sk_buff *skb)
{
	__u64 *record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);

	if (!record)
		return 0;
	*record = skb->len;
	bpf_ringbuf_submit(record, 0);
	return 0;
}`,
    },
  },
  {
    code: 'SKEP-V039',
    title: 'a pointer of the wrong kind is given to a helper',
    says: [
      'R{reg} type={pointer} expected={list}',
      'R{reg} is of type {name} but {type} is expected',
      'R{reg} has non-overwritten BPF_PTR_POISON type',
      'Unsupported reg type {type} for bpf_dynptr_from_mem data',
      'Helper has invalid btf_id in R{reg}',
      'Helper has invalid btf/btf_id in R1',
      'R{reg} has no type',
      "pointer in R{reg} isn't map pointer",
    ],
    what: 'the {argument} of {callee} is {kind}; that is not what it takes',
    why: 'Each helper says of each argument what it may point to: the map itself, a key, memory, a socket, the context.',
    trace: 'origin',
    fix: 'look up what the helper takes, in which order; a map is given by its address (&table), the context as the program got it',
    example: {
      before: `SEC("tc")
int count(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct entry *entry = bpf_map_lookup_elem(skb, &key);

	if (entry)
		entry->packets++;
	return 0;
}`,
      after: `SEC("tc")
int count(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct entry *entry = bpf_map_lookup_elem(&table, &key);

	if (entry)
		entry->packets++;
	return 0;
}`,
    },
  },
  {
    code: 'SKEP-V040',
    title: 'a length that may be negative',
    says: ["R{reg} min value is negative, either use unsigned or 'var &= const'"],
    what: 'the {argument} of {callee} is a length, and may be negative: {value}',
    why: 'A negative length is a very large one for who reads it as unsigned.',
    trace: 'size',
    fix: 'make the variable unsigned, and compare it with the size of the memory before the call; or cut it off (length &= 63)',
    example: {
      before: `SEC("tc")
int copy(struct __sk_buff *skb)
{
	char buffer[64] = {};
	__s64 length = (__s64)skb->len - 14;

	if (length > 64)
		return 0;
	bpf_ringbuf_output(&events, buffer, length, 0);
	return 0;
}`,
      after: `SEC("tc")
int copy(struct __sk_buff *skb)
{
	char buffer[64] = {};
	__u64 length = skb->len - 14;

	if (length > 64)
		return 0;
	bpf_ringbuf_output(&events, buffer, length, 0);
	return 0;
}`,
    },
  },
  {
    code: 'SKEP-V041',
    title: 'a length without an upper bound',
    says: [
      "R{reg} unbounded memory access, use 'var &= const' or 'if (var < const)'",
      'R{reg} memory size {size} is too large',
    ],
    what: 'the {argument} of {callee} is a length, and can be any number',
    why: 'The helper would write or read as far as the length says.',
    trace: 'size',
    fix: 'compare the length with the size of the memory right before the call, in the variable that is given',
    example: {
      before: `SEC("kprobe")
int copy(void *ctx)
{
	char buffer[64];
	__u64 length = bpf_get_current_pid_tgid();

	bpf_probe_read_kernel(buffer, length, ctx);
	return buffer[0];
}`,
      after: `SEC("kprobe")
int copy(void *ctx)
{
	char buffer[64];
	__u64 length = bpf_get_current_pid_tgid();

	if (length > sizeof(buffer))
		return 0;
	bpf_probe_read_kernel(buffer, length, ctx);
	return buffer[0];
}`,
    },
  },
  {
    code: 'SKEP-V042',
    title: 'a length that may be 0',
    says: [
      'R{reg} invalid zero-sized read: u64=[{n},{m}]',
      'R{reg} invalid zero-sized read',
      'invalid zero-sized read',
    ],
    what: 'a length that {callee} is given may be 0, which it does not take',
    why: 'Some helpers answer an empty range with an error, and the verifier holds that for a mistake.',
    trace: 'size',
    fix: 'leave out 0 before the call: if (length == 0 || length > sizeof(buffer)) return …;',
    example: {
      before: `SEC("tc")
int copy(struct __sk_buff *skb)
{
	char buffer[64];
	__u32 length = skb->len & 63;

	bpf_skb_load_bytes(skb, 0, buffer, length);
	return buffer[0];
}`,
      after: `SEC("tc")
int copy(struct __sk_buff *skb)
{
	char buffer[64] = {};
	__u32 length = skb->len & 63;

	if (length == 0)
		return 0;
	bpf_skb_load_bytes(skb, 0, buffer, length);
	return buffer[0];
}`,
    },
  },
  {
    code: 'SKEP-V043',
    title: 'an argument that has to be a constant',
    says: [
      "R{reg} is not a known constant'",
      'R{reg} must be a known constant',
      'R{reg} is not a const',
      'R{reg} rdonly/rdwr_buf_size exceeds u32 max',
      "get_local_storage() doesn't support non-zero flags",
      'R{reg} allocation size exceeds u32 max',
      '2 or more rdonly/rdwr_buf_size parameters for kfunc',
      'local type ID argument must be in range [0, U32_MAX]',
    ],
    what: 'an argument of {callee} has to be a number that is known when the program is loaded',
    why: 'The size of what is returned depends on it, or the kernel prepares something for it.',
    trace: 'size',
    fix: 'write the number itself (a macro, an enum or sizeof), not a variable',
    example: {
      before: `SEC("tc")
int reserve(struct __sk_buff *skb)
{
	char *record = bpf_ringbuf_reserve(&events, skb->len, 0);

	if (record)
		bpf_ringbuf_discard(record, 0);
	return 0;
}`,
      after: `SEC("tc")
int reserve(struct __sk_buff *skb)
{
	char *record = bpf_ringbuf_reserve(&events, 64, 0);

	if (record)
		bpf_ringbuf_discard(record, 0);
	return 0;
}`,
    },
  },
  {
    code: 'SKEP-V044',
    title: 'a text that has to be a constant',
    says: [
      "R{reg} does not point to a readonly map'",
      "R{reg} is not a constant address'",
      'R{reg} points to {name} map which cannot be used as const string',
      'no direct value access support for this map type',
      'direct value access on string failed',
      'string is not zero-terminated',
      'Invalid format string',
      "arg#{n} doesn't point to a const string",
      'failed to retrieve map value address',
      'R{reg} is no text',
    ],
    what: 'the text that {callee} is given has to be a constant that ends with 0, in read-only memory',
    why: 'The verifier reads the text to see what it asks for (bpf_snprintf: the format and the number of arguments).',
    trace: 'origin',
    fix: 'declare the text outside of all functions: static const char format[] = "%d";',
    example: {
      before: `char format[] = "%d";

SEC("kprobe")
int print(void *ctx)
{
	char out[16];
	__u64 value = 1;

	return bpf_snprintf(out, sizeof(out), format, &value, sizeof(value));
}`,
      after: `static const char format[] = "%d";

SEC("kprobe")
int print(void *ctx)
{
	char out[16];
	__u64 value = 1;

	return bpf_snprintf(out, sizeof(out), format, &value, sizeof(value));
}`,
    },
  },
  {
    code: 'SKEP-V045',
    title: 'a helper that programs of this type may not call',
    says: [
      'program of this type cannot use helper {helper}#{n}',
      'unknown func {helper}#{n}',
      'func {helper}#{n} not supported for program type {m}',
      'func {helper}#{n} supported only for {text} programs',
      'helper call is not allowed in probe',
    ],
    what: '{helper}() is not for programs of this type',
    why: 'What a helper does needs what only some programs have: a packet, a process, a socket. Old kernels have fewer helpers, and say the same.',
    fix: 'call it from a program of another type, or use what this type has instead; `skep feature probe` lists which helpers a kernel gives to which type',
    example: {
      before: `SEC("xdp")
int change(struct xdp_md *ctx)
{
	bpf_skb_change_type((void *)ctx, 0);
	return XDP_PASS;
}`,
      after: `SEC("tc")
int change(struct __sk_buff *skb)
{
	bpf_skb_change_type(skb, 0);
	return 0;
}`,
    },
  },
  {
    code: 'SKEP-V046',
    title: 'a helper that this kernel does not have',
    says: [
      'invalid func {helper}#{n}',
      '{text}: the embedded kernel does not have it yet',
      'kernel subsystem misconfigured verifier',
      'JIT does not support calling kfunc {text}',
      'JIT does not support kfunc {text}',
      'cannot get callchain buffer for func {helper}#{n}',
    ],
    what: 'this kernel has no function for {callee}',
    why: 'The number of the helper is greater than this kernel knows; newer kernels have it.',
    fix: 'load the program on a newer kernel, or do without: bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_…) tells at load time whether a helper is there, and the branch that calls it is left out where not',
    example: {
      before: `static long (*from_the_future)(void) = (void *)9999;

SEC("tc")
int future(struct __sk_buff *skb)
{
	return from_the_future();
}`,
      after: `SEC("tc")
int future(struct __sk_buff *skb)
{
	return bpf_get_prandom_u32();
}`,
    },
  },
  {
    code: 'SKEP-V047',
    title: 'a map of a type that the helper does not take',
    says: [
      'cannot pass map_type {n} into func {helper}#{m}',
      'expected prog array map for tail call',
      'expected map for helper',
      'invalid map_ptr to access map->{name}',
      'invalid arg_type for sockmap/sockhash',
      'cannot update sockmap in this context',
    ],
    what: '{callee} does not work on maps of this type',
    why: 'Each type of map has its own helpers: elements are looked up in hashes and arrays, records are reserved in ring buffers, programs are called from prog arrays.',
    fix: 'use the helper that belongs to the map’s type, or a map of another type',
    example: {
      before: `SEC("tc")
int next(struct __sk_buff *skb)
{
	bpf_tail_call(skb, &table, 0);
	return 0;
}`,
      after: `struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} jumps SEC(".maps");

SEC("tc")
int next(struct __sk_buff *skb)
{
	bpf_tail_call(skb, &jumps, 0);
	return 0;
}`,
    },
  },
  {
    code: 'SKEP-V048',
    title: 'a special field that is not where the helper is pointed to',
    says: [
      "map '{name}' has to have BTF in order to use {text}",
      "map '{name}' has no valid {text}",
      "local '{name}' has no valid {text}",
      "map '{name}' doesn't have 'struct {type}'",
      "map '{name}' has more than one 'struct {type}'",
      "off {off} doesn't point to 'struct {name}' that is at {n}",
      "R{reg} doesn't have constant offset. {text} has to be at the constant offset",
      'R{reg} has no valid kptr',
      "{name} pointer in R1 map_uid={n} doesn't match map pointer in R2 map_uid={m}",
      "off={off} doesn't point to kptr",
      "off={off} kptr isn't referenced kptr",
      '{text} has to be at a constant offset',
      "arg#{n} doesn't point to map value or allocated object",
      "arg#{n} doesn't point to a map value",
      '{type} not found at offset={off}',
    ],
    what: '{callee} has to be given the address of the field itself, in a value of a map whose type is known',
    why: 'Locks, timers, work queues, kptrs, list heads and trees are found by the types of the map’s value, so the map needs BTF, and the field one fixed place.',
    trace: 'origin',
    fix: 'define the map with __type(value, struct …) and the field as a member of that struct, compile with -g, and give the address of the member (&value->lock)',
    example: {
      before: `struct guarded {
	__u32 packets;
	__u32 lock;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct guarded);
} guarded SEC(".maps");

SEC("tc")
int count(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct guarded *value = bpf_map_lookup_elem(&guarded, &key);

	if (!value)
		return 0;
	bpf_spin_lock((void *)&value->lock);
	value->packets++;
	bpf_spin_unlock((void *)&value->lock);
	return 0;
}`,
      after: `struct guarded {
	__u32 packets;
	struct bpf_spin_lock lock;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct guarded);
} guarded SEC(".maps");

SEC("tc")
int count(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct guarded *value = bpf_map_lookup_elem(&guarded, &key);

	if (!value)
		return 0;
	bpf_spin_lock(&value->lock);
	value->packets++;
	bpf_spin_unlock(&value->lock);
	return 0;
}`,
    },
  },
  {
    code: 'SKEP-V049',
    title: 'a special field is read or written directly',
    says: [
      '{type} cannot be accessed directly by load/store',
      '{type} cannot be accessed indirectly by helper',
      'direct access to {type} is disallowed',
      'R{reg} cannot be accessed directly by load/store',
      '{type} access cannot have variable offset',
      '{type} access misaligned expected={n} off={off}',
      '{type} access size must be BPF_DW',
      'store to referenced kptr disallowed',
      'kptr in map can only be accessed using {text}',
      'BPF_ST imm must be 0 when storing to kptr at off={off}',
      'invalid kptr access, R{reg} type={type} expected={text}',
    ],
    what: 'a lock, timer, kptr or list of a map’s value is read or written as if it were a number',
    why: 'The kernel keeps its own things in these fields; only the helpers that belong to them may touch them.',
    trace: 'origin',
    fix: 'use the helpers (bpf_spin_lock(), bpf_timer_start(), bpf_kptr_xchg(), …), and copy the other members one by one instead of the whole struct',
    example: {
      before: `struct guarded {
	struct bpf_spin_lock lock;
	__u32 packets;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct guarded);
} guarded SEC(".maps");

SEC("tc")
int peek(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct guarded *value = bpf_map_lookup_elem(&guarded, &key);

	return value ? value->lock.val : 0;
}`,
      after: `struct guarded {
	struct bpf_spin_lock lock;
	__u32 packets;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct guarded);
} guarded SEC(".maps");

SEC("tc")
int peek(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct guarded *value = bpf_map_lookup_elem(&guarded, &key);

	return value ? value->packets : 0;
}`,
    },
  },
];
