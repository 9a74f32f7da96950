import { addOne } from './count-assembly.ts';

// Programs as text for tests of frames at devices. They name maps: `counts` and `skbs`, arrays of 16 numbers of 64 bits, `cpus`, a cpumap, `devices`, a devmap.

/** Adds one to the element of r9 (below 16) of a map. */
const count = (map: 'counts' | 'skbs'): string => `
  *(u32 *)(r10 - 4) = r9
  ${addOne(map, 'r1')}`;

/** Counts by the low half of byte 20, which is in r9 then, and goes on with that. */
export const xdp = (rest: string): string => `
  r6 = r1
  r7 = *(u32 *)(r1 + 0)
  r2 = *(u32 *)(r1 + 4)
  r1 = r7
  r1 += 24
  r0 = 2
  if r1 > r2 goto out
  r9 = *(u8 *)(r7 + 20)
  r9 &= 15
  ${count('counts')}
  ${rest}
out:
  exit`;

/** Byte 20 says what becomes of a frame. */
export const MANY_WAYS = xdp(`
  r0 = r9
  if r9 < 5 goto out
  if r9 == 5 goto cpu
  if r9 == 6 goto device
  if r9 == 7 goto longer
  r0 = r9
  goto out
cpu:
  r1 = map[name:cpus]
  r2 = 0
  r3 = 1
  call bpf_redirect_map
  goto out
device:
  r1 = map[name:devices]
  r2 = 0
  r3 = 1
  call bpf_redirect_map
  goto out
longer:
  r1 = r6
  r2 = -8
  call bpf_xdp_adjust_head
  r2 = *(u32 *)(r6 + 0)
  r3 = *(u32 *)(r6 + 4)
  r1 = r2
  r1 += 14
  r0 = 1
  if r1 > r3 goto out
  r4 = *(u64 *)(r2 + 0)
  *(u64 *)(r2 + 0) = -1
  *(u64 *)(r10 - 16) = r4
  r0 = 2
  if r4 == 0 goto out
  r0 = 1`);

/** Sends a frame back until byte 21 is 0. */
export const PING = xdp(`
  r1 = *(u8 *)(r7 + 21)
  r0 = 1
  if r1 == 0 goto out
  r1 += -1
  *(u8 *)(r7 + 21) = r1
  r0 = 3`);
export const ALWAYS_BACK = xdp('r0 = 3');
export const PASSES = xdp('r0 = 2');

/** Of tc: counts likewise in `skbs`. */
export const SKB_COUNTER = `
  r2 = *(u32 *)(r1 + 76)
  r3 = *(u32 *)(r1 + 80)
  r1 = r2
  r1 += 24
  r0 = 0
  if r1 > r3 goto out
  r9 = *(u8 *)(r2 + 20)
  r9 &= 15
  ${count('skbs')}
  r0 = 0
out:
  exit`;
