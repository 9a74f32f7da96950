import type { Kernel } from '../sys/kernel.ts';
import { orUndefined, readNumber, readText } from './calls.ts';

/** The capabilities that eBPF asks for, by their bit; source: <linux/capability.h>. */
// biome-ignore format: aligned table
export const CAPABILITIES = {
  CAP_SYS_ADMIN: 21,
  CAP_BPF:       39,
  CAP_NET_ADMIN: 12,
  CAP_PERFMON:   38,
} as const satisfies Record<string, number>;
export type Capability = keyof typeof CAPABILITIES;

/** What the kernel says of this process. */
export interface Credentials {
  /** The effective user id; 0 is root. */
  readonly euid: number;
  /** Those of {@link CAPABILITIES} that are in effect. */
  readonly capabilities: ReadonlySet<Capability>;
  /** Whether a seccomp filter watches the system calls. */
  readonly filtered: boolean;
}

/** Read from /proc/self/status; `undefined` on a kernel without one, which knows no privileges. */
export function credentials(kernel: Kernel): Credentials | undefined {
  const text = orUndefined(['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM'], () => readText(kernel, '/proc/self/status')) ?? '';
  const effective = /^CapEff:\s*([0-9a-fA-F]{1,16})$/m.exec(text)?.[1];
  const euid = /^Uid:\s*\d+\s+(\d+)/m.exec(text)?.[1];
  if (effective === undefined || euid === undefined) return undefined;
  const bits = BigInt(`0x${effective}`);
  const names = capabilityNames().filter((name) => (bits >> BigInt(CAPABILITIES[name])) & 1n);
  return { euid: Number(euid), capabilities: new Set(names), filtered: /^Seccomp:\s*2$/m.test(text) };
}

function capabilityNames(): Capability[] {
  return Object.keys(CAPABILITIES) as Capability[]; // keys of the table
}

/** The capabilities that this kernel tells apart: before Linux 5.8, CAP_SYS_ADMIN stood for CAP_BPF and CAP_PERFMON. */
export function knownCapabilities(kernel: Kernel): Capability[] {
  const last = readNumber(kernel, '/proc/sys/kernel/cap_last_cap') ?? Number.POSITIVE_INFINITY;
  return capabilityNames().filter((name) => CAPABILITIES[name] <= last);
}
