import type { Kernel } from '../../sys/kernel.ts';
import { orUndefined } from '../calls.ts';
import type { Credentials } from '../capabilities.ts';

/** What more than one check looks at, read once. */
export interface Machine {
  readonly kernel: Kernel;
  /** `undefined` where the kernel does not show them. */
  readonly credentials: Credentials | undefined;
  /** The configuration that the kernel was built with: the options that the checks ask for, and the file that has them. */
  readonly config: { readonly path: string; readonly values: ReadonlyMap<string, string> } | undefined;
  /** KERNEL_VERSION(a, b, c). */
  readonly version: number | undefined;
}

export interface Verdict {
  /** `unknown`: the machine does not show it. */
  readonly status: 'ok' | 'missing' | 'unknown';
  /** What there is, in a few words. */
  readonly found: string;
  /** The command that mends it, or that makes the machine show it; `undefined` where there is nothing to mend, or no way to. */
  readonly fix?: string | undefined;
}

/** One thing that eBPF needs of a machine. Looking changes nothing. */
export interface Check {
  /** Its name, as the kernel spells it. */
  readonly what: string;
  /** Where the answer comes from: a file, a call. */
  readonly source: string;
  /** What does not work without it. */
  readonly why: string;
  /** Without it hardly anything works. */
  readonly essential: boolean;
  look(machine: Machine): Verdict;
}

/** A root shell, which has what its own commands need. */
export const AS_ROOT = 'sudo -s';

/** Builds the kernel anew with these options, in the directory of its source and of its configuration. */
export function rebuild(...options: readonly string[]): string {
  return `scripts/config ${options.map((name) => `-e ${name}`).join(' ')} && make olddefconfig && make`;
}

export function ok(found: string): Verdict {
  return { status: 'ok', found };
}
export function missing(found: string, fix: string | undefined): Verdict {
  return { status: 'missing', found, fix };
}
export function unknown(found: string, fix?: string): Verdict {
  return { status: 'unknown', found, fix };
}

/** What a process meets at a path that is not there, or not for it. */
export const NOT_SHOWN = ['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM'];

export function isThere(kernel: Kernel, path: string): boolean {
  return orUndefined(NOT_SHOWN, () => kernel.stat(path)) !== undefined;
}

/** KERNEL_VERSION(a, b, 0). */
export function kernelVersion(a: number, b: number): number {
  return (a << 16) | (b << 8);
}
