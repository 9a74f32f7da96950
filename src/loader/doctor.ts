import { SysError } from '../errors.ts';
import type { Kernel } from '../sys/kernel.ts';
import { orUndefined, readText } from './calls.ts';
import { credentials, knownCapabilities } from './capabilities.ts';
import { type Check, type Machine, unknown, type Verdict } from './checks/check.ts';
import { CHECKED_OPTIONS, configChecks } from './checks/config.ts';
import { FILE_CHECKS } from './checks/files.ts';
import { bpfSyscall, capabilityChecks, euid, memlock, userNamespace } from './checks/privileges.ts';
import { lockdown, SYSCTL_CHECKS } from './checks/settings.ts';
import { configOptions, versionCode } from './kconfig.ts';

/** One thing that eBPF needs of a machine, and how the machine stands with it. */
export interface Finding extends Verdict, Pick<Check, 'what' | 'source' | 'why' | 'essential'> {}

/**
 * What this machine has and lacks for eBPF, each with the command that mends it. Reads files of the kernel and makes one small map, which it closes; changes nothing.
 * Empty for the embedded kernel, which needs nothing.
 *
 * @example
 * for (const { what, status, fix } of diagnose(kernel)) if (status === 'missing') console.log(what, fix);
 */
export function diagnose(kernel: Kernel): Finding[] {
  if (needsNothing(kernel)) return [];
  const machine: Machine = {
    kernel,
    credentials: credentials(kernel),
    config: configOptions(kernel, CHECKED_OPTIONS),
    version: versionCode(kernel),
  };
  return checks(machine).map((check) => {
    const { what, source, why, essential } = check;
    return { what, source, why, essential, ...look(check, machine) };
  });
}

/** Whatever else a machine says where a check looks, the other checks go on. */
function look(check: Check, machine: Machine): Verdict {
  try {
    return check.look(machine);
  } catch (error) {
    if (error instanceof SysError) return unknown(error.code);
    throw error;
  }
}

function checks({ kernel, config }: Machine): Check[] {
  return [
    bpfSyscall,
    euid,
    userNamespace,
    ...capabilityChecks(knownCapabilities(kernel)),
    ...SYSCTL_CHECKS,
    memlock,
    lockdown,
    ...FILE_CHECKS,
    ...configChecks(config?.path),
  ];
}

/** The embedded kernel says who made it where a Linux says who built it, USER@HOST. */
function needsNothing(kernel: Kernel): boolean {
  const version = orUndefined(['ENOENT', 'ENOTDIR', 'EACCES'], () => readText(kernel, '/proc/version'));
  return /^Linux version \S+ \(skep\)/.test(version ?? '');
}
