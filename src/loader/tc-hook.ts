import type { TcHook } from '../net/index.ts';
import type { Kernel } from '../sys/kernel.ts';
import { TC_H_CLSACT_EGRESS, TC_H_CLSACT_INGRESS } from '../uapi/netlink.ts';
import { findDevice } from './devices.ts';

/** What filters and chains are on: a hook of a device, or a block that several hooks share. */
export type FilterHook =
  | {
      readonly device: string;
      /** A hook of clsact, or the parent as a 32-bit handle. */
      readonly parent: 'ingress' | 'egress' | number;
      readonly block?: undefined;
    }
  | {
      /** The number that qdiscs were given for it; see `setQdisc`. */
      readonly block: number;
      readonly device?: undefined;
      readonly parent?: undefined;
    };

/** Throws SysError ENODEV. */
export function hookMessage(kernel: Kernel, hook: FilterHook): TcHook {
  if (hook.block !== undefined) return { ifindex: 0, parent: 0, block: hook.block };
  const { device, parent } = hook;
  return {
    ifindex: findDevice(kernel, device).ifindex,
    parent: parent === 'ingress' ? TC_H_CLSACT_INGRESS : parent === 'egress' ? TC_H_CLSACT_EGRESS : parent,
  };
}

export function describeHook(hook: FilterHook): string {
  if (hook.block !== undefined) return `on block ${hook.block}`;
  const { device, parent } = hook;
  return `on ${device} ${typeof parent === 'string' ? parent : `parent 0x${parent.toString(16)}`}`;
}
