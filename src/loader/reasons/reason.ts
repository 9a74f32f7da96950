import type { SysError } from '../../errors.ts';
import type { Kernel } from '../../sys/kernel.ts';
import type { Finding } from '../doctor.ts';

/** One likely reason why a kernel refused a call. */
export interface Reason {
  /** A sentence without its full stop. */
  readonly why: string;
  /** The command that mends it; `undefined` where `why` says all, or nothing mends it. */
  readonly fix?: string | undefined;
}

/** A call that a kernel refused. */
export interface Refusal {
  readonly kernel: Kernel;
  readonly error: SysError;
  /** What bpf(2) was given; empty for other calls. */
  readonly attr: Readonly<Record<string, unknown>>;
  /** What `diagnose` finds of this name, if that is missing: the machine is looked at once, when a rule first asks. */
  lacks(what: string): Finding | undefined;
}

/** Reasons for some refusals: none for those it knows nothing of. Asks kernels for features, and changes nothing. */
export type Rule = (refusal: Refusal) => readonly Reason[];

/** A number of the attributes; 0, as for the kernel, where it is not given. */
export function numberOf({ attr }: Refusal, field: string): number {
  const value = attr[field];
  return typeof value === 'number' ? value : 0;
}
