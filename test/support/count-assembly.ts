/** Assembly that adds one to the element, a number of 64 bits, of an array whose index is in the word at r10 - 4. The count is in `into` then. Without such an element it goes to `out`. */
export const addOne = (map: string, into: 'r1' | 'r8'): string => `
  r1 = map[name:${map}]
  r2 = r10
  r2 += -4
  call bpf_map_lookup_elem
  if r0 == 0 goto out
  ${into} = *(u64 *)(r0 + 0)
  ${into} += 1
  *(u64 *)(r0 + 0) = ${into}`;
