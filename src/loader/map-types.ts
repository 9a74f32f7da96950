import { type Btf, parseBtf } from '../btf/btf.ts';
import { BpfError } from '../errors.ts';
import type { Kernel } from '../sys/kernel.ts';
import { orUndefined } from './calls.ts';
import { btfBytes, type MapInfo } from './info.ts';

/** The types of a map's keys and values; id 0: not known. */
export interface MapTypes {
  readonly btf: Btf;
  readonly keyTypeId: number;
  readonly valueTypeId: number;
}

/** The types that the kernel keeps for a map, or `undefined` if it has none or does not show them. */
export function kernelTypes(kernel: Kernel, info: MapInfo): MapTypes | undefined {
  const { btfId, keyTypeId, valueTypeId } = info;
  if (btfId === undefined || valueTypeId === 0) return undefined;
  const fd = orUndefined(['ENOENT', 'EPERM'], () => kernel.bpf('BPF_BTF_GET_FD_BY_ID', { btf_id: btfId }));
  if (fd === undefined) return undefined;
  try {
    return { btf: parseBtf(btfBytes(kernel, fd)), keyTypeId, valueTypeId };
  } catch (error) {
    if (error instanceof BpfError) return undefined; // without types values are bytes, which is still right
    throw error;
  } finally {
    kernel.close(fd);
  }
}
