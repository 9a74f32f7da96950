import type { Violation } from '../violation.ts';

/** What is taken and has to be given back: references, locks, regions. */
export const resourceViolations: readonly Violation[] = [
  {
    code: 'SKEP-V061',
    title: 'something is not given back',
    says: [
      '{text} would lead to reference leak',
      'Unreleased reference id={id} alloc_insn={insn}',
      'Leaking reference id={id} alloc_insn={insn}. Release it first.',
    ],
    before: [
      'Unreleased reference id={id} alloc_insn={insn}',
      'Leaking reference id={id} alloc_insn={insn}. Release it first.',
    ],
    what: 'what instruction {insn} has got is still held when the program ends on this path',
    why: 'Records of ring buffers, sockets that were looked up, tasks and objects that were acquired belong to the program until it gives them back; the kernel does not do it.',
    trace: 'reference',
    fix: 'give it back on every path that leaves: bpf_ringbuf_submit() or bpf_ringbuf_discard(), bpf_sk_release(), bpf_task_release(), bpf_obj_drop(), …; also where an error is returned',
    example: {
      before: `SEC("tc")
int report(struct __sk_buff *skb)
{
	__u64 *record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);

	if (!record)
		return 0;
	if (skb->len < 100)
		return 0;
	*record = skb->len;
	bpf_ringbuf_submit(record, 0);
	return 0;
}`,
      after: `SEC("tc")
int report(struct __sk_buff *skb)
{
	__u64 *record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);

	if (!record)
		return 0;
	if (skb->len < 100) {
		bpf_ringbuf_discard(record, 0);
		return 0;
	}
	*record = skb->len;
	bpf_ringbuf_submit(record, 0);
	return 0;
}`,
    },
  },
  {
    code: 'SKEP-V062',
    title: 'something is given back that is not held',
    says: [
      'release helper {helper} expects referenced PTR_TO_BTF_ID passed to {text}',
      'release kfunc {helper} expects referenced PTR_TO_BTF_ID passed to {text}',
      'release kernel function {helper} expects refcounted PTR_TO_BTF_ID',
      'func {helper}#{n} reference has not been acquired before',
      'kfunc {helper}#{n} reference has not been acquired before',
      'R{reg} must be referenced when passed to release function',
      'arg {n} is an unacquired reference',
      'more than one arg with ref_obj_id R{reg} {n} {m}',
      'R{reg} must have zero offset when passed to release func or trusted arg to kfunc',
      'arg#{n} is neither owning or non-owning ref',
      'allocated object must be referenced',
    ],
    what: 'the argument of {callee} is not the very pointer that was acquired, or was given back before',
    why: 'Only what was acquired can be released, once, by the pointer that was returned; what is merely borrowed (a member of another object, skb->sk) belongs to somebody else.',
    trace: 'origin',
    fix: 'release the pointer that the acquiring call returned, unchanged; do not release what was not acquired',
    example: {
      before: `SEC("tc")
int release(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;

	if (!sk)
		return 0;
	sk = bpf_sk_fullsock(sk);
	if (sk)
		bpf_sk_release(sk);
	return 0;
}`,
      after: `SEC("tc")
int release(struct __sk_buff *skb)
{
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *sk = bpf_sk_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), -1, 0);

	if (sk)
		bpf_sk_release(sk);
	return 0;
}`,
    },
  },
  {
    code: 'SKEP-V063',
    title: 'a lock is still held',
    says: [
      '{text} cannot be used inside bpf_spin_lock-ed region',
      'bpf_spin_unlock is missing',
      'global function calls are not allowed while holding a lock,',
      'use static function instead',
      'function calls are not allowed while holding a lock',
    ],
    what: 'the program ends, or calls something that it must not, while it holds a lock',
    why: 'Other CPUs wait for the lock meanwhile. Between bpf_spin_lock() and bpf_spin_unlock() only plain reads and writes, and very few functions, are possible.',
    trace: 'region',
    fix: 'unlock on every path before the program ends; call helpers before the lock is taken or after it was released',
    example: {
      before: `struct guarded {
	struct bpf_spin_lock lock;
	__u64 time;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct guarded);
} guarded SEC(".maps");

SEC("tc")
int stamp(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct guarded *value = bpf_map_lookup_elem(&guarded, &key);

	if (!value)
		return 0;
	bpf_spin_lock(&value->lock);
	value->time = bpf_ktime_get_ns();
	bpf_spin_unlock(&value->lock);
	return 0;
}`,
      after: `struct guarded {
	struct bpf_spin_lock lock;
	__u64 time;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct guarded);
} guarded SEC(".maps");

SEC("tc")
int stamp(struct __sk_buff *skb)
{
	__u32 key = 0;
	__u64 now = bpf_ktime_get_ns();
	struct guarded *value = bpf_map_lookup_elem(&guarded, &key);

	if (!value)
		return 0;
	bpf_spin_lock(&value->lock);
	value->time = now;
	bpf_spin_unlock(&value->lock);
	return 0;
}`,
    },
  },
  {
    code: 'SKEP-V064',
    title: 'locks are taken or released in the wrong order',
    says: [
      'Locking two bpf_spin_locks are not allowed',
      'Acquiring the same lock again, AA deadlock detected',
      '{type}_unlock without taking a lock',
      '{type}_unlock of different lock',
      '{type}_unlock cannot be out of order',
      "can't spin_{lock,unlock} in rbtree cb",
      "can't res_spin_{lock,unlock} in rbtree cb",
    ],
    what: '{callee} does not fit the locks that are held here',
    why: 'A program holds one bpf_spin_lock at a time, and releases the one that it took; resilient locks (bpf_res_spin_lock) nest, and are released in reverse order.',
    trace: 'region',
    fix: 'release the lock that was taken last, through the same pointer, before another is taken',
    example: {
      before: `struct guarded {
	struct bpf_spin_lock lock;
	__u64 packets;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
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
	value->packets++;
	bpf_spin_unlock(&value->lock);
	return 0;
}`,
      after: `struct guarded {
	struct bpf_spin_lock lock;
	__u64 packets;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
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
    code: 'SKEP-V065',
    title: 'a region is not left, or was not entered',
    says: [
      '{text} cannot be used inside bpf_rcu_read_lock-ed region',
      '{text} cannot be used inside bpf_preempt_disable-ed region',
      '{text} cannot be used inside bpf_local_irq_save-ed region',
      'unmatched rcu read unlock (kernel function {helper})',
      'nested rcu read lock (kernel function {helper})',
      'unmatched attempt to enable preemption (kernel function {helper})',
      'expected an RCU CS when using {helper}',
      'kernel func {helper} requires RCU critical section protection',
      'Calling bpf_rcu_read_{lock,unlock} in unnecessary rbtree callback',
      'bpf_rcu_read_unlock is missing',
      '{n} bpf_preempt_enable is missing',
    ],
    what: 'bpf_rcu_read_lock(), bpf_preempt_disable() or bpf_local_irq_save() has no counterpart on this path',
    why: 'Each of them switches something off for the whole CPU, which has to be on again when the program ends.',
    trace: 'region',
    fix: 'call the counterpart on every path before the program ends, and once for each call',
    example: {
      before: `extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;

SEC("tc")
int region(struct __sk_buff *skb)
{
	bpf_rcu_read_lock();
	if (skb->len < 100)
		return 0;
	bpf_rcu_read_unlock();
	return 0;
}`,
      after: `extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;

SEC("tc")
int region(struct __sk_buff *skb)
{
	bpf_rcu_read_lock();
	if (skb->len < 100) {
		bpf_rcu_read_unlock();
		return 0;
	}
	bpf_rcu_read_unlock();
	return 0;
}`,
    },
  },
  {
    code: 'SKEP-V066',
    title: 'something that may sleep, where nothing may sleep',
    says: [
      'helper call might sleep in a non-sleepable prog',
      'sleepable helper {helper}#{n} in {text}',
      'kernel func {helper} is sleepable within {text}',
      'program must be sleepable to call sleepable kfunc {helper}',
      'a non-sleepable BPF program context',
      'sleepable global function {name}() called in {text}',
      'global functions that may sleep are not allowed in non-sleepable context,',
      'i.e., in a RCU/IRQ/preempt-disabled section, or in',
      'sleepable global function {name}()',
    ],
    what: '{callee} may wait, and the program is not one that can',
    why: 'Most programs run where the kernel cannot wait: in interrupts, with locks held. Only programs of some types can be marked as sleepable, and those not within RCU, preemption or IRQ regions.',
    trace: 'region',
    fix: 'mark the program sleepable, where its type permits that: SEC("fentry.s/…"), SEC("lsm.s/…"), SEC("uprobe.s/…"), SEC("syscall"); or use what does not wait: bpf_probe_read_user() instead of bpf_copy_from_user()',
    example: {
      before: `SEC("uprobe")
int copy(void *ctx)
{
	char byte;

	return bpf_copy_from_user(&byte, 1, ctx);
}`,
      after: `SEC("uprobe.s")
int copy(void *ctx)
{
	char byte;

	return bpf_copy_from_user(&byte, 1, ctx);
}`,
    },
  },
];
