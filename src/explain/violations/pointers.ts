import type { Violation } from '../violation.ts';

/** Arithmetic with pointers. */
export const pointerViolations: readonly Violation[] = [
  {
    code: 'SKEP-V018',
    title: 'something unbounded is added to a pointer',
    says: ['math between {place} pointer and register with unbounded min value is not allowed'],
    what: 'what is added to {kind} may be negative without limit',
    why: 'A number that is only compared as signed (or not at all) can be far below 0. The verifier does not add it, since the sum could wrap around.',
    trace: 'bounds',
    fix: 'make the variable unsigned, and compare it before it is added; compare the same variable that is added, not a copy of another width',
    example: {
      before: `SEC("tc")
int at(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct entry *entry = bpf_map_lookup_elem(&table, &key);
	__s64 index;

	if (!entry)
		return 0;
	index = entry->packets;
	if (index > 23)
		return 0;
	return entry->name[index];
}`,
      after: `SEC("tc")
int at(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct entry *entry = bpf_map_lookup_elem(&table, &key);
	__u64 index;

	if (!entry)
		return 0;
	index = entry->packets;
	if (index > 23)
		return 0;
	return entry->name[index];
}`,
    },
  },
  {
    code: 'SKEP-V019',
    title: 'too much is added to a pointer',
    says: [
      'math between {type} pointer and {n} is not allowed',
      '{type} pointer offset {n} is not allowed',
      'value {n} makes {type} pointer be out of bounds',
      'R{reg} pointer arithmetic of map value goes out of range, prohibited for !root',
    ],
    what: 'adding {n} would lead {kind} far out of what it points to',
    why: 'Offsets of more than 2^29 bytes are never right. Where a number below 0 is added, a signed variable was not compared with 0.',
    trace: 'bounds',
    fix: 'compare the index with 0 and with the number of elements before it is added, or make it unsigned',
    example: {
      before: `SEC("tc")
int at(struct __sk_buff *skb)
{
	__u32 key = 0;
	int index = (int)skb->priority;
	struct entry *entry = bpf_map_lookup_elem(&table, &key);

	if (!entry || index > 23)
		return 0;
	return entry->name[index];
}`,
      after: `SEC("tc")
int at(struct __sk_buff *skb)
{
	__u32 key = 0;
	int index = (int)skb->priority;
	struct entry *entry = bpf_map_lookup_elem(&table, &key);

	if (!entry || index < 0 || index > 23)
		return 0;
	return entry->name[index];
}`,
    },
  },
  {
    code: 'SKEP-V020',
    title: 'arithmetic with a pointer that may be NULL',
    says: ['R{reg} pointer arithmetic on {nullable} prohibited, null-check it first'],
    what: '{r} is {kind}, and is changed before it was compared with NULL',
    why: 'NULL and something is not NULL any more: the comparison would come too late.',
    trace: 'origin',
    fix: 'compare the pointer with NULL right after it was got, before anything is added to it (a member of a struct at an offset is such an addition)',
    example: {
      before: `SEC("tc")
int name(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct entry *entry = bpf_map_lookup_elem(&table, &key);
	char *name = entry->name;

	asm volatile("" : "+r"(name));
	if (!name)
		return 0;
	return name[0];
}`,
      after: `SEC("tc")
int name(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct entry *entry = bpf_map_lookup_elem(&table, &key);
	char *name;

	if (!entry)
		return 0;
	name = entry->name;
	return name[0];
}`,
    },
  },
  {
    code: 'SKEP-V021',
    title: 'a pointer of this kind cannot be moved',
    says: ['R{reg} pointer arithmetic on {type} prohibited', 'R{reg} pointer arithmetic prohibited'],
    what: '{r} is {kind}; nothing can be added to it',
    why: 'Only pointers into memory with bounds can be moved: values of maps, packets, the stack, records. A map, the end of the packet or a socket is used as it is.',
    trace: 'origin',
    fix: 'use the pointer as it was got; to compare with the end of the packet, add to data, not to data_end',
    example: {
      before: `SEC("tc")
int room(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data;
	void *data_end = (void *)(long)skb->data_end;

	asm volatile("%0 += -14" : "+r"(data_end));
	if (data > data_end)
		return 0;
	return 1;
}`,
      after: `SEC("tc")
int room(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data;
	void *data_end = (void *)(long)skb->data_end;

	if (data + 14 > data_end)
		return 0;
	return 1;
}`,
    },
  },
  {
    code: 'SKEP-V022',
    title: 'an operation that destroys a pointer',
    says: [
      'R{reg} pointer arithmetic with {op} operator prohibited',
      'R{reg} bitwise operator {op} on pointer prohibited',
      'R{reg} 32-bit pointer arithmetic prohibited',
      'R{reg} sign-extension part of pointer',
      'R{reg} partial copy of pointer',
    ],
    what: '{r} is {value}, and the operation makes a number of it that nobody can follow',
    why: 'Pointers can be moved by adding and subtracting, with all of their 64 bits. Masks, shifts, multiplications and 32-bit arithmetic leave no pointer.',
    trace: 'origin',
    fix: 'do the arithmetic with numbers (an offset), and add it to the pointer last; compute with 64 bits (__u64, long)',
    example: {
      before: `SEC("tc")
int align(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data;

	asm volatile("%0 &= -4" : "+r"(data));
	return (long)data & 1;
}`,
      after: `SEC("tc")
int align(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data;
	void *data_end = (void *)(long)skb->data_end;
	__u32 offset = skb->len & 12;

	if (data + offset + 1 > data_end)
		return 0;
	return *(__u8 *)(data + offset);
}`,
    },
  },
  {
    code: 'SKEP-V023',
    title: 'two pointers in one operation',
    says: [
      'R{reg} pointer {op} pointer prohibited',
      'R{reg} tried to subtract pointer from scalar',
      'R{reg} tried to {op} from different maps, paths or scalars, {text}',
    ],
    what: 'the operation on {r} would add pointers, or take a pointer from a number',
    why: 'The sum of two addresses is no address. The distance of two pointers may be had, by subtracting one from the other, where pointers may be seen at all.',
    trace: 'origin',
    fix: 'add a number to a pointer, or subtract two pointers',
    example: {
      before: `SEC("tc")
int sum(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data;
	void *again = (void *)(long)skb->data;

	asm volatile("%0 += %1" : "+r"(data) : "r"(again));
	return (long)data & 1;
}`,
      after: `SEC("tc")
int sum(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data;
	void *data_end = (void *)(long)skb->data_end;

	return (data_end - data) & 1;
}`,
    },
  },
  {
    code: 'SKEP-V024',
    title: 'something is subtracted from a pointer to the stack',
    says: ['R{reg} subtraction from stack pointer prohibited'],
    what: '{r} points to the stack, and is moved by a subtraction',
    why: 'The verifier only follows additions to the frame pointer (r2 = r10; r2 += -8).',
    trace: 'origin',
    fix: 'add the negative number instead; compilers do so by themselves',
    example: {
      before: `SEC("tc")
int below(struct __sk_buff *skb)
{
	asm volatile("r2 = r10; r2 -= 8" ::: "r2");
	return 0;
}`,
      after: `SEC("tc")
int below(struct __sk_buff *skb)
{
	asm volatile("r2 = r10; r2 += -8" ::: "r2");
	return 0;
}`,
    },
  },
  {
    code: 'SKEP-V025',
    title: 'one instruction for different kinds of pointers',
    says: [
      'same insn cannot be used with different pointers',
      'same insn cannot be used with and without arena pointer',
    ],
    what: 'on one path this instruction goes through one kind of pointer, on another through another',
    why: 'Accesses to the context, sockets and objects of the kernel are rewritten to fit the kernel; that cannot be done in two ways at once.',
    fix: 'access the memory within each branch, where it is known what the pointer is: compilers join branches, which asm volatile("" ::: "memory") in one of them prevents',
    example: {
      before: `SEC("tc")
int first(struct __sk_buff *skb)
{
	__u32 own = 7, value;

	asm volatile("r2 = %[skb]; r3 = %[own]; r4 = *(u32 *)(%[skb] + 0); if r4 > 100 goto +1; r2 = r3; %[value] = *(u32 *)(r2 + 0)"
		     : [value] "=r"(value)
		     : [skb] "r"(skb), [own] "r"(&own), "m"(own)
		     : "r2", "r3", "r4");
	return value & 1;
}`,
      after: `SEC("tc")
int first(struct __sk_buff *skb)
{
	__u32 own = 7, value;

	if (skb->len > 100) {
		value = skb->len;
		asm volatile("" : "+r"(value));
	} else {
		value = own;
		asm volatile("" : "+r"(value));
	}
	return value & 1;
}`,
    },
  },
  {
    code: 'SKEP-V026',
    title: 'division by zero, or a shift by too much',
    says: ['div by zero', 'invalid shift {n}'],
    what: 'the number in this instruction can never be right: a division by 0, or a shift by as many bits as there are',
    why: 'It would be a mistake of whoever wrote it. What a register holds is no matter: dividing by a register that is 0 gives 0.',
    fix: 'divide by another number; shift by at most 63 bits (31 for 32-bit values)',
    example: {
      before: `SEC("tc")
int quotient(struct __sk_buff *skb)
{
	__u64 length = skb->len;

	asm volatile("%0 /= 0" : "+r"(length));
	return length;
}`,
      after: `SEC("tc")
int quotient(struct __sk_buff *skb)
{
	__u64 length = skb->len;

	asm volatile("%0 /= 2" : "+r"(length));
	return length;
}`,
    },
  },
  {
    code: 'SKEP-V027',
    title: 'an atomic operation on memory that has none',
    says: [
      'BPF_ATOMIC stores into R{reg} {type} is not allowed',
      'BPF_ATOMIC loads from R{reg} {type} is not allowed',
      'BPF_XADD stores into R{reg} {type} is not allowed',
      'BPF_ATOMIC uses invalid atomic opcode {op}',
      'invalid atomic operand size',
    ],
    what: 'an atomic instruction is used through {value}, or has no meaning that the kernel knows',
    why: 'Atomic instructions work on values of maps, the stack, and records. Packets and contexts belong to one program at a time anyway.',
    trace: 'origin',
    fix: 'use a plain read and write for packets and the context; count in a value of a map',
    example: {
      before: `SEC("tc")
int mark(struct __sk_buff *skb)
{
	__sync_fetch_and_add(&skb->mark, 1);
	return 0;
}`,
      after: `SEC("tc")
int mark(struct __sk_buff *skb)
{
	skb->mark++;
	return 0;
}`,
    },
  },
];
