import { SysError } from '../errors.ts';
import type { Kernel } from '../sys/kernel.ts';
import { diagnose, type Finding } from './doctor.ts';
import { machineLacks } from './reasons/machine.ts';
import { elementRefused, mapRefused } from './reasons/map.ts';
import { pinRefused } from './reasons/pin.ts';
import { attachRefused, programRefused } from './reasons/program.ts';
import type { Reason, Refusal, Rule } from './reasons/reason.ts';

export type { Reason } from './reasons/reason.ts';

const RULES: readonly Rule[] = [machineLacks, mapRefused, elementRefused, programRefused, attachRefused, pinRefused];

/**
 * Why a kernel may have refused a call with a number that says little (EPERM, EINVAL, …), likeliest first: what the machine lacks, as `diagnose` finds it, and
 * what the call should have been given. Empty for errors that are no kernel's, and where nothing is known. May ask the kernel for features, by maps and programs
 * that are closed at once.
 *
 * @example
 * try {
 *   load(kernel, object).close();
 * } catch (error) {
 *   for (const { why, fix } of explain(kernel, error)) console.error(why, fix);
 *   throw error;
 * }
 */
export function explain(kernel: Kernel, error: unknown): Reason[] {
  const refused = rootRefusal(error);
  if (refused === undefined) return [];
  let findings: readonly Finding[] | undefined;
  const refusal: Refusal = {
    kernel,
    error: refused,
    attr: refused.attr ?? {},
    lacks(what) {
      findings ??= diagnose(kernel);
      return findings.find((finding) => finding.what === what && finding.status === 'missing');
    },
  };
  return RULES.flatMap((rule) => [...rule(refusal)]);
}

/** The first error of a chain of causes: the one that knows what the call was given. */
function rootRefusal(error: unknown): SysError | undefined {
  let root: SysError | undefined;
  const seen = new Set<unknown>();
  for (let at = error; at instanceof Error && !seen.has(at); at = at.cause) {
    seen.add(at);
    if (at instanceof SysError) root = at;
  }
  return root;
}
