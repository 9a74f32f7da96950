import type { Violation } from '../violation.ts';

/** Reading and writing through pointers that are none, or not far enough checked. */
export const memoryViolations: readonly Violation[] = [
  {
    code: 'SKEP-V001',
    title: 'a pointer that may be NULL is used',
    says: ["R{reg} invalid mem access '{nullable}'"],
    what: '{r} is {value}; it is used here as if it were never NULL',
    why: 'What a lookup, a reservation or an acquisition returns is NULL where there is nothing to be had. The verifier follows both cases, and wants the program to look before it reads or writes.',
    trace: 'origin',
    fix: 'compare the pointer with NULL right after it was got, and use it only where it is not NULL',
    example: {
      before: `SEC("tc")
int count(struct __sk_buff *skb)
{
	__u32 key = skb->mark;
	struct entry *entry = bpf_map_lookup_elem(&table, &key);

	entry->packets++;
	return 0;
}`,
      after: `SEC("tc")
int count(struct __sk_buff *skb)
{
	__u32 key = skb->mark;
	struct entry *entry = bpf_map_lookup_elem(&table, &key);

	if (!entry)
		return 0;
	entry->packets++;
	return 0;
}`,
    },
  },
  {
    code: 'SKEP-V002',
    title: 'a number is used as a pointer',
    says: ["R{reg} invalid mem access '{number}'"],
    what: '{r} is {value}, not a pointer that the verifier knows',
    why: 'A program may only follow pointers whose origin the verifier has seen. What is read from memory of the kernel or of a process is a number to it; so is a pointer to the packet after a call that may move the packet, and one that was compared with NULL, where it is NULL.',
    trace: 'origin',
    fix: 'read memory of the kernel with bpf_probe_read_kernel() or, in programs that have its types, BPF_CORE_READ(); of a process with bpf_probe_read_user(); take pointers to the packet anew after calls that change it',
    example: {
      before: `SEC("tc")
int first_byte(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data;
	void *data_end = (void *)(long)skb->data_end;

	if (data + 1 > data_end)
		return 0;
	bpf_skb_pull_data(skb, 64);
	return *(__u8 *)data;
}`,
      after: `SEC("tc")
int first_byte(struct __sk_buff *skb)
{
	void *data, *data_end;

	bpf_skb_pull_data(skb, 64);
	data = (void *)(long)skb->data;
	data_end = (void *)(long)skb->data_end;
	if (data + 1 > data_end)
		return 0;
	return *(__u8 *)data;
}`,
    },
  },
  {
    code: 'SKEP-V003',
    title: 'a pointer of this kind cannot be read or written through',
    says: ["R{reg} invalid mem access '{pointer}'"],
    what: '{r} is {value}, and what it points to is not to be read or written directly',
    why: 'The end of the packet is only there to be compared with; maps, functions and some objects of the kernel are only there to be given to helpers.',
    trace: 'origin',
    fix: 'use the pointer that was meant: data instead of data_end, the value that bpf_map_lookup_elem() returned instead of the map',
    example: {
      before: `SEC("tc")
int last_byte(struct __sk_buff *skb)
{
	__u8 *data_end = (void *)(long)skb->data_end;

	return *data_end;
}`,
      after: `SEC("tc")
int last_byte(struct __sk_buff *skb)
{
	__u8 last = 0;

	bpf_skb_load_bytes(skb, skb->len - 1, &last, 1);
	return last;
}`,
    },
  },
  {
    code: 'SKEP-V004',
    title: 'an index may reach behind the end',
    says: ['R{reg} max value is outside of the allowed memory range', 'R{reg} max value is outside of the array range'],
    before: [
      'invalid access to map value, value_size={total} off={off} size={size}',
      'invalid access to map key, key_size={total} off={off} size={size}',
      'invalid access to memory, mem_size={total} off={off} size={size}',
      'invalid access to context, ctx_size={total} off={off} size={size}',
    ],
    what: '{size} bytes at an offset of up to {off} are used, of memory that has {total} bytes',
    why: 'The verifier adds up what it knows: the greatest offset that the pointer can have, and the size of the access, have to lie within the memory.',
    trace: 'bounds',
    fix: 'compare the index with the number of elements right before it is used, in the variable that is used; or cut it off with a mask (index & 7) that the compiler keeps',
    example: {
      before: `SEC("tc")
int count_size(struct __sk_buff *skb)
{
	__u32 key = 0, class = skb->priority & 15;
	struct entry *entry = bpf_map_lookup_elem(&table, &key);

	if (!entry)
		return 0;
	entry->sizes[class]++;
	return 0;
}`,
      after: `SEC("tc")
int count_size(struct __sk_buff *skb)
{
	__u32 key = 0, class = skb->priority & 7;
	struct entry *entry = bpf_map_lookup_elem(&table, &key);

	if (!entry)
		return 0;
	entry->sizes[class]++;
	return 0;
}`,
    },
  },
  {
    code: 'SKEP-V005',
    title: 'an access outside of the memory',
    says: ['R{reg} min value is outside of the allowed memory range', 'R{reg} min value is outside of the array range'],
    before: [
      'invalid access to map value, value_size={total} off={off} size={size}',
      'invalid access to map key, key_size={total} off={off} size={size}',
      'invalid access to memory, mem_size={total} off={off} size={size}',
      'invalid access to context, ctx_size={total} off={off} size={size}',
    ],
    what: 'the access is to {size} bytes at offset {off} of memory that has {total} bytes',
    why: 'Offsets count from the start of the memory; even the least offset that the pointer can have lies outside.',
    trace: 'bounds',
    fix: 'make the value of the map (or the record that is reserved) as large as the struct that is used for it',
    example: {
      before: `struct wide {
	struct entry entry;
	__u64 more;
};

SEC("tc")
int count(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct wide *wide = bpf_map_lookup_elem(&table, &key);

	if (wide)
		wide->more++;
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
    code: 'SKEP-V006',
    title: 'an index without an upper bound',
    says: [
      'R{reg} unbounded memory access, make sure to bounds check any such access',
      'R{reg} unbounded memory access, make sure to bounds check any array access into a map',
    ],
    what: 'what was added to {r} has no upper bound: it could point anywhere',
    why: 'An index that comes from a packet, a map or a helper can be any number until the program compares it.',
    trace: 'bounds',
    fix: 'compare the index with the number of elements (as unsigned) right before it is used',
    example: {
      before: `SEC("tc")
int count_size(struct __sk_buff *skb)
{
	__u32 key = 0, class = skb->priority;
	struct entry *entry = bpf_map_lookup_elem(&table, &key);

	if (!entry)
		return 0;
	entry->sizes[class]++;
	return 0;
}`,
      after: `SEC("tc")
int count_size(struct __sk_buff *skb)
{
	__u32 key = 0, class = skb->priority;
	struct entry *entry = bpf_map_lookup_elem(&table, &key);

	if (!entry || class >= 8)
		return 0;
	entry->sizes[class]++;
	return 0;
}`,
    },
  },
  {
    code: 'SKEP-V007',
    title: 'an index that may be negative',
    says: ['R{reg} min value is negative, either use unsigned index or do a if (index >=0) check.'],
    what: 'what was added to {r} may be negative: the access could be before the start',
    why: 'A signed variable that is only compared with its upper bound can still be below 0.',
    trace: 'bounds',
    fix: 'make the index unsigned, or compare it with 0 as well',
    example: {
      before: `SEC("tc")
int count_size(struct __sk_buff *skb)
{
	__u32 key = 0;
	signed char at = (signed char)skb->priority;
	struct entry *entry = bpf_map_lookup_elem(&table, &key);

	if (!entry || at > 20)
		return 0;
	entry->name[at] = 0;
	return 0;
}`,
      after: `SEC("tc")
int count_size(struct __sk_buff *skb)
{
	__u32 key = 0;
	unsigned char at = (unsigned char)skb->priority;
	struct entry *entry = bpf_map_lookup_elem(&table, &key);

	if (!entry || at > 20)
		return 0;
	entry->name[at] = 0;
	return 0;
}`,
    },
  },
  {
    code: 'SKEP-V008',
    title: 'packet data behind what was checked',
    decisive: true,
    says: [
      'R{reg} offset is outside of the packet',
      'invalid access to packet, off={off} size={size}, R{reg}(id={id},off={n},r={total})',
    ],
    before: [
      'invalid access to packet, off={off} size={size}, R{m}(id={id},off={n},r={total})',
      'invalid access to packet, off={off} size={size}, {text}(id={id},off={n},r={total})',
    ],
    what: 'the packet is used up to byte {end}, and {total} bytes are known to be there',
    why: 'Packets can be shorter than any header. Before each access the program has to compare a pointer behind the last byte that it uses with data_end, and go another way if that is greater.',
    trace: 'packet',
    fix: 'check for all bytes that are used: if ((void *)(header + 1) > data_end) return …; on each path, before the access',
    example: {
      before: `SEC("xdp")
int protocol(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);

	if ((void *)(eth + 1) > data_end)
		return XDP_PASS;
	return ip->protocol == IPPROTO_UDP ? XDP_DROP : XDP_PASS;
}`,
      after: `SEC("xdp")
int protocol(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);

	if ((void *)(ip + 1) > data_end)
		return XDP_PASS;
	return ip->protocol == IPPROTO_UDP ? XDP_DROP : XDP_PASS;
}`,
    },
  },
];
