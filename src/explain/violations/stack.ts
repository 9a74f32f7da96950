import type { Violation } from '../violation.ts';

/** The stack, and registers that were never written. */
export const stackViolations: readonly Violation[] = [
  {
    code: 'SKEP-V009',
    title: 'a register that holds nothing is read',
    says: ['R{reg} !read_ok'],
    what: '{r} is read, and nothing was written to it on this path, or a call has taken what was in it',
    why: 'Registers are empty when a program starts, but for r1 (the context) and r10 (the stack); each call empties r1 to r5. In C it is a variable that is not set on every path, a function that ends without return, or an argument that is missing.',
    trace: 'unwritten',
    fix: 'give the variable a value where it is declared, return a value on every path, and give a helper all its arguments',
    example: {
      before: `static long (*pull_data)(struct __sk_buff *skb) = (void *)BPF_FUNC_skb_pull_data;

SEC("tc")
int pull(struct __sk_buff *skb)
{
	return pull_data(skb);
}`,
      after: `static long (*pull_data)(struct __sk_buff *skb, __u32 len) = (void *)BPF_FUNC_skb_pull_data;

SEC("tc")
int pull(struct __sk_buff *skb)
{
	return pull_data(skb, 64);
}`,
    },
  },
  {
    code: 'SKEP-V010',
    title: 'bytes on the stack that were never written are read',
    says: [
      'invalid read from stack R{reg} off {off}+{n} size {size}',
      'invalid read from stack off {off}+{n} size {size}',
      'invalid indirect read from stack R{reg} off {off}+{n} size {size}',
      'invalid indirect read from stack off {off}+{n} size {size}',
      'reading from stack off {off}+{n} size {size}, slot poisoned by dead code elimination',
      'invalid read from stack R{reg} var_off {text} size {size}',
      'invalid indirect read from stack R{reg} var_off {text} size {size}',
      'invalid read from stack var_off {text} size {size}',
    ],
    what: '{size} bytes from {off} of the frame pointer on are read, of which byte {n} (from 0) was not written',
    why: 'What was on the stack before belongs to others; what a dynptr or an iterator keeps there, to the kernel. Often it is the padding between the members of a struct that a helper is given: assigning to the members leaves it as it was.',
    trace: 'stack',
    fix: 'clear the whole variable where it is declared (struct key key = {};), or with __builtin_memset() if it has padding, before its members are set',
    example: {
      before: `struct flow {
	__u8 protocol;
	__u32 address;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, struct flow);
	__type(value, __u64);
} flows SEC(".maps");

SEC("tc")
int count(struct __sk_buff *skb)
{
	struct flow flow;
	__u64 *packets;

	flow.protocol = 6;
	flow.address = skb->mark;
	packets = bpf_map_lookup_elem(&flows, &flow);
	if (packets)
		*packets += 1;
	return 0;
}`,
      after: `struct flow {
	__u8 protocol;
	__u32 address;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, struct flow);
	__type(value, __u64);
} flows SEC(".maps");

SEC("tc")
int count(struct __sk_buff *skb)
{
	struct flow flow;
	__u64 *packets;

	__builtin_memset(&flow, 0, sizeof(flow));
	flow.protocol = 6;
	flow.address = skb->mark;
	packets = bpf_map_lookup_elem(&flows, &flow);
	if (packets)
		*packets += 1;
	return 0;
}`,
      needs: 'a kernel before 6.3, or a user without CAP_PERFMON: others may read what they did not write',
    },
  },
  {
    code: 'SKEP-V011',
    title: 'an access outside of the stack frame',
    says: [
      'invalid write to stack R{reg} off={off} size={size}',
      'invalid read from stack R{reg} off={off} size={size}',
      'invalid stack R{reg} off={off} size={size}',
      'invalid indirect access to stack R{reg} off={off} size={size}',
      'invalid indirect read from stack R{reg} off={off} size={size}',
      'invalid indirect write to stack R{reg} off={off} size={size}',
      'invalid stack off={off} size={size}',
      'invalid stack type R{reg} off={off} access_size={size}',
      'R{reg} stack pointer arithmetic goes out of range, prohibited for !root; off={off}',
    ],
    what: '{size} bytes at {off} of the frame pointer: a frame reaches from -512 to -1',
    why: 'A function has 512 bytes of stack, below r10. A size that is larger than the variable reaches over its end, an array that is too large does not fit.',
    trace: 'origin',
    fix: 'give the size of the variable (sizeof(buffer)); put what is larger than some hundred bytes into a map of type percpu_array with one entry',
    example: {
      before: `SEC("tc")
int copy(struct __sk_buff *skb)
{
	char buffer[16];

	bpf_skb_load_bytes(skb, 0, buffer, 20);
	return buffer[0];
}`,
      after: `SEC("tc")
int copy(struct __sk_buff *skb)
{
	char buffer[16];

	bpf_skb_load_bytes(skb, 0, buffer, sizeof(buffer));
	return buffer[0];
}`,
    },
  },
  {
    code: 'SKEP-V012',
    title: 'the stack at an offset that is not known',
    says: [
      'invalid unbounded variable-offset stack R{reg}',
      'invalid unbounded variable-offset write to stack R{reg}',
      'invalid unbounded variable-offset read from stack R{reg}',
      'invalid unbounded variable-offset indirect access to stack R{reg}',
      'invalid variable-offset stack R{reg} var_off={text} off={off} size={size}',
      'invalid variable-offset write to stack R{reg} var_off={text} off={off} size={size}',
      'invalid variable-offset read from stack R{reg} var_off={text} off={off} size={size}',
      'invalid variable-offset indirect access to stack R{reg} var_off={text} off={off} size={size}',
      'variable offset stack pointer cannot be passed into helper function; var_off={text} off={off} size={size}',
      'R{reg} variable stack access prohibited for !root, var_off={text} off={off}',
      'math between fp pointer and register with unbounded min value is not allowed',
    ],
    what: 'an array on the stack is used at an index that may lead out of the frame',
    why: 'The offset has to stay within the array for every value that the index can have.',
    trace: 'bounds',
    fix: 'compare the index with the length of the array (as unsigned) right before it is used',
    example: {
      before: `SEC("tc")
int mark(struct __sk_buff *skb)
{
	volatile char seen[8] = {};

	seen[skb->mark] = 1;
	return seen[0];
}`,
      after: `SEC("tc")
int mark(struct __sk_buff *skb)
{
	volatile char seen[8] = {};
	__u32 mark = skb->mark;

	if (mark < sizeof(seen))
		seen[mark] = 1;
	return seen[0];
}`,
    },
  },
  {
    code: 'SKEP-V013',
    title: 'a part of a pointer is kept on the stack, or taken from it',
    says: [
      'invalid size of register spill',
      'invalid size of register fill',
      'attempt to corrupt spilled pointer on stack',
      'leaking pointer from stack off {off}',
      'spilled ptr in range of var-offset stack write; insn {insn}, ptr off: {off}',
      'uninit stack in range of var-offset write prohibited for !root; insn {insn}, off: {off}',
    ],
    what: 'a pointer on the stack is written or read by a part: it would be one no more',
    why: 'The verifier follows a pointer through the stack only if all of its 8 bytes go there, and come from there, at once.',
    fix: 'keep pointers in variables of pointer types; a union or memcpy() of a part makes a number of them',
    example: {
      before: `SEC("tc")
int half(struct __sk_buff *skb)
{
	void *volatile kept = skb;

	return *(volatile __u32 *)&kept;
}`,
      after: `SEC("tc")
int half(struct __sk_buff *skb)
{
	void *volatile kept = skb;
	struct __sk_buff *again = kept;

	return again->len;
}`,
    },
  },
  {
    code: 'SKEP-V014',
    title: 'the address of a variable outlives its function',
    says: [
      'cannot spill pointers to stack into stack frame of the caller',
      'cannot return stack pointer to the caller',
    ],
    what: "a pointer to this function's variables is given to its caller, where they are no more",
    why: 'The stack frame of a function is free again once the function has returned.',
    trace: 'result',
    fix: 'let the caller declare the variable and give the function its address',
    example: {
      before: `static __noinline char *name(struct __sk_buff *skb)
{
	char text[8];

	bpf_skb_load_bytes(skb, 0, text, sizeof(text));
	asm volatile("" ::: "memory");
	return text + (skb->len & 1);
}

SEC("tc")
int first(struct __sk_buff *skb)
{
	return *(volatile char *)name(skb);
}`,
      after: `static __noinline int name(struct __sk_buff *skb, char *text, __u32 size)
{
	return bpf_skb_load_bytes(skb, 0, text, 8);
}

SEC("tc")
int first(struct __sk_buff *skb)
{
	char text[8] = {};

	name(skb, text, sizeof(text));
	return text[0];
}`,
    },
  },
  {
    code: 'SKEP-V015',
    title: 'the functions need more stack than there is',
    says: [
      'combined stack size of {n} calls is {size}. Too large',
      'stack size of subprog {n} is {size}. Too large',
      'tail_calls are not allowed when call stack of previous frames is {size} bytes. Too large',
      'stack depth {size} exceeds interpreter stack depth limit',
    ],
    what: 'functions that call each other use {size} bytes of stack together; 512 is the limit (256 before a tail call)',
    why: 'All functions of a program share one stack of 512 bytes; each takes at least 32 with an interpreter, 16 with a JIT.',
    fix: 'move large variables into a map of type percpu_array with one entry, or let the compiler inline the function (static __always_inline)',
    example: {
      before: `static __noinline int inner(struct __sk_buff *skb)
{
	char text[300];

	bpf_skb_load_bytes(skb, 0, text, sizeof(text));
	return text[0];
}

SEC("tc")
int outer(struct __sk_buff *skb)
{
	char text[300];

	bpf_skb_load_bytes(skb, 0, text, sizeof(text));
	return text[0] + inner(skb);
}`,
      after: `static __noinline int inner(struct __sk_buff *skb)
{
	char text[100];

	bpf_skb_load_bytes(skb, 0, text, sizeof(text));
	return text[0];
}

SEC("tc")
int outer(struct __sk_buff *skb)
{
	char text[300];

	bpf_skb_load_bytes(skb, 0, text, sizeof(text));
	return text[0] + inner(skb);
}`,
    },
  },
  {
    code: 'SKEP-V016',
    title: 'an access that is not aligned',
    says: ['misaligned {type} access off {text} size {size}', 'misaligned access off {text} size {size}'],
    what: 'the {size} bytes do not lie at a multiple of {size}',
    why: 'The stack, the context and some values may only be used at offsets that are multiples of the size; packets and values of maps need that only on machines that cannot do otherwise, or with BPF_F_STRICT_ALIGNMENT.',
    trace: 'origin',
    fix: 'read the bytes one by one or by __builtin_memcpy(), or align the member (no __attribute__((packed)) around it)',
    example: {
      before: `SEC("tc")
int odd(struct __sk_buff *skb)
{
	char buffer[16] = {};

	bpf_skb_load_bytes(skb, 0, buffer, sizeof(buffer));
	return *(__u32 *)(buffer + 1);
}`,
      after: `SEC("tc")
int odd(struct __sk_buff *skb)
{
	char buffer[16] = {};
	__u32 word;

	bpf_skb_load_bytes(skb, 0, buffer, sizeof(buffer));
	__builtin_memcpy(&word, buffer + 4, sizeof(word));
	return word;
}`,
    },
  },
  {
    code: 'SKEP-V017',
    title: 'the frame pointer is written',
    says: ['frame pointer is read only'],
    what: 'r10 is changed, which only ever points to the end of the stack frame',
    why: 'Compilers do not write to r10; hand-written assembly must not either.',
    fix: 'copy r10 into another register, and change that',
    example: {
      before: `SEC("tc")
int frame(struct __sk_buff *skb)
{
	asm volatile("r10 += -8");
	return 0;
}`,
      after: `SEC("tc")
int frame(struct __sk_buff *skb)
{
	asm volatile("r2 = r10; r2 += -8" ::: "r2");
	return 0;
}`,
    },
  },
];
