import type { Violation } from '../violation.ts';

/** Where instructions lead, how long programs are, and what they return. */
export const flowViolations: readonly Violation[] = [
  {
    code: 'SKEP-V050',
    title: 'the program is too large to be followed',
    says: ['BPF program is too large. Processed {n} insn', 'liveness analysis exceeded complexity limit ({n} calls)'],
    what: 'the verifier followed {n} instructions over all paths, and gave up: one million is the limit',
    why: 'Each branch doubles the paths that are followed, and each round of a loop is followed again, unless the verifier sees that nothing new is known.',
    trace: 'repeats',
    fix: 'use bpf_loop() or an open-coded iterator (bpf_for) for loops, whose body is followed once or a few times; put parts into global functions (no static), which are verified by themselves; make loops shorter',
    example: {
      before: `SEC("tc")
int spin(struct __sk_buff *skb)
{
	__u32 i, sum = 0;

	for (i = 0; i < 600000; i++)
		asm volatile("%0 += %1" : "+r"(sum) : "r"(i));
	return sum;
}`,
      after: `static int add(__u32 i, __u32 *sum)
{
	*sum += i;
	return 0;
}

SEC("tc")
int spin(struct __sk_buff *skb)
{
	__u32 sum = 0;

	bpf_loop(600000, add, &sum, 0);
	return sum;
}`,
    },
  },
  {
    code: 'SKEP-V051',
    title: 'a loop that does not end',
    says: ['infinite loop detected at insn {insn}', 'old state:{text}', 'cur state:{text}'],
    what: 'the loop comes back to where it was with nothing changed that decides when it ends',
    why: 'Programs have to end. The verifier follows a loop round by round, and each round has to bring it nearer to its end in a way that can be seen.',
    trace: 'repeats',
    fix: 'count the rounds in a variable with a constant limit; or use bpf_loop(), bpf_for or can_loop',
    example: {
      before: `SEC("tc")
int wait(struct __sk_buff *skb)
{
	__u64 i = bpf_get_prandom_u32();

	asm volatile("1: if %0 == 7 goto 2f; goto 1b; 2:" : "+r"(i));
	return 0;
}`,
      after: `SEC("tc")
int wait(struct __sk_buff *skb)
{
	__u32 i;

	for (i = 0; i < 100; i++)
		if (bpf_get_prandom_u32() == 7)
			return 1;
	return 0;
}`,
    },
  },
  {
    code: 'SKEP-V052',
    title: 'a jump back',
    says: ['back-edge from insn {insn} to {target}'],
    what: 'instruction {insn} jumps back to {target}: a loop, which this kernel (before 5.3), or this user, may not have',
    why: 'Loops are only followed for privileged users (CAP_BPF), by kernels since 5.3.',
    fix: 'load the program as root, or let the compiler unroll the loop: #pragma unroll',
  },
  {
    code: 'SKEP-V053',
    title: 'too many branches at once',
    says: ['The sequence of {n} jumps is too complex.', 'The sequence of {n} jumps is too complex for async cb.'],
    what: '{n} branches wait to be followed: more than the verifier keeps',
    why: 'Each conditional jump leaves one way to be followed later. 8192 of them can wait.',
    trace: 'repeats',
    fix: 'split the program: global functions (no static), tail calls; replace chains of comparisons by a look-up in a map or an array',
    example: {
      before: `SEC("tc")
int sum(struct __sk_buff *skb)
{
	__u64 sum = 0;

	for (int i = 0; i < 10000; i++) {
		if (bpf_get_prandom_u32() & 1)
			asm volatile("%[sum] += %[i]" : [sum] "+r"(sum) : [i] "r"(i));
	}
	return sum & 1;
}`,
      after: `SEC("tc")
int sum(struct __sk_buff *skb)
{
	__u64 sum = 0;

	for (int i = 0; i < 10000; i++)
		sum += bpf_get_prandom_u32() & 1;
	return sum & 1;
}`,
    },
  },
  {
    code: 'SKEP-V054',
    title: 'instructions that no path comes to',
    says: ['unreachable insn {insn}'],
    what: 'nothing leads to instruction {insn}',
    why: 'Code that cannot run is a sign of a mistake in hand-written assembly, or of a section that has several functions.',
    fix: 'remove the instructions, or jump to them; load functions of one section each by their own name',
    example: {
      before: `SEC("tc")
int dead(struct __sk_buff *skb)
{
	asm volatile("r0 = 0; exit; r0 = 1");
	return 0;
}`,
      after: `SEC("tc")
int dead(struct __sk_buff *skb)
{
	asm volatile("r0 = 0; if r0 == 1 goto +1; r0 = 1" ::: "r0");
	return 0;
}`,
    },
  },
  {
    code: 'SKEP-V055',
    title: 'a jump out of the function',
    says: [
      'jump out of range from insn {insn} to {target}',
      'jump into the middle of ldimm64 insn {insn}',
      'indirect jump out of range from insn {insn} to {target}',
      'last insn is not an exit or jmp',
      'call to invalid destination',
      'invalid insn idx {insn} insn_cnt {n}',
      'no jump tables found for subprog starting at {n}',
      'jump table for insn {insn} points outside of the subprog {text}',
      "register R{reg} doesn't point to any offset in map id={n}",
      'callback function cannot be the main program',
      'nobody to return to',
    ],
    what: 'the flow leaves the function other than by a call or exit, or lands within an instruction',
    why: 'Each function is a closed piece: it ends with exit or a jump back into itself.',
    fix: 'end each function with return; in assembly, jump only to labels of the same function, and load whole objects instead of cutting instructions out',
    example: {
      before: `SEC("tc")
int out(struct __sk_buff *skb)
{
	asm volatile("if r1 == 0 goto +100");
	return 0;
}`,
      after: `SEC("tc")
int out(struct __sk_buff *skb)
{
	asm volatile("if r1 == 0 goto +0");
	return 0;
}`,
    },
  },
  {
    code: 'SKEP-V056',
    title: 'functions call each other too deep',
    says: [
      'the call stack of {n} frames is too deep',
      'the call stack of {n} frames is too deep !',
      'recursive call from {text} to {text}',
      'too many subprograms',
    ],
    what: 'functions call each other {n} deep, or themselves; 8 is the limit',
    why: 'There is no recursion in eBPF, and at most 8 functions can be active at a time.',
    fix: 'turn the recursion into a loop with a limit, or let the compiler inline small functions (static __always_inline)',
    example: {
      before: `static __noinline int depth(__u32 n)
{
	if (n == 0)
		return 0;
	n = depth(n - 1);
	asm volatile("%0 += 1" : "+r"(n));
	return n;
}

SEC("tc")
int recurse(struct __sk_buff *skb)
{
	return depth(skb->mark);
}`,
      after: `SEC("tc")
int recurse(struct __sk_buff *skb)
{
	__u32 n = skb->mark & 63, depth = 0;

	while (n-- > 0)
		depth++;
	return depth;
}`,
    },
  },
  {
    code: 'SKEP-V057',
    title: 'a result that the hook cannot use',
    says: [
      'At program exit the register R{reg} has {text} should have been in {list}',
      'At async callback return the register R{reg} has {text} should have been in {list}',
      'At callback return the register R{reg} has {text} should have been in {list}',
      'At {text} the register R{reg} has {text} should have been in {list}',
      "Note, BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!",
      "BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!",
    ],
    what: 'the program returns {text}, and what calls it takes only {list}',
    why: 'A hook knows a few results: 0 and 1 for cgroups, an errno for LSM. The verifier wants to see that no other comes.',
    trace: 'result',
    fix: 'return one of the numbers that the hook knows, on every path',
    example: {
      before: `SEC("cgroup_skb/egress")
int allow(struct __sk_buff *skb)
{
	return skb->len;
}`,
      after: `SEC("cgroup_skb/egress")
int allow(struct __sk_buff *skb)
{
	return skb->len < 1000;
}`,
    },
  },
  {
    code: 'SKEP-V058',
    title: 'a pointer where a number has to be returned',
    says: [
      'At program exit the register R{reg} is not a known value ({type})',
      'At async callback return the register R{reg} is not a known value ({type})',
      'At {text} the register R{reg} is not a known value ({type})',
      'At subprogram exit the register R{reg} is not a scalar value ({type})',
      'At subprogram exit the register R0 is not a scalar value ({type})',
      'In async callback the register R{reg} is not a known value ({type})',
      'R{reg} not a scalar value',
    ],
    what: '{kind} is returned, where a number has to be',
    why: 'Whoever called the program or callback reads the result as a number.',
    trace: 'result',
    fix: 'return a number: whether the pointer is NULL (return value != NULL), or what it points to',
    example: {
      before: `SEC("cgroup_skb/egress")
int allow(struct __sk_buff *skb)
{
	return (long)skb;
}`,
      after: `SEC("cgroup_skb/egress")
int allow(struct __sk_buff *skb)
{
	return skb->len != 0;
}`,
    },
  },
  {
    code: 'SKEP-V059',
    title: 'a global function is given what it does not take',
    says: [
      "Caller passes invalid args into func#{n} ('{name}')",
      'R{reg} is not a scalar',
      'arg#{n} expects pointer to ctx',
      'arg#{n} expected pointer to ctx, but got {type}',
      'R{reg} is not a pointer to arena or scalar.',
      '{text} is a packet pointer, but func#{n} may change packet data',
      'callee expects {n} args, stack arg{m} is not initialized',
    ],
    what: 'an argument of a global function is not what its prototype says: {remark}',
    why: 'Functions that are not static are verified by themselves, from the types of their parameters alone; so each caller has to give just that.',
    trace: 'origin',
    fix: 'make the function static, so that it is verified with what each caller gives it; or give it what the prototype says, and compare pointers with NULL within',
    example: {
      before: `__noinline int twice(int *value)
{
	return value ? *value * 2 : 0;
}

SEC("tc")
int call(struct __sk_buff *skb)
{
	return twice((int *)(long)skb->mark);
}`,
      after: `__noinline int twice(int *value)
{
	return value ? *value * 2 : 0;
}

SEC("tc")
int call(struct __sk_buff *skb)
{
	int value = skb->mark;

	return twice(&value);
}`,
    },
  },
  {
    code: 'SKEP-V060',
    decisive: true,
    title: 'a global function with a prototype that cannot be verified',
    says: [
      'Arg#{n} type {type} in {name}() is not supported yet.',
      "Global function {name}() doesn't return scalar. Only those are supported.",
      'Global function {name}() return value not void or scalar. Only those are supported.',
      'Global function {name}() with {n} > {m} args. Buggy compiler.',
      'Global functions need valid BTF',
      'arg#{n} has pointer tag, but is not a pointer type',
      'arg#{n} has unsupported set of tags',
      'arg#{n} has invalid combination of tags',
      'arg#{n} untrusted cannot be combined with any other tags',
      'arg#{n} arena cannot be combined with any other tags',
      'arg#{n} reference type({text}) size cannot be determined: {m}',
      'arg#{n} reference type size cannot be determined: {m}',
      "arg#{n} type '{name}' is not in the kernel's types",
      'func#{n} has no types',
      'exception cb only supports single integer argument',
      'exception cb cannot return void',
    ],
    what: 'the types of a function that is not static say too little to verify it by itself',
    why: 'Parameters have to be numbers, the context, or pointers to types of a known size; the result has to be a number.',
    fix: 'make the function static, or give its parameters complete types (struct entry *, not void *)',
    example: {
      before: `__noinline void *first(struct __sk_buff *skb)
{
	return skb->len ? (void *)1 : (void *)0;
}

SEC("tc")
int call(struct __sk_buff *skb)
{
	return first(skb) != 0;
}`,
      after: `__noinline int first(struct __sk_buff *skb)
{
	return skb->len ? 1 : 0;
}

SEC("tc")
int call(struct __sk_buff *skb)
{
	return first(skb) != 0;
}`,
    },
  },
];
