import type { Kernel } from '../../sys/kernel.ts';
import { findDevice } from '../devices.ts';

/** A network device by its name or its index. */
export type DeviceName = string | number;

/** Throws SysError ENODEV if there is no device of this name. An index is taken as it is. */
export function ifindexOf(kernel: Kernel, device: DeviceName): number {
  return typeof device === 'number' ? device : findDevice(kernel, device).ifindex;
}
