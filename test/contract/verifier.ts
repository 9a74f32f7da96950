import type { Row } from './suite.ts';
import { type Program, verdict } from './verdict.ts';

/** A program, and what comes of loading it: `ok`, or the errno and the last words of the log. */
interface Case extends Program {
  readonly name: string;
  readonly answer: string;
}

/** r0 is a value of `hash`, or 0. */
const LOOKUP = `
  *(u32 *)(r10 - 4) = 0
  r2 = r10
  r2 += -4
  r1 = map[name:hash]
  call bpf_map_lookup_elem`;

/** r2 and r3 are the packet's start and end. */
const PACKET = `
  r2 = *(u32 *)(r1 + 76)
  r3 = *(u32 *)(r1 + 80)`;

const RETURN = `
  r0 = 0
  exit`;

export const CASES: readonly Case[] = [
  {
    name: 'a number is returned',
    text: `
  r0 = 1
  exit`,
    answer: 'ok',
  },
  {
    name: 'nothing is returned',
    text: `
  exit`,
    answer: 'EACCES R0 !read_ok',
  },
  {
    name: 'a register that was not written',
    text: `
  r0 = r7
  exit`,
    answer: 'EACCES R7 !read_ok',
  },
  {
    name: 'the context is returned',
    text: `
  r0 = r1
  exit`,
    answer: 'ok',
  },
  {
    name: 'the frame pointer is written',
    text: `
  r10 = 0
  r0 = 0
  exit`,
    answer: 'EACCES frame pointer is read only',
  },
  {
    name: 'an instruction that no path comes to',
    text: `
  r0 = 0
  exit
  r0 = 1
  exit`,
    answer: 'EINVAL unreachable insn 2',
  },
  {
    name: 'a path that is never taken divides by 0',
    text: `
  r0 = 1
  if r0 == 1 goto +1
  r0 /= 0
  r0 = 0
  exit`,
    answer: 'ok',
  },
  {
    name: 'a division by 0',
    text: `
  r0 = 1
  r0 /= 0
  exit`,
    answer: 'EINVAL div by zero',
  },
  {
    name: 'a shift by 64',
    text: `
  r0 = 1
  r0 <<= 64
  exit`,
    answer: 'EINVAL invalid shift 64',
  },
  {
    name: 'a loop that ends',
    text: `
  r1 = 0
l:
  r1 += 1
  if r1 < 10 goto l
  r0 = 0
  exit`,
    answer: 'ok',
  },
  {
    name: 'a loop that does not',
    text: `
  r0 = 0
l:
  goto l
  exit`,
    answer: 'EINVAL unreachable insn 2',
  },
  {
    name: 'a loop that depends on nothing',
    text: `
  call bpf_get_prandom_u32
l:
  if r0 == 0 goto l
  r0 = 0
  exit`,
    answer: 'EINVAL old state: R0=P0 R10=fp0',
  },
  {
    name: 'the stack, written and read',
    text: `
  *(u64 *)(r10 - 8) = 7
  r0 = *(u64 *)(r10 - 8)
  exit`,
    answer: 'ok',
  },
  {
    name: 'the stack, read only',
    text: `
  r0 = *(u64 *)(r10 - 8)
  exit`,
    answer: 'ok',
  },
  {
    name: 'the stack, above the frame',
    text: `
  *(u64 *)(r10 + 8) = 7${RETURN}`,
    answer: 'EACCES invalid write to stack R10 off=8 size=8',
  },
  {
    name: 'the stack, 512 bytes',
    text: `
  *(u64 *)(r10 - 512) = 7${RETURN}`,
    answer: 'ok',
  },
  {
    name: 'the stack, more',
    text: `
  *(u64 *)(r10 - 520) = 7${RETURN}`,
    answer: 'EACCES invalid write to stack R10 off=-520 size=8',
  },
  {
    name: 'the stack, at an odd place',
    text: `
  *(u64 *)(r10 - 9) = 7${RETURN}`,
    answer: 'EACCES misaligned stack access off 0+0+-9 size 8',
  },
  {
    name: 'the stack, at any place',
    text: `
  call bpf_get_prandom_u32
  r1 = r10
  r1 += r0
  *(u8 *)(r1 + 0) = 0${RETURN}`,
    answer: 'EINVAL math between fp pointer and register with unbounded min value is not allowed',
  },
  {
    name: 'the stack, at some place',
    text: `
  call bpf_get_prandom_u32
  r0 &= 7
  r1 = r10
  r1 += -16
  r1 += r0
  *(u8 *)(r1 + 0) = 0${RETURN}`,
    answer: 'ok',
  },
  {
    name: 'a pointer, kept and taken back',
    text: `
  *(u64 *)(r10 - 8) = r1
  r1 = *(u64 *)(r10 - 8)
  r0 = *(u32 *)(r1 + 0)
  exit`,
    answer: 'ok',
  },
  {
    name: 'half a pointer',
    text: `
  *(u64 *)(r10 - 8) = r1
  r0 = *(u32 *)(r10 - 8)
  exit`,
    answer: 'EACCES invalid size of register fill',
  },
  {
    name: 'a pointer, kept by halves',
    text: `
  *(u32 *)(r10 - 8) = r1${RETURN}`,
    answer: 'EACCES invalid size of register spill',
  },
  {
    name: 'two pointers, added',
    text: `
  r1 += r10${RETURN}`,
    answer: 'EACCES R1 pointer += pointer prohibited',
  },
  {
    name: 'two pointers, subtracted',
    text: `
  r1 -= r10${RETURN}`,
    answer: 'ok',
  },
  {
    name: 'a pointer, multiplied',
    text: `
  r1 *= 2${RETURN}`,
    answer: 'EACCES R1 pointer arithmetic with *= operator prohibited',
  },
  {
    name: 'a pointer, as 32 bits',
    text: `
  w1 += 2${RETURN}`,
    answer: 'EACCES R1 32-bit pointer arithmetic prohibited',
  },
  {
    name: 'a 32-bit sum says nothing of a number that is longer',
    text: `
  call bpf_get_prandom_u32
  r0 <<= 32
  r0 s>>= 32
  r5 = r0
  w5 += 255
  if r5 < 255 goto +4
  if r5 > 262 goto +3
  r7 = r10
  r7 += r0
  *(u8 *)(r7 - 8) = 1${RETURN}`,
    answer: 'EINVAL value -2147483648 makes fp pointer be out of bounds',
  },
  {
    name: 'a 32-bit sum says what a short number is',
    text: `
  call bpf_get_prandom_u32
  w0 = w0
  r5 = r0
  w5 += 255
  if r5 < 255 goto +4
  if r5 > 262 goto +3
  r7 = r10
  r7 += r0
  *(u8 *)(r7 - 8) = 1${RETURN}`,
    answer: 'ok',
  },
  {
    name: 'a pointer, masked',
    text: `
  r1 &= 7${RETURN}`,
    answer: 'EACCES R1 bitwise operator &= on pointer prohibited',
  },
  {
    name: 'a number that leads somewhere',
    text: `
  r1 = 4096
  r0 = *(u64 *)(r1 + 0)
  exit`,
    answer: "EACCES R1 invalid mem access 'scalar'",
  },
  {
    name: 'a value that may not be there',
    text: `${LOOKUP}
  r0 = *(u64 *)(r0 + 0)
  exit`,
    answer: "EACCES R0 invalid mem access 'map_value_or_null'",
  },
  {
    name: 'a value that is there',
    text: `${LOOKUP}
  if r0 == 0 goto out
  r0 = *(u64 *)(r0 + 0)
out:
  r0 = 0
  exit`,
    answer: 'ok',
  },
  {
    name: 'a value, and arithmetic before it is asked for',
    text: `${LOOKUP}
  r0 += 8
  if r0 == 0 goto out
  r0 = *(u64 *)(r0 + 0)
out:
  r0 = 0
  exit`,
    answer: 'EACCES R0 pointer arithmetic on map_value_or_null prohibited, null-check it first',
  },
  {
    name: 'behind a value',
    text: `${LOOKUP}
  if r0 == 0 goto out
  r0 = *(u64 *)(r0 + 16)
out:
  r0 = 0
  exit`,
    answer: 'EACCES R0 min value is outside of the allowed memory range',
  },
  {
    name: 'before a value',
    text: `${LOOKUP}
  if r0 == 0 goto out
  r0 = *(u64 *)(r0 - 8)
out:
  r0 = 0
  exit`,
    answer: 'EACCES R0 min value is outside of the allowed memory range',
  },
  {
    name: 'a value, at a place within',
    text: `${LOOKUP}
  if r0 == 0 goto out
  r7 = r0
  call bpf_get_prandom_u32
  r0 &= 15
  r7 += r0
  *(u8 *)(r7 + 0) = 1
out:
  r0 = 0
  exit`,
    answer: 'ok',
  },
  {
    name: 'a value, at a place that may be behind',
    text: `${LOOKUP}
  if r0 == 0 goto out
  r7 = r0
  call bpf_get_prandom_u32
  r0 &= 31
  r7 += r0
  *(u8 *)(r7 + 0) = 1
out:
  r0 = 0
  exit`,
    answer: 'EACCES R7 max value is outside of the allowed memory range',
  },
  {
    name: 'a value, at a place that was compared',
    text: `${LOOKUP}
  if r0 == 0 goto out
  r7 = r0
  call bpf_get_prandom_u32
  if r0 > 15 goto out
  r7 += r0
  *(u8 *)(r7 + 0) = 1
out:
  r0 = 0
  exit`,
    answer: 'ok',
  },
  {
    name: 'a value, at a place that was compared as signed',
    text: `${LOOKUP}
  if r0 == 0 goto out
  r7 = r0
  call bpf_get_prandom_u32
  if r0 s> 15 goto out
  r7 += r0
  *(u8 *)(r7 + 0) = 1
out:
  r0 = 0
  exit`,
    answer: 'EINVAL math between map_value pointer and register with unbounded min value is not allowed',
  },
  {
    name: 'a value, at a place whose copy was compared',
    text: `${LOOKUP}
  if r0 == 0 goto out
  r7 = r0
  call bpf_get_prandom_u32
  r6 = r0
  if r0 > 15 goto out
  r7 += r6
  *(u8 *)(r7 + 0) = 1
out:
  r0 = 0
  exit`,
    answer: 'ok',
  },
  {
    name: 'an element of an array whose number is known',
    text: `
  *(u32 *)(r10 - 8) = 3
  r2 = r10
  r2 += -8
  r1 = map[name:array]
  call bpf_map_lookup_elem
  r0 = *(u64 *)(r0 + 0)
  exit`,
    answer: 'ok',
  },
  {
    name: 'an element whose number is known, but not followed',
    text: `
  *(u32 *)(r10 - 4) = 3
  r2 = r10
  r2 += -4
  r1 = map[name:array]
  call bpf_map_lookup_elem
  r0 = *(u64 *)(r0 + 0)
  exit`,
    answer: "EACCES R0 invalid mem access 'map_value_or_null'",
  },
  {
    name: 'an element that an array has not',
    text: `
  *(u32 *)(r10 - 8) = 4
  r2 = r10
  r2 += -8
  r1 = map[name:array]
  call bpf_map_lookup_elem
  r0 = *(u64 *)(r0 + 0)
  exit`,
    answer: "EACCES R0 invalid mem access 'map_value_or_null'",
  },
  {
    name: 'a key that is not there',
    text: `
  r1 = map[name:hash]
  r2 = 0
  call bpf_map_lookup_elem${RETURN}`,
    answer: 'EACCES R2 type=scalar expected=fp, pkt, pkt_meta, map_key, map_value, mem, ringbuf_mem, buf, trusted_ptr_',
  },
  {
    name: 'a key that reaches out of the frame',
    text: `
  r1 = map[name:hash]
  r2 = r10
  r2 += -2
  call bpf_map_lookup_elem${RETURN}`,
    answer: 'EINVAL invalid read from stack R2 off=-2 size=4',
  },
  {
    name: 'a map that is none',
    text: `
  r2 = r10
  r2 += -4
  call bpf_map_lookup_elem${RETURN}`,
    answer: 'EACCES R1 type=ctx expected=map_ptr',
  },
  {
    name: 'arguments after a call',
    text: `
  call bpf_get_prandom_u32
  r0 = r1
  exit`,
    answer: 'EACCES R1 !read_ok',
  },
  {
    name: 'a helper of others',
    text: `
  r1 = 1
  r2 = 0
  call bpf_redirect${RETURN}`,
    answer: 'EINVAL program of this type cannot use helper bpf_redirect#23',
  },
  {
    name: 'a helper that there is not',
    text: `
  call 9999${RETURN}`,
    answer: 'EINVAL invalid func unknown#9999',
  },
  {
    name: 'a helper for GPL alone',
    license: 'MIT',
    text: `
  r1 = r10
  r1 += -8
  r2 = 8
  r3 = 0
  call bpf_probe_read_kernel${RETURN}`,
    answer: 'EINVAL cannot call GPL-restricted function from non-GPL compatible program',
  },
  {
    name: 'a helper that fills memory',
    text: `
  r1 = r10
  r1 += -16
  r2 = 16
  call bpf_get_current_comm
  r0 = *(u8 *)(r10 - 16)
  exit`,
    answer: 'ok',
  },
  {
    name: 'a helper that fills more',
    text: `
  r1 = r10
  r1 += -16
  r2 = 17
  call bpf_get_current_comm${RETURN}`,
    answer: 'EINVAL invalid write to stack R1 off=-16 size=17',
  },
  {
    name: 'a helper that fills a size unknown',
    text: `
  call bpf_get_prandom_u32
  r2 = r0
  r1 = r10
  r1 += -16
  call bpf_get_current_comm${RETURN}`,
    answer: "EACCES R2 min value is negative, either use unsigned or 'var &= const'",
  },
  {
    name: 'a helper that fills a size within',
    text: `
  call bpf_get_prandom_u32
  r0 &= 15
  r2 = r0
  r2 += 1
  r1 = r10
  r1 += -16
  call bpf_get_current_comm${RETURN}`,
    answer: 'ok',
  },
  {
    name: 'a helper that fills nothing',
    text: `
  r1 = r10
  r1 += -16
  r2 = 0
  call bpf_get_current_comm${RETURN}`,
    answer: 'EACCES R2 invalid zero-sized read: u64=[0,0]',
  },
  {
    name: 'the context, at an odd place',
    text: `
  r0 = *(u32 *)(r1 + 1)
  exit`,
    answer: 'EACCES invalid bpf_context access off=1 size=4',
  },
  {
    name: 'the context, what is not for all',
    text: `
  r0 = *(u32 *)(r1 + 76)
  exit`,
    answer: 'EACCES invalid bpf_context access off=76 size=4',
  },
  {
    name: 'the context, behind its end',
    text: `
  r0 = *(u32 *)(r1 + 192)
  exit`,
    answer: 'EACCES invalid bpf_context access off=192 size=4',
  },
  {
    name: 'the context, written',
    type: 'sched_cls',
    text: `
  *(u32 *)(r1 + 8) = 1${RETURN}`,
    answer: 'ok',
  },
  {
    name: 'the context, written where it must not be',
    type: 'sched_cls',
    text: `
  *(u32 *)(r1 + 0) = 1${RETURN}`,
    answer: 'EACCES invalid bpf_context access off=0 size=4',
  },
  {
    name: 'the context, moved',
    text: `
  r1 += 8
  r0 = *(u32 *)(r1 + 0)
  exit`,
    answer: 'EACCES dereference of modified ctx ptr R1 off=8 disallowed',
  },
  {
    name: 'the packet, not asked for',
    type: 'sched_cls',
    text: `${PACKET}
  r0 = *(u8 *)(r2 + 0)
  exit`,
    answer: 'EACCES R2 offset is outside of the packet',
  },
  {
    name: 'the packet, asked for',
    type: 'sched_cls',
    text: `${PACKET}
  r4 = r2
  r4 += 14
  if r4 > r3 goto out
  r0 = *(u8 *)(r2 + 13)
out:
  r0 = 0
  exit`,
    answer: 'ok',
  },
  {
    name: 'the packet, one more',
    type: 'sched_cls',
    text: `${PACKET}
  r4 = r2
  r4 += 14
  if r4 > r3 goto out
  r0 = *(u8 *)(r2 + 14)
out:
  r0 = 0
  exit`,
    answer: 'EACCES R2 offset is outside of the packet',
  },
  {
    name: 'the packet, on the wrong side',
    type: 'sched_cls',
    text: `${PACKET}
  r4 = r2
  r4 += 14
  if r4 > r3 goto in
  r0 = 0
  exit
in:
  r0 = *(u8 *)(r2 + 0)
  exit`,
    answer: 'EACCES R2 offset is outside of the packet',
  },
  {
    name: 'the packet, after it was changed',
    type: 'sched_cls',
    text: `
  r6 = r1${PACKET}
  r7 = r2
  r4 = r2
  r4 += 14
  if r4 > r3 goto out
  r1 = r6
  r2 = 14
  call bpf_skb_pull_data
  r0 = *(u8 *)(r7 + 0)
out:
  r0 = 0
  exit`,
    answer: "EACCES R7 invalid mem access 'scalar'",
  },
  {
    name: 'the packet, by classic loads',
    text: `
  r6 = r1
  r0 = *(u8 *)skb[0]
  exit`,
    answer: 'ok',
  },
  {
    name: 'the packet, by classic loads without the context',
    text: `
  r0 = *(u8 *)skb[0]
  exit`,
    answer: 'EACCES R6 !read_ok',
  },
  {
    name: 'a record of a ring, given back',
    text: `
  r1 = map[name:ring]
  r2 = 8
  r3 = 0
  call bpf_ringbuf_reserve
  if r0 == 0 goto out
  r1 = r0
  r2 = 0
  call bpf_ringbuf_submit
out:
  r0 = 0
  exit`,
    answer: 'ok',
  },
  {
    name: 'a record of a ring, kept',
    text: `
  r1 = map[name:ring]
  r2 = 8
  r3 = 0
  call bpf_ringbuf_reserve${RETURN}`,
    answer: 'EINVAL BPF_EXIT instruction in main prog would lead to reference leak',
  },
  {
    name: 'a record of a ring, given back twice',
    text: `
  r1 = map[name:ring]
  r2 = 8
  r3 = 0
  call bpf_ringbuf_reserve
  if r0 == 0 goto out
  r6 = r0
  r1 = r0
  r2 = 0
  call bpf_ringbuf_submit
  r1 = r6
  r2 = 0
  call bpf_ringbuf_submit
out:
  r0 = 0
  exit`,
    answer: 'EACCES R1 type=scalar expected=ringbuf_mem',
  },
  {
    name: 'a record of a ring, behind it',
    text: `
  r1 = map[name:ring]
  r2 = 8
  r3 = 0
  call bpf_ringbuf_reserve
  if r0 == 0 goto out
  *(u64 *)(r0 + 8) = 1
  r1 = r0
  r2 = 0
  call bpf_ringbuf_submit
out:
  r0 = 0
  exit`,
    answer: 'EACCES R0 min value is outside of the allowed memory range',
  },
  {
    name: 'an atomic on the stack',
    text: `
  *(u64 *)(r10 - 8) = 0
  r1 = 1
  lock *(u64 *)(r10 - 8) += r1${RETURN}`,
    answer: 'ok',
  },
  {
    name: 'an atomic on the context',
    text: `
  r2 = 1
  lock *(u64 *)(r1 + 0) += r2${RETURN}`,
    answer: 'EACCES BPF_ATOMIC stores into R1 ctx is not allowed',
  },
  {
    name: 'a function that returns',
    text: `
  call pc+2
  r0 = 0
  exit
  r0 = 1
  exit`,
    answer: 'ok',
  },
  {
    name: 'a function that reads what nobody gave',
    text: `
  call pc+1
  exit
  r0 = r6
  exit`,
    answer: 'EACCES R6 !read_ok',
  },
  {
    name: 'a function that calls itself',
    text: `
  call pc+1
  exit
  call pc-1
  exit`,
    answer: 'E2BIG the call stack of 9 frames is too deep',
  },
  {
    name: 'functions, nine deep',
    text: `
  call pc+1
  exit
  call pc+1
  exit
  call pc+1
  exit
  call pc+1
  exit
  call pc+1
  exit
  call pc+1
  exit
  call pc+1
  exit
  call pc+1
  exit
  call pc+1
  exit
  r0 = 0
  exit`,
    answer: 'E2BIG the call stack of 9 frames is too deep',
  },
  {
    name: 'functions, too much stack',
    text: `
  *(u64 *)(r10 - 264) = 0
  call pc+1
  exit
  *(u64 *)(r10 - 264) = 0
  r0 = 0
  exit`,
    answer: 'EACCES combined stack size of 2 calls is 544. Too large',
  },
  {
    name: 'a result that its hook cannot use',
    type: 'cgroup_skb',
    text: `
  r0 = 2
  exit`,
    answer: 'EINVAL At program exit the register R0 has smin=2 smax=2 should have been in [0, 1]',
  },
  {
    name: 'a result that its hook can use',
    type: 'cgroup_skb',
    text: `
  r0 = 1
  exit`,
    answer: 'ok',
  },
  {
    name: 'a result that nobody knows',
    type: 'cgroup_sock',
    text: `
  call bpf_get_prandom_u32
  exit`,
    answer: 'EINVAL At program exit the register R0 has unknown scalar value should have been in [0, 1]',
  },
  {
    name: 'one load, two kinds of pointers',
    text: `
  call bpf_get_prandom_u32
  r6 = 0${RETURN}`,
    answer: 'ok',
  },
  {
    name: 'copies of a number that are compared',
    text: `
  call bpf_get_prandom_u32
  r8 = r0
  if r8 > 20 goto end
  if r0 s> r8 goto greater
  goto end
greater:
  r1 = r10
  r1 += -20
  r1 += r0
  *(u8 *)(r1 + 0) = 1
end:${RETURN}`,
    answer: 'ok',
  },
  {
    name: 'copies of a number that are the least int32 apart',
    text: `
  call bpf_get_prandom_u32
  r0 &= 15
  r1 = r0
  r1 += -2147483648
  if r0 > 5 goto end
  r2 = 2147483648 ll
  r1 += r2
  r3 = r10
  r3 += -6
  r3 += r1
  *(u8 *)(r3 + 0) = 1
end:${RETURN}`,
    answer: 'ok',
  },
  {
    name: 'a branch, one side of which leads to the other',
    text: `
  r0 = 0
  *(u64 *)(r10 - 8) = 5
  if r0 == r0 goto +2
  if r0 == 1 goto +0
  goto +1
  r0 += r0
  r0 = *(u8 *)(r10 - 8)${RETURN}`,
    answer: 'ok',
  },
  {
    name: 'more than a million steps',
    text: `
  r1 = 0
l:
  r1 += 1
  if r1 < 600000 goto l
  r0 = 0
  exit`,
    answer: 'ENOSPC BPF program is too large. Processed 1000001 insn',
  },
  {
    name: 'a log that was too long before its path was found safe',
    text: `
${'  r0 = 0\n'.repeat(2000)}
  exit`,
    answer: 'ENOSPC ',
  },
];

/** What Linux refuses, and beside each what it does not: each row breaks one rule. */
export const verifierRows: readonly Row[] = CASES.map(({ name, answer, ...program }) => [
  name,
  ({ kernel }) => verdict(kernel, program),
  answer,
]);
