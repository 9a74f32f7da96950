import type { ProgType } from './bpf.ts';

const XDP = ['XDP_ABORTED', 'XDP_DROP', 'XDP_PASS', 'XDP_TX', 'XDP_REDIRECT'];
// biome-ignore format: as in the header
const TC = [
  'TC_ACT_UNSPEC', 'TC_ACT_OK', 'TC_ACT_RECLASSIFY', 'TC_ACT_SHOT', 'TC_ACT_PIPE', 'TC_ACT_STOLEN', 'TC_ACT_QUEUED', 'TC_ACT_REPEAT', 'TC_ACT_REDIRECT', 'TC_ACT_TRAP',
];
const TC_ACT_UNSPEC = -1;

/** What the result of a program for packets (as a u32) is called in the kernel's headers; `undefined` if it has no name. */
export function verdictName(type: ProgType | number, retval: number): string | undefined {
  if (type === 'xdp') return XDP[retval];
  return type === 'sched_cls' || type === 'sched_act' ? TC[(retval | 0) - TC_ACT_UNSPEC] : undefined;
}
