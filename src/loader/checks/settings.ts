import { orUndefined, readNumber, readText } from '../calls.ts';
import { SYSCTLS } from '../probes/system.ts';
import { AS_ROOT, type Check, isThere, type Machine, missing, NOT_SHOWN, ok, unknown, type Verdict } from './check.ts';
import { holds } from './privileges.ts';

/** `judge` is only asked about values that the machine shows. */
function sysctl(path: string, why: string, judge: (value: number, machine: Machine) => Verdict): Check {
  return {
    what: path.replace('/proc/sys/', '').replaceAll('/', '.'),
    source: path,
    why,
    essential: false,
    look(machine) {
      const value = readNumber(machine.kernel, path);
      if (value !== undefined) return judge(value, machine);
      return isThere(machine.kernel, path) ? unknown('not for this user to read', AS_ROOT) : unknown('not shown');
    },
  };
}

function set(name: string, value: number): string {
  return `sudo sysctl -w ${name}=${value}`;
}

// Fixes end at a reboot, on purpose: who wants them to stay knows where.
export const SYSCTL_CHECKS: readonly Check[] = [
  sysctl(
    SYSCTLS.unprivileged_bpf_disabled,
    'users without capabilities may not call bpf(2); to let them is a risk',
    (value, { credentials: who }) => {
      if (value === 0 || (who !== undefined && holds(who, 'CAP_BPF'))) return ok(String(value));
      // 1 stays until the next start of the machine.
      return missing(String(value), value === 1 ? AS_ROOT : set('kernel.unprivileged_bpf_disabled', 0));
    },
  ),
  sysctl(
    SYSCTLS.bpf_jit_enable,
    'programs are interpreted, several times slower, and some types do not load',
    (value) => (value === 0 ? missing('0', set('net.core.bpf_jit_enable', 1)) : ok(String(value))),
  ),
  sysctl(SYSCTLS.bpf_jit_harden, "2 blinds constants in root's programs too, which makes them slower", (value) =>
    value >= 2 ? missing(String(value), set('net.core.bpf_jit_harden', 1)) : ok(String(value)),
  ),
  sysctl(
    '/proc/sys/kernel/perf_event_paranoid',
    'programs on perf events, for users without CAP_PERFMON',
    (value, { credentials: who }) =>
      value <= 1 || (who !== undefined && holds(who, 'CAP_PERFMON'))
        ? ok(String(value))
        : missing(String(value), set('kernel.perf_event_paranoid', 1)),
  ),
  sysctl(
    '/proc/sys/kernel/kptr_restrict',
    'addresses in /proc/kallsyms, for __ksym variables and the names of functions',
    (value, { credentials: who }) => {
      if (value === 0 || (value === 1 && who?.euid === 0)) return ok(String(value));
      return missing(String(value), set('kernel.kptr_restrict', value === 2 && who?.euid === 0 ? 1 : 0));
    },
  ),
];

const RELOCK =
  "sudo sed -i 's/lockdown=confidentiality/lockdown=integrity/' /etc/default/grub && sudo update-grub && sudo reboot";
const LOCKDOWN = '/sys/kernel/security/lockdown';

export const lockdown: Check = {
  what: 'lockdown',
  source: LOCKDOWN,
  why: 'at `confidentiality` programs may not read the memory of the kernel, so most tracing is refused',
  essential: false,
  look({ kernel, config }) {
    const text = orUndefined(NOT_SHOWN, () => readText(kernel, LOCKDOWN));
    const mode = /\[(\w+)\]/.exec(text ?? '')?.[1];
    // A machine locks itself when it starts, and until it ends.
    if (mode === 'confidentiality') return missing(mode, RELOCK);
    if (mode !== undefined) return ok(mode);
    if (config !== undefined && !config.values.has('CONFIG_SECURITY_LOCKDOWN_LSM')) return ok('not built in');
    return unknown('not shown', 'sudo mount -t securityfs securityfs /sys/kernel/security');
  },
};
