import { DONE, INPUT, lines, range, result, type Scenario, SMALL } from './scenario.ts';

/** Pointers to the stack and into maps. */
export const memory: readonly Scenario[] = [
  {
    name: 'an array on the stack with an index that is not known',
    runs: range(20).map((n) => [BigInt(n * 3), BigInt(59 - n * 2), 0xabcdn]),
    text: `
      ${lines(8, (i) => `r1 = ${0x1010101 * (i + 1)} ll\n*(u64 *)(r10 - ${64 - 8 * i}) = r1`)}
      r1 = ${INPUT(0)}
      r1 &= 63
      r2 = r10
      r2 += -64
      r2 += r1
      r3 = ${INPUT(2)}
      *(u8 *)(r2 + 0) = r3
      r1 = ${INPUT(1)}
      r1 &= 56
      r2 = r10
      r2 += -64
      r2 += r1
      *(u16 *)(r2 + 2) = r3
      r4 = *(u32 *)(r2 + 4)
      ${result(0)} = r4
      ${lines(8, (i) => `r1 = *(u64 *)(r10 - ${64 - 8 * i})\n${result(i + 1)} = r1`)}
      ${DONE}`,
  },
  {
    name: 'pointers through maps of maps, kept on the stack',
    runs: [[0n], [1n], [2n], [9n]],
    text: `
      r1 = ${INPUT(0)}
      *(u32 *)(r10 - 4) = r1
      r1 = map[name:outer]
      r2 = r10
      r2 += -4
      call bpf_map_lookup_elem
      *(u64 *)(r10 - 16) = r0
      r1 = *(u64 *)(r10 - 16)
      if r1 == 0 goto none
      *(u32 *)(r10 - 4) = 1
      r2 = r10
      r2 += -4
      call bpf_map_lookup_elem
      *(u64 *)(r10 - 16) = r0
      if r0 == 0 goto none
      r7 = *(u64 *)(r10 - 16)
      r1 = *(u64 *)(r7 + 0)
      r1 += 5
      *(u64 *)(r7 + 0) = r1
      ${result(0)} = r1
    none:
      ${DONE}`,
  },
  {
    name: 'looked up twice, compared, and looked at after other calls',
    runs: SMALL,
    text: `
      r1 = ${INPUT(0)}
      *(u32 *)(r10 - 4) = r1
      r1 = map[name:array]
      r2 = r10
      r2 += -4
      call bpf_map_lookup_elem
      r7 = r0
      r1 = map[name:array]
      r2 = r10
      r2 += -4
      call bpf_map_lookup_elem
      r8 = r0
      call bpf_get_smp_processor_id
      if r7 == 0 goto none
      if r8 == 0 goto none
      r1 = *(u64 *)(r7 + 8)
      r1 += 7
      *(u64 *)(r7 + 8) = r1
      r2 = *(u64 *)(r8 + 8)
      lock *(u64 *)(r8 + 8) += r2
      r0 = 1
      exit
    none:
      r0 = 2
      exit`,
  },
  {
    name: 'a hash: looked up, put in, changed and taken out',
    runs: range(40).map((n) => [BigInt((n * 7) % 11), BigInt(n)]),
    text: `
      r1 = ${INPUT(0)}
      *(u32 *)(r10 - 4) = r1
      r1 = map[name:hash]
      r2 = r10
      r2 += -4
      call bpf_map_lookup_elem
      if r0 != 0 goto found
      r1 = ${INPUT(1)}
      *(u64 *)(r10 - 24) = r1
      *(u64 *)(r10 - 16) = 1
      r1 = map[name:hash]
      r2 = r10
      r2 += -4
      r3 = r10
      r3 += -24
      r4 = 1
      call bpf_map_update_elem
      ${result(0)} = r0
      r0 = 1
      exit
    found:
      r1 = *(u64 *)(r0 + 8)
      r1 += 1
      *(u64 *)(r0 + 8) = r1
      if r1 < 3 goto out
      r1 = map[name:hash]
      r2 = r10
      r2 += -4
      call bpf_map_delete_elem
      ${result(0)} = r0
    out:
      r0 = 2
      exit`,
  },
];

/** Pointers into packets. */
export const packets: readonly Scenario[] = [
  {
    name: 'a packet that moves: what was checked has to be checked again',
    type: 'xdp',
    runs: [-20, -4, 0, 4, 20, 60, -1000].map((n) => [BigInt.asUintN(64, BigInt(n))]),
    text: `
      r2 = ${INPUT(0)}
      r1 = r6
      call bpf_xdp_adjust_head
      ${result(0)} = r0
      r2 = *(u32 *)(r6 + 0)
      r3 = *(u32 *)(r6 + 4)
      r4 = r3
      r4 -= r2
      ${result(1)} = r4
      r4 = r2
      r4 += 24
      if r4 > r3 goto short
      r1 = *(u32 *)(r2 + 20)
      ${result(2)} = r1
      *(u16 *)(r2 + 2) = 0x1234
    short:
      r1 = r6
      r2 = ${INPUT(0)}
      call bpf_xdp_adjust_tail
      ${result(3)} = r0
      r0 = 2
      exit`,
  },
  {
    name: 'a place in the packet that is not known',
    type: 'xdp',
    runs: range(12).map((n) => [BigInt(n * 6), 0x1122_3344_5566_7788n]),
    text: `
      r2 = *(u32 *)(r6 + 0)
      r3 = *(u32 *)(r6 + 4)
      r1 = ${INPUT(0)}
      r1 &= 63
      r4 = r2
      r4 += r1
      r5 = r4
      r5 += 8
      if r5 > r3 goto short
      r0 = *(u16 *)(r4 + 1)
      ${result(0)} = r0
      r0 = ${INPUT(1)}
      r0 = be16 r0
      *(u16 *)(r4 + 6) = r0
      r0 = ${INPUT(1)}
      r0 = be32 r0
      *(u32 *)(r4 + 2) = r0
    short:
      r0 = 1
      exit`,
  },
  {
    name: 'classic loads behind a function that changes the packet',
    text: `
      *(u64 *)(r10 - 8) = 0x11223344
      r1 = r6
      r2 = 14
      r3 = r10
      r3 += -8
      r4 = 4
      r5 = 0
      call bpf_skb_store_bytes
      ${result(0)} = r0
      r0 = *(u32 *)skb[14]
      ${result(1)} = r0
      r7 = 3
      r0 = *(u16 *)skb[r7 + 12]
      ${result(2)} = r0
      r0 = *(u8 *)skb[100]
      ${result(3)} = r0
      r0 = 5
      exit`,
  },
];
