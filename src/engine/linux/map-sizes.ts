import { readFileSync } from 'node:fs';
import { SysError } from '../../errors.ts';
import type { BpfAttr } from '../../uapi/attr.ts';
import { isPerCpuMap } from '../../uapi/bpf.ts';
import { bpfMapInfo } from '../../uapi/info.ts';
import { fdKind } from './info.ts';
import { align8 } from './memory.ts';
import { checkFs } from './syscall.ts';

/** Bytes that the kernel copies for one element of a map. */
export interface MapSizes {
  readonly key: number;
  /** For per-CPU maps one slot, rounded up to 8, for each possible CPU. */
  readonly value: number;
  /** `in_batch` and `out_batch`: a u32 for hash maps, a key for the others. */
  readonly cursor: number;
}

/**
 * By fd. Of the process and not of one kernel object, because fds are: one kernel object may close a number that
 * another one is given again.
 */
const known = new Map<number, MapSizes>();

/** The sizes of the map that `fd` is, asked for once; `undefined` if it is none. */
export function mapSizes(fd: number, getInfo: (attr: BpfAttr<'BPF_OBJ_GET_INFO_BY_FD'>) => void): MapSizes | undefined {
  const sizes = known.get(fd);
  if (sizes !== undefined) return sizes;
  if ((fdKind(fd) ?? 'bpf-map') !== 'bpf-map') return undefined;
  const info = new Uint8Array(bpfMapInfo.size);
  try {
    getInfo({ bpf_fd: fd, info_len: info.length, info });
  } catch (error) {
    if (error instanceof SysError) return undefined; // the call itself will say it better
    throw error;
  }
  const { type, key_size, value_size } = bpfMapInfo.decode(info);
  const value = isPerCpuMap(type) ? align8(value_size) * possibleCpus() : value_size;
  const fresh = { key: key_size, value, cursor: Math.max(key_size, 4) };
  known.set(fd, fresh);
  return fresh;
}

/** To be called whenever a number begins or ends to be an fd. */
export function forgetFd(fd: number): void {
  known.delete(fd);
}

let cpus: number | undefined;

/** CPUs that a per-CPU map has a slot for. Throws SysError where sysfs is not mounted. */
export function possibleCpus(): number {
  const path = '/sys/devices/system/cpu/possible';
  cpus ??= checkFs('open', path, () => countCpus(readFileSync(path, 'latin1')));
  return cpus;
}

/** CPUs in a list like `0-3,8`. */
export function countCpus(list: string): number {
  return list
    .trim()
    .split(',')
    .reduce((sum, range) => {
      const [first = '0', last = first] = range.split('-');
      return sum + Number(last) - Number(first) + 1;
    }, 0);
}
