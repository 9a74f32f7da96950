import type { Violation } from '../violation.ts';

/** Programs as a whole: what they are attached to, their types, their instructions. */
export const programViolations: readonly Violation[] = [
  {
    code: 'SKEP-V078',
    title: 'a map that programs of this type cannot use',
    says: [
      'tracing progs cannot use {text} yet',
      'socket filter progs cannot use {text} yet',
      'bpf_struct_ops map cannot be used in prog',
      'Sleepable programs can only use array, hash, ringbuf and local storage maps',
      'Sleepable programs can only use array, hash, and ringbuf maps',
      'Sleepable programs can only use array and hash maps',
      'perf_event programs can only use preallocated hash map',
      'only one cgroup storage of each type is allowed',
      'offload device mismatch between prog and map',
      'The total number of maps per program has reached the limit of {n}',
      "program's hash doesn't match map's excl_prog_hash",
    ],
    what: 'the program uses a map, or a field of its values, that is not for its type: {words}',
    why: 'Programs of some types run anywhere in the kernel, also where locks, timers or memory allocation would deadlock.',
    fix: 'use a map without the lock, timer or list; or do this part in a program of another type (tc, XDP)',
    example: {
      before: `struct guarded {
	struct bpf_spin_lock lock;
	__u64 packets;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct guarded);
} guarded SEC(".maps");

SEC("socket")
int count(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct guarded *value = bpf_map_lookup_elem(&guarded, &key);

	if (value)
		value->packets++;
	return 0;
}`,
      after: `struct guarded {
	struct bpf_spin_lock lock;
	__u64 packets;
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

	if (value)
		value->packets++;
	return 0;
}`,
    },
  },
  {
    code: 'SKEP-V079',
    title: 'a program that is made for nothing, or for what it cannot be made for',
    says: [
      'Tracing programs must provide btf_id',
      'Tracing program can only be attached to another program annotated with BTF',
      "attach_btf_id {n} doesn't have a name",
      'attach_btf_id {n} is not a function',
      'attach_btf_id {n} is not a typedef',
      'attach_btf_id {n} is not a supported struct',
      'attach_btf_id {n} points to wrong type name {name}',
      'attach to invalid member {text}',
      'attach to unsupported member {name} of struct {type}',
      "Attaching tracing programs to function '{name}' is rejected.",
      "Attaching fexit/fsession/fmod_ret to __noreturn function '{name}' is rejected.",
      'Attaching fexit/fmod_ret to __noreturn functions is rejected.',
      'Attach to function {name} with a >8 byte return value is not supported for this attach type',
      'The address of function {name} cannot be found',
      "can't modify return codes of BPF programs",
      '{name}() is not modifiable',
      '{name} is not sleepable',
      'Cannot replace static functions',
      'Cannot replace kernel functions',
      'Extension programs should be JITed',
      'Extension program changes packet data, while original does not',
      'Extension program may sleep, while original does not',
      'Can attach to only JITed progs',
      'Cannot nest tracing program attach more than once',
      'Cannot recursively attach',
      'Cannot extend fentry/fexit',
      'Cannot extend fentry/fexit/fsession',
      'Only FENTRY/FEXIT/FSESSION progs are attachable to another BPF prog',
      'Target program bound device mismatch',
      "Subprog {name} doesn't exist",
      'struct_ops module {name} is not found',
      'Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs can be sleepable',
      'Program of this type cannot be sleepable',
      'Syscall programs can only be sleepable',
      'Sleepable program cannot attach to non-faultable tracepoint {name}',
      'attach_btf_id {n} points to disabled hook {name}',
      'LSM programs must have a GPL compatible license',
      'JIT does not support fsession',
      'Cannot attach to a target with arena context arguments',
      "JIT doesn't support bpf-to-bpf calls",
      'program requires BPF JIT compiler but it is not available',
    ],
    what: 'the function, hook or program that this program is made for is not one that it could be attached to: {words}',
    why: 'Programs of types tracing, lsm, ext and struct_ops are verified against what they are attached to.',
    fix: 'name an existing function that can be traced (skep and bpftool: btf dump lists the functions of a kernel), or use a kprobe',
  },
  {
    code: 'SKEP-V080',
    title: 'what the program asks of the kernel is not there',
    says: [
      'the program reaches what this kernel cannot give it ({text})',
      "kfunc '{name}' is referenced but wasn't resolved",
      'failed to resolve CO-RE relocation {text}',
      '{insn}: <invalid CO-RE relocation{text}',
      'kernel is missing BTF, make sure CONFIG_DEBUG_INFO_BTF=y is specified in Kconfig.',
      'ldimm64 insn specifies invalid btf_id {n}.',
      "pseudo btf_id {n} in ldimm64 isn't KIND_VAR or KIND_FUNC",
      "ldimm64 failed to find the address for kernel symbol '{name}'.",
      "ldimm64 unable to resolve the size of type '{name}': {n}",
      "ldimm64 unable to resolve the size of type '{name}'",
      "unable to resolve the size of type '{name}'",
      'the kernel has no type {name} for func {helper}',
      'unexpected __bpf_trap() due to uninitialized variable?',
      'invalid module BTF object FD specified.',
      'invalid module BTF fd specified',
    ],
    what: 'a type, member, variable or function that the program uses is not in this kernel: {words}',
    why: 'CO-RE relocations and __ksym externs are looked up in the kernel that loads the program. What is not found is left to fail where the program would come to it.',
    fix: 'ask before: bpf_core_field_exists(), bpf_core_type_exists(), bpf_ksym_exists(), and declare the extern __weak; the branch that is not taken is not looked at',
    example: {
      before: `struct task_struct {
	int no_member_of_this_name;
} __attribute__((preserve_access_index));

SEC("raw_tp/sched_switch")
int member(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (void *)ctx->args[1];
	int value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), &task->no_member_of_this_name);
	return value;
}`,
      after: `#include <bpf/bpf_core_read.h>

struct task_struct {
	int no_member_of_this_name;
} __attribute__((preserve_access_index));

SEC("raw_tp/sched_switch")
int member(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (void *)ctx->args[1];
	int value = 0;

	if (bpf_core_field_exists(task->no_member_of_this_name))
		bpf_probe_read_kernel(&value, sizeof(value), &task->no_member_of_this_name);
	return value;
}`,
    },
  },
  {
    code: 'SKEP-V081',
    title: 'types that do not fit the instructions',
    says: [
      "number of funcs in func_info doesn't match number of subprogs",
      "func_info BTF section doesn't match subprog layout in BPF program",
      'invalid type id {n} in func info',
      'invalid func info rec size {size}',
      'nonzero tailing record in func info',
      'nonzero tailing record in line_info',
      'nonzero insn_off {n} for the first func info record',
      'same or smaller insn offset ({n}) than previous func info record ({m})',
      'Invalid line_info[{n}].{text}',
      'Invalid insn code at line_info[{n}].insn_off',
      'missing bpf_line_info for func#{n}',
      'missing bpf_line_info for {n} funcs starting from func#{m}',
      'missing btf func_info',
      "a program has types of its own, not the kernel's",
      "Couldn't validate function of type {name}",
      'invalid btf id for main subprog in func_info',
      '{name} is not allowed in subprogs without BTF',
      "{name} is only allowed in functions that return 'int'.",
      'LD_ABS is not allowed in subprogs without BTF',
      'tail_call is not allowed in subprogs without BTF',
      'Invalid core_relo[{n}].insn_off:{m} prog->len:{size}',
      'nonzero tailing record in core_relo',
      'relo #{n}: bad type id {m}',
      'target candidate search failed for {n}',
      "prog '{name}': relo #{n}: {text}",
    ],
    what: 'the BTF of the program does not say what the kernel needs: {words}',
    why: 'func_info and line_info name the functions and lines of the instructions; some features need them to be there.',
    fix: 'compile with -g and a recent clang, and let a loader that knows .BTF.ext load the object; functions that call bpf_tail_call() have to return int',
    example: {
      before: `struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} programs SEC(".maps");

static __noinline void next(struct __sk_buff *skb)
{
	bpf_tail_call(skb, &programs, 0);
}

SEC("tc")
int enter(struct __sk_buff *skb)
{
	next(skb);
	return 0;
}`,
      after: `struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} programs SEC(".maps");

static __noinline int next(struct __sk_buff *skb)
{
	bpf_tail_call(skb, &programs, 0);
	return 0;
}

SEC("tc")
int enter(struct __sk_buff *skb)
{
	return next(skb);
}`,
    },
  },
  {
    code: 'SKEP-V082',
    title: 'an instruction that is none',
    says: [
      'unknown opcode {op}',
      'BPF_{op} uses reserved fields',
      'invalid bpf_ld_imm64 insn',
      'unrecognized bpf_ld_imm64 insn',
      'invalid BPF_ALU opcode {op}',
      'R{reg} is invalid',
      'invalid BPF_JMP/JMP32 opcode {op}',
      'addr_space_cast insn can only convert between address space 1 and 0',
      'bpf verifier is misconfigured',
    ],
    what: 'the bytes are no instruction that this kernel knows: {words}',
    why: 'Fields that an instruction does not use have to be 0. Newer compilers use instructions that older kernels do not have: -mcpu=v4 needs Linux 6.6.',
    fix: 'compile for the kernel: -mcpu=v3 from Linux 5.12 on, -mcpu=v2 from 4.14 on, -mcpu=v1 before',
    example: {
      before: `SEC("tc")
int none(struct __sk_buff *skb)
{
	void *data = skb;

	asm volatile("%[data] = addr_space_cast(%[data], 0x2, 0x3)" : [data] "+r"(data));
	return data != 0;
}`,
      after: `SEC("tc")
int none(struct __sk_buff *skb)
{
	void *data = skb;

	asm volatile("" : [data] "+r"(data));
	return data != 0;
}`,
    },
  },
  {
    code: 'SKEP-V083',
    title: 'classic packet loads that are not possible here',
    says: [
      'BPF_LD_[ABS|IND] instructions not allowed for this program type',
      'at the time of BPF_LD_ABS|IND R6 != pointer to skb',
    ],
    what: 'BPF_LD_ABS or BPF_LD_IND (load_byte(), load_half(), load_word()) is used by a program that cannot, or without the context in r6',
    why: 'They come from classic BPF, work for socket filters and tc only, and take the context from r6.',
    fix: 'use bpf_skb_load_bytes(), or read the packet directly between data and data_end',
    example: {
      before: `unsigned long long load_byte(void *skb, unsigned long long off) asm("llvm.bpf.load.byte");

SEC("xdp")
int first(struct xdp_md *ctx)
{
	return load_byte(ctx, 0);
}`,
      after: `SEC("xdp")
int first(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;

	if ((void *)(data + 1) > data_end)
		return XDP_PASS;
	return data[0] ? XDP_PASS : XDP_DROP;
}`,
    },
  },
  {
    code: 'SKEP-V084',
    title: 'a map, or a place in it, that is not there',
    says: [
      'fd {n} is not pointing to valid bpf_map',
      'fd {n} is not pointing to valid bpf_map or btf',
      'direct value offset of {off} is not allowed',
      'invalid access to map value pointer, value_size={total} off={off}',
      'fd_idx {n} out of bounds, fd_array_cnt {m}',
      'fd_idx without fd_array is invalid',
      'fd_array_cnt {n} without fd_array is invalid',
      'fd_array has too many entries ({n}, max {m})',
      'Invalid read of {size} bytes from insn_array',
    ],
    what: 'an instruction names a map by a file descriptor that is none, or a byte outside of its value',
    why: 'Loaders put the descriptors of the maps that they make into the instructions; global variables are bytes of a map’s only value.',
    fix: 'let a loader load the object; if you load instructions yourself, put the fd of a map that is open into imm, and an offset within the value',
    example: {
      before: `SEC("tc")
int number(struct __sk_buff *skb)
{
	void *map;

	/* r1 = map 99999, the descriptor of none */
	asm volatile(".quad 0x1869f00001118, 0; %[map] = r1" : [map] "=r"(map) :: "r1");
	return map != 0;
}`,
      after: `SEC("tc")
int number(struct __sk_buff *skb)
{
	void *map = &table;

	asm volatile("" : "+r"(map));
	return map != 0;
}`,
    },
  },
  {
    code: 'SKEP-V085',
    title: 'tail calls and functions of the program together',
    says: [
      'mixing of tail_calls and bpf-to-bpf calls is not supported',
      'tail_calls are not allowed in non-JITed programs with bpf-to-bpf calls',
      'tail_calls are not allowed in programs with stack args',
      'program with __ref argument cannot tail call',
      'tracking tail call prog failed',
    ],
    what: 'the program makes tail calls and calls functions of its own, which this kernel cannot do at once',
    why: 'Only JITs of some machines, since Linux 5.10, can leave several functions by a tail call.',
    fix: 'let the compiler inline the functions (static __always_inline), or turn the JIT on: sysctl net.core.bpf_jit_enable=1',
  },
  {
    code: 'SKEP-V086',
    title: 'the arena is not used as it has to be',
    says: [
      'addr_space_cast insn can only be used in a program that has an associated arena',
      "arena's user address must be set via map_extra or mmap()",
      'JIT does not support arena arguments',
      'arena argument of {name} requires a program with an associated arena',
      'sign extending loads from arena are not supported yet',
      'CAP_BPF and CAP_PERFMON are required to use arena',
      'Only one arena per program',
    ],
    what: 'pointers to an arena need a program that uses an arena, of which one is possible',
    why: 'Accesses to an arena are rewritten to where it is mapped.',
    fix: 'use the arena map in the program (arena_ptr = &arena), mapped or with map_extra set',
  },
  {
    code: 'SKEP-V087',
    title: 'something that takes more privileges',
    says: [
      'R{reg} leaks addr into {text}',
      'R{reg} leaks addr as return value',
      'R{reg} pointer comparison prohibited',
      'R{reg} has pointer with unsupported alu operation, {text}',
      'R{reg} has unknown scalar with mixed signed bounds, {text}',
      'R{reg} tried to {op} beyond pointer bounds, {text}',
      'R{reg} could not be pushed for speculative verification, {text}',
      "'struct {name}' access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN",
      '{helper} is allowed only to CAP_PERFMON and CAP_SYS_ADMIN',
      '{name} access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN',
      'loading/calling other bpf or kernel functions are allowed for CAP_BPF and CAP_SYS_ADMIN',
      'function calls to other bpf functions are allowed for root only',
      'tail_call abusing map_ptr',
    ],
    what: 'the user who loads the program may not do this: {words}',
    why: 'Without CAP_PERFMON programs must not see addresses of the kernel, nor do arithmetic that a CPU may run ahead of its checks (speculation).',
    trace: 'origin',
    fix: 'load the program with CAP_BPF and CAP_PERFMON (as root), or keep pointers out of maps, results and comparisons, and indexes within bounds by a mask',
  },
  {
    code: 'SKEP-V088',
    title: 'the verifier itself went wrong',
    says: [
      'verifier bug: {text}',
      'verifier internal error: {text}',
      'REG INVARIANTS VIOLATION{text}',
      'REG INVARIANTS VIOLATION',
      'BUG backtracking {text}',
      'BUG {text}',
      'backtracking misuse',
      'backtracing misuse',
      'unexpected iterator state',
      'bug: bad parent state for iter next call',
      'there is no frame {n}',
      'there is no func#{n}',
      'there are no types',
      'unsupported arg type {type}',
      'no tree',
      'ref_set_non_owning w/o active lock',
      'unknown return type of func {helper}',
      'unknown return type {n} of func {helper}#{m}',
      'invalid return type {n} of func {helper}#{m}',
      'kptr without a type',
      'kptr_xchg without kptr',
      'no type',
      'R{reg} has no map',
      'R{reg} expected pointer to func',
    ],
    what: 'the kernel ran into something that it holds for impossible: {words}',
    why: 'This is a bug of the kernel (or of skep, if the embedded kernel says so), not of the program.',
    fix: 'report it with the program; on Linux, a newer kernel may have it mended',
  },
];
