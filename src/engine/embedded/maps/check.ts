import type { BtfType } from '../../../btf/types.ts';
import { roundUp } from '../../../bytes/round.ts';
import {
  BPF_F_LOCK,
  BPF_F_NUMA_NODE,
  BPF_F_RDONLY,
  BPF_F_RDONLY_PROG,
  BPF_F_WRONLY,
  BPF_F_WRONLY_PROG,
} from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { MapAttr } from './map.ts';

/** Which side may do what: the flags that most types take. */
export const ACCESS_FLAGS = BPF_F_RDONLY | BPF_F_WRONLY | BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG;
export const FD_ACCESS_FLAGS = BPF_F_RDONLY | BPF_F_WRONLY;
export const NUMA_FLAG = BPF_F_NUMA_NODE;
/** Bytes of a per-CPU value at most: the smallest unit of Linux's per-CPU allocator. */
const MAX_PERCPU_VALUE = 32768;

/** -EINVAL for a flag that is not in `allowed`, or for both of a pair that exclude each other. */
export function checkFlags(flags: number, allowed: number): number {
  const exclusive = BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG;
  return (flags & ~allowed) !== 0 || (flags & exclusive) === exclusive ? -errno.EINVAL : 0;
}

/** Whether an element's flags ask for the lock in its value. */
export function isLocked(flags: number): boolean {
  return (flags & BPF_F_LOCK) !== 0;
}
/** The rest of an element's flags, which may be more than 32 bits. */
export function withoutLock(flags: number): number {
  return isLocked(flags) ? flags - BPF_F_LOCK : flags;
}

export function checkPercpuValue({ valueSize }: MapAttr): number {
  return roundUp(valueSize, 8) > MAX_PERCPU_VALUE ? -errno.E2BIG : 0;
}

/** Types of keys that are indexes. */
export function integerKey(key: BtfType | undefined): number {
  return key?.kind === 'int' && key.bits === 32 && key.bitOffset === 0 ? 0 : -errno.EINVAL;
}

/** Data sections: their maps have one element and no type for its index. */
export function dataSection(value: BtfType, { maxEntries }: MapAttr): number {
  return value.kind === 'datasec' && maxEntries === 1 ? 0 : -errno.EINVAL;
}

/** Map types that nothing describes. */
export function noBtf(): number {
  return -errno.ENOTSUPP;
}
