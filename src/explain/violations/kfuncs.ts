import type { Violation } from '../violation.ts';

/** Functions of the kernel, and the objects that they work on: dynptrs, iterators, lists, kptrs. */
export const kfuncViolations: readonly Violation[] = [
  {
    code: 'SKEP-V067',
    title: 'a function of the kernel that this program may not call',
    says: [
      'calling kernel function {helper} is not allowed',
      'calling kernel function is not supported without CONFIG_DEBUG_INFO_BTF',
      'JIT is required for calling kernel function',
      'JIT does not support calling kernel function',
      'invalid kernel function call not eliminated in verifier pass',
      'cannot find address for kernel function {helper}',
      'too many different kernel function calls',
      'destructive kfunc calls require CAP_SYS_BOOT capability',
      'metadata kfuncs require device-bound program',
      'css_task_iter is only allowed in bpf_lsm, bpf_iter and sleepable progs',
      '{helper} cannot be used in tracing programs on types with NMI unsafe fields',
      'kernel btf_id {n} is not a function',
      'kernel function btf_id {n} does not have a valid func_proto',
      'invalid kernel function btf_id {n}',
      'failed to find BTF for kernel function',
    ],
    what: 'this function of the kernel is not for programs of this type, or not there',
    why: 'Functions of the kernel (kfuncs) are registered for some program types; a kernel without BTF or without a JIT has none.',
    fix: 'call it from a program of a type that it is registered for, or use a helper instead; declare it __weak and ask bpf_ksym_exists() where it may be missing',
    example: {
      before: `struct bpf_cpumask {
	unsigned long bits[1];
};

extern struct bpf_cpumask *bpf_cpumask_create(void) __ksym;
extern void bpf_cpumask_release(struct bpf_cpumask *mask) __ksym;

SEC("tc")
int make(struct __sk_buff *skb)
{
	struct bpf_cpumask *mask = bpf_cpumask_create();

	if (mask)
		bpf_cpumask_release(mask);
	return 0;
}`,
      after: `struct bpf_cpumask {
	unsigned long bits[1];
};

extern struct bpf_cpumask *bpf_cpumask_create(void) __ksym;
extern void bpf_cpumask_release(struct bpf_cpumask *mask) __ksym;

SEC("syscall")
int make(void *ctx)
{
	struct bpf_cpumask *mask = bpf_cpumask_create();

	if (mask)
		bpf_cpumask_release(mask);
	return 0;
}`,
    },
  },
  {
    code: 'SKEP-V068',
    title: 'a function of the kernel is given what it does not trust',
    says: ['R{reg} must be referenced or trusted', 'R{reg} must be a rcu pointer'],
    what: 'the object that {callee} is given may be gone: {value}',
    why: 'A pointer that was found by following other pointers is not trusted: nothing keeps the object alive meanwhile.',
    trace: 'origin',
    fix: 'give the pointer that the hook handed to the program, or acquire a reference first (bpf_task_acquire(), bpf_cgroup_acquire()); read members within bpf_rcu_read_lock() where they are RCU-protected',
    example: {
      before: `extern void bpf_obj_drop_impl(void *object, void *meta) __ksym;

SEC("tc")
int drop(struct __sk_buff *skb)
{
	__u32 key = 1;
	struct entry *entry = bpf_map_lookup_elem(&table, &key);

	if (entry)
		bpf_obj_drop_impl(entry, 0);
	return 0;
}`,
      after: `struct object {
	__u64 packets;
};

extern void *bpf_obj_new_impl(__u64 type, void *meta) __ksym;
extern void bpf_obj_drop_impl(void *object, void *meta) __ksym;

SEC("tc")
int drop(struct __sk_buff *skb)
{
	struct object *object = bpf_obj_new_impl(__builtin_btf_type_id(*object, 0), 0);

	if (object)
		bpf_obj_drop_impl(object, 0);
	return 0;
}`,
    },
  },
  {
    code: 'SKEP-V069',
    title: 'a function of the kernel is given another type',
    says: [
      'kernel function {helper} args#{n} expected pointer to {text} but R{reg} has a pointer to {list}',
      'arg#{n} pointer type {text} must point to {list}',
      'arg#{n} expected pointer to allocated object',
      'arg#{n} expected pointer to map value or allocated object',
      'arg#{n} is {type} expected {type} or socket',
      'arg#{n} has no type',
      'kernel function {helper} args#{n} pointer type {text} is not supported',
      'arg{n} expected pointer to func',
      'arg#{n} expected for {helper}()',
      'Unrecognized arg#{n} type {type}',
      'Function {helper} has {n} > {m} args',
      'kernel function {helper} returns pointer type {text} is not supported',
      'Unknown type ID {n} passed to kfunc bpf_rdonly_cast',
      'kfunc bpf_rdonly_cast type ID argument must be of a struct or void',
      'kfunc {helper}#{n} failed callback verification',
      'the context has no type of the kernel',
      'kern ctx type id {n} is not a struct',
      'variable ? access var_off={text} disallowed',
    ],
    what: 'an argument of {callee} is not of the type that the function takes',
    why: 'Types of the kernel have to be the very ones of the function’s prototype; a cast in C changes nothing for the verifier.',
    trace: 'origin',
    fix: 'give an object of the right type; convert where there is a function for it (bpf_cast_to_kern_ctx(), bpf_skc_to_tcp_sock())',
    example: {
      before: `struct bpf_cpumask {
	unsigned long bits[1];
};

struct mask {
	unsigned long bits[1];
};

extern void *bpf_obj_new_impl(__u64 type, void *meta) __ksym;
extern void bpf_cpumask_release(struct bpf_cpumask *mask) __ksym;

SEC("syscall")
int release(void *ctx)
{
	struct mask *mask = bpf_obj_new_impl(__builtin_btf_type_id(*mask, 0), 0);

	if (mask)
		bpf_cpumask_release((struct bpf_cpumask *)mask);
	return 0;
}`,
      after: `struct bpf_cpumask {
	unsigned long bits[1];
};

extern struct bpf_cpumask *bpf_cpumask_create(void) __ksym;
extern void bpf_cpumask_release(struct bpf_cpumask *mask) __ksym;

SEC("syscall")
int release(void *ctx)
{
	struct bpf_cpumask *mask = bpf_cpumask_create();

	if (mask)
		bpf_cpumask_release(mask);
	return 0;
}`,
    },
  },
  {
    code: 'SKEP-V070',
    title: 'a pointer and a length that do not belong together',
    says: [
      'arg#{n} arg#{m} memory, len pair leads to invalid memory access',
      '{text} memory, len pair leads to invalid memory access',
    ],
    what: 'the memory that {callee} is given is shorter than the length that goes with it',
    why: 'The function uses as many bytes as the length says.',
    trace: 'origin',
    fix: 'give sizeof() of the variable as the length, of a buffer that is large enough',
    example: {
      before: `extern int bpf_dynptr_from_skb(struct __sk_buff *skb, __u64 flags, struct bpf_dynptr *packet) __ksym;
extern void *bpf_dynptr_slice(const struct bpf_dynptr *packet, __u32 offset, void *buffer, __u32 size) __ksym;

SEC("tc")
int type(struct __sk_buff *skb)
{
	struct bpf_dynptr packet;
	struct ethhdr buffer, *eth;

	bpf_dynptr_from_skb(skb, 0, &packet);
	eth = bpf_dynptr_slice(&packet, 0, &buffer, 64);
	return eth && eth->h_proto == bpf_htons(ETH_P_IP);
}`,
      after: `extern int bpf_dynptr_from_skb(struct __sk_buff *skb, __u64 flags, struct bpf_dynptr *packet) __ksym;
extern void *bpf_dynptr_slice(const struct bpf_dynptr *packet, __u32 offset, void *buffer, __u32 size) __ksym;

SEC("tc")
int type(struct __sk_buff *skb)
{
	struct bpf_dynptr packet;
	struct ethhdr buffer, *eth;

	bpf_dynptr_from_skb(skb, 0, &packet);
	eth = bpf_dynptr_slice(&packet, 0, &buffer, sizeof(buffer));
	return eth && eth->h_proto == bpf_htons(ETH_P_IP);
}`,
    },
  },
  {
    code: 'SKEP-V071',
    title: 'a dynptr that is none, or not of this kind',
    says: [
      'Expected an initialized dynptr as arg #{n}',
      'Expected an initialized dynptr as {text}',
      'Expected a dynptr of type {name} as arg #{n}',
      'Expected a dynptr of type {name} as {text}',
      'arg#{n} expected pointer to stack or const struct bpf_dynptr',
      '{text} expected pointer to stack or const struct bpf_dynptr',
      'cannot pass pointer to const bpf_dynptr, the helper mutates it',
      'cannot release unowned const bpf_dynptr',
      'CONST_PTR_TO_DYNPTR cannot be released',
      'cannot pass in {name} at an offset={off}',
    ],
    what: '{callee} has to be given a dynptr that was made before on every path, and not yet given back',
    why: 'A dynptr is a variable on the stack that the kernel fills: by bpf_dynptr_from_mem(), bpf_ringbuf_reserve_dynptr(), bpf_dynptr_from_skb(). Writing over it, or releasing it, ends it.',
    trace: 'origin',
    fix: 'make the dynptr before it is used, on each path, and use it as it is: no copies, no offsets; submit or discard the one that was reserved',
    example: {
      before: `SEC("tc")
int write(struct __sk_buff *skb)
{
	struct bpf_dynptr record;
	__u32 value = skb->len;

	bpf_dynptr_write(&record, 0, &value, sizeof(value), 0);
	return 0;
}`,
      after: `SEC("tc")
int write(struct __sk_buff *skb)
{
	struct bpf_dynptr record;
	__u32 value = skb->len;

	bpf_ringbuf_reserve_dynptr(&events, sizeof(value), 0, &record);
	bpf_dynptr_write(&record, 0, &value, sizeof(value), 0);
	bpf_ringbuf_submit_dynptr(&record, 0);
	return 0;
}`,
    },
  },
  {
    code: 'SKEP-V072',
    title: 'a dynptr, iterator or flag that is in use already',
    says: [
      'Dynptr has to be an uninitialized dynptr',
      'cannot overwrite referenced dynptr',
      'potential write to dynptr at off={off} disallowed',
      'expected uninitialized iter_{name} as arg #{n}',
      'expected uninitialized iter_{name} as {text}',
      'expected uninitialized irq flag as arg#{n}',
      'expected uninitialized irq flag as {text}',
    ],
    what: 'the variable on the stack holds something already that {callee} would overwrite',
    why: 'What it holds could never be given back.',
    trace: 'origin',
    fix: 'use a variable of its own for each, or release what it holds first',
    example: {
      before: `SEC("tc")
int twice(struct __sk_buff *skb)
{
	struct bpf_dynptr record;

	bpf_ringbuf_reserve_dynptr(&events, 8, 0, &record);
	bpf_ringbuf_reserve_dynptr(&events, 8, 0, &record);
	bpf_ringbuf_discard_dynptr(&record, 0);
	return 0;
}`,
      after: `SEC("tc")
int twice(struct __sk_buff *skb)
{
	struct bpf_dynptr record;

	bpf_ringbuf_reserve_dynptr(&events, 8, 0, &record);
	bpf_ringbuf_discard_dynptr(&record, 0);
	bpf_ringbuf_reserve_dynptr(&events, 8, 0, &record);
	bpf_ringbuf_discard_dynptr(&record, 0);
	return 0;
}`,
    },
  },
  {
    code: 'SKEP-V073',
    title: 'an iterator or IRQ flag that was not made',
    says: [
      'expected an initialized iter_{name} as arg #{n}',
      'expected an initialized iter_{name} as {text}',
      'expected valid iter pointer as arg #{n}',
      'expected valid iter pointer as {text}',
      'arg#{n} expected pointer to an iterator on stack',
      '{text} expected pointer to an iterator on stack',
      "arg#{n} doesn't point to an irq flag on stack",
      "{text} doesn't point to an irq flag on stack",
      'expected an initialized irq flag as arg#{n}',
      'expected an initialized irq flag as {text}',
      'irq flag acquired by {name} kfuncs cannot be restored with {type} kfuncs',
      'cannot restore irq state out of order, expected id={id} acquired at insn_idx={insn}',
    ],
    what: '{callee} has to be given an iterator (or flag) on the stack that was made before on every path',
    why: 'Iterators are made by bpf_iter_…_new(), used by …_next() and ended by …_destroy(), in this order; flags of interrupts are restored in the reverse order of saving.',
    fix: 'use bpf_for and bpf_for_each, which do so; otherwise make the iterator before, and destroy it once, on every path',
    example: {
      before: `struct bpf_iter_num {
	__u64 __opaque[1];
} __attribute__((aligned(8)));

extern int *bpf_iter_num_next(struct bpf_iter_num *it) __ksym;

SEC("tc")
int sum(struct __sk_buff *skb)
{
	struct bpf_iter_num it = {};
	int *next = bpf_iter_num_next(&it);

	return next ? *next : 0;
}`,
      after: `struct bpf_iter_num {
	__u64 __opaque[1];
} __attribute__((aligned(8)));

extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __ksym;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __ksym;

SEC("tc")
int sum(struct __sk_buff *skb)
{
	struct bpf_iter_num it;
	int *next, sum = 0;

	bpf_iter_num_new(&it, 0, 10);
	while ((next = bpf_iter_num_next(&it)))
		sum += *next;
	bpf_iter_num_destroy(&it);
	return sum;
}`,
    },
  },
  {
    code: 'SKEP-V074',
    title: 'a list or tree without its lock, or with a node of another',
    says: [
      'bpf_spin_lock at off={off} must be held for {name}',
      'held lock and object are not in the same allocation',
      'operation on {name} expects arg#1 {type} at offset={off} in struct {text}, but arg is at offset={n} in struct {text}',
      'arg#1 offset={off}, but expected {name} at offset={n} in struct {text}',
      '{helper} can only take non-owning or refcounted bpf_rb_node pointer',
      '{helper} not allowed in rbtree cb',
      "arg#{n} doesn't point to a type with bpf_refcount field",
      "{text} doesn't point to a type with bpf_refcount field",
      'no list or tree',
      'conversion of owning ref to non-owning failed',
    ],
    what: '{callee} needs the lock that stands beside the list or tree, and a node that was made for it',
    why: 'Lists and trees (bpf_list_head, bpf_rb_root) say in their definition which struct they hold (__contains), and are guarded by the bpf_spin_lock of the same value.',
    trace: 'region',
    fix: 'take the lock around the call, and put in objects of the struct and member that __contains() names',
    example: {
      before: `#define __contains(type, node) __attribute__((btf_decl_tag("contains:" #type ":" #node)))

struct bpf_list_head {
	__u64 opaque[2];
};

struct bpf_list_node {
	__u64 opaque[3];
};

struct item {
	__u64 value;
	struct bpf_list_node node;
};

SEC(".bss.list") __attribute__((aligned(8))) struct bpf_spin_lock lock;
SEC(".bss.list") __attribute__((aligned(8))) struct bpf_list_head list __contains(item, node);

extern void *bpf_obj_new_impl(__u64 type, void *meta) __ksym;
extern int bpf_list_push_front_impl(struct bpf_list_head *head, struct bpf_list_node *node, void *meta, __u64 off) __ksym;

SEC("tc")
int put(struct __sk_buff *skb)
{
	struct item *item = bpf_obj_new_impl(__builtin_btf_type_id(*item, 0), 0);

	if (!item)
		return 0;
	bpf_list_push_front_impl(&list, &item->node, 0, 0);
	return 0;
}`,
      after: `#define __contains(type, node) __attribute__((btf_decl_tag("contains:" #type ":" #node)))

struct bpf_list_head {
	__u64 opaque[2];
};

struct bpf_list_node {
	__u64 opaque[3];
};

struct item {
	__u64 value;
	struct bpf_list_node node;
};

SEC(".bss.list") __attribute__((aligned(8))) struct bpf_spin_lock lock;
SEC(".bss.list") __attribute__((aligned(8))) struct bpf_list_head list __contains(item, node);

extern void *bpf_obj_new_impl(__u64 type, void *meta) __ksym;
extern int bpf_list_push_front_impl(struct bpf_list_head *head, struct bpf_list_node *node, void *meta, __u64 off) __ksym;

SEC("tc")
int put(struct __sk_buff *skb)
{
	struct item *item = bpf_obj_new_impl(__builtin_btf_type_id(*item, 0), 0);

	if (!item)
		return 0;
	bpf_spin_lock(&lock);
	bpf_list_push_front_impl(&list, &item->node, 0, 0);
	bpf_spin_unlock(&lock);
	return 0;
}`,
    },
  },
  {
    code: 'SKEP-V075',
    title: 'bpf_obj_new() or its kin with a type that it cannot make',
    says: [
      'bpf_obj_new/bpf_percpu_obj_new requires prog BTF',
      'bpf_obj_new/bpf_percpu_obj_new type ID argument must be of a struct',
      'bpf_percpu_obj_new type size ({size}) is greater than {n}',
      'bpf_percpu_obj_new type ID argument must be of a struct of scalars',
      'bpf_percpu_obj_new type ID argument must not contain special fields',
      'max struct nesting depth exceeded',
    ],
    what: 'only structs of the program’s own BTF can be allocated (for each CPU, small ones without pointers)',
    why: 'The kernel makes the object by its type, so it has to know it whole.',
    fix: 'define the struct in the program, compile with -g, and name it: bpf_obj_new(struct node)',
    example: {
      before: `extern void *bpf_obj_new_impl(__u64 type, void *meta) __ksym;
extern void bpf_obj_drop_impl(void *object, void *meta) __ksym;

SEC("tc")
int make(struct __sk_buff *skb)
{
	__u64 *number = bpf_obj_new_impl(__builtin_btf_type_id(*number, 0), 0);

	if (number)
		bpf_obj_drop_impl(number, 0);
	return 0;
}`,
      after: `struct box {
	__u64 number;
};

extern void *bpf_obj_new_impl(__u64 type, void *meta) __ksym;
extern void bpf_obj_drop_impl(void *object, void *meta) __ksym;

SEC("tc")
int make(struct __sk_buff *skb)
{
	struct box *box = bpf_obj_new_impl(__builtin_btf_type_id(*box, 0), 0);

	if (box)
		bpf_obj_drop_impl(box, 0);
	return 0;
}`,
    },
  },
  {
    code: 'SKEP-V076',
    title: 'bpf_throw() or an exception callback, used wrongly',
    says: [
      'bpf_throw kfunc (insn {insn}) cannot be called from callback subprog {n}',
      'insn {insn} cannot call exception cb directly',
      'multiple exception callback tags for main subprog',
      "exception callback '{name}' could not be found in BTF",
      "exception callback '{name}' must have global linkage",
      'exception callback cannot be main',
      'exception callback type id not found in func_info',
      'invalid exception callback insn_off in func_info: 0',
      '{name} programs cannot attach to exception callback',
    ],
    what: 'an exception is thrown where it cannot be caught, or its callback is not one',
    why: 'An exception leaves all functions of the program at once; callbacks of helpers and timers are called by the kernel, which it cannot leave.',
    fix: 'throw in the program and its functions only, and name one global function that takes a u64 as callback: __exception_cb(name)',
    example: {
      before: `extern void bpf_throw(__u64 cookie) __ksym;

static int each(__u32 index, void *ctx)
{
	if (index > 5)
		bpf_throw(index);
	return 0;
}

SEC("tc")
int loop(struct __sk_buff *skb)
{
	bpf_loop(10, each, 0, 0);
	return 0;
}`,
      after: `extern void bpf_throw(__u64 cookie) __ksym;

static int each(__u32 index, void *ctx)
{
	return index > 5;
}

SEC("tc")
int loop(struct __sk_buff *skb)
{
	if (bpf_loop(10, each, 0, 0) < 10)
		bpf_throw(1);
	return 0;
}`,
    },
  },
  {
    code: 'SKEP-V077',
    title: 'a callback where none can be',
    says: [
      'callback function not allowed for map',
      'cannot use BPF_LD_[ABS|IND] within callback',
      'cannot tail call within callback',
      'callback function not static',
      'callbacks are not allowed in non-JITed programs',
      'frame{n} bpf_loop iteration limit reached',
    ],
    what: 'the function that {callee} is given as callback does something that a callback cannot do',
    why: 'Callbacks run in the middle of a helper: they cannot leave by a tail call, nor use the old packet loads.',
    fix: 'do it after the helper has returned, by what the callback left in its context argument',
    example: {
      before: `__noinline int each(__u32 index, void *ctx)
{
	return index > 5;
}

SEC("tc")
int loop(struct __sk_buff *skb)
{
	bpf_loop(10, each, 0, 0);
	return 0;
}`,
      after: `static int each(__u32 index, void *ctx)
{
	return index > 5;
}

SEC("tc")
int loop(struct __sk_buff *skb)
{
	bpf_loop(10, each, 0, 0);
	return 0;
}`,
    },
  },
];
