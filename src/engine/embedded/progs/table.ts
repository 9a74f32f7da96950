import { progTypeNumber } from '../../../uapi/bpf.ts';
import { cgroup_skb } from './cgroup-skb.ts';
import type { ProgType } from './prog-type.ts';
import { sched_act } from './sched-act.ts';
import { sched_cls } from './sched-cls.ts';
import { socket_filter } from './socket-filter.ts';
import { xdp } from './xdp.ts';

/** Every program type of the embedded kernel, by BPF_PROG_TYPE_*. */
export const PROG_TYPE_BY_NUMBER: ReadonlyMap<number, ProgType> = new Map(
  [socket_filter, sched_cls, sched_act, xdp, cgroup_skb].map((type) => [progTypeNumber[type.name], type]),
);
