import type { Machine } from '../machine.ts';
import type { Entries } from './tree.ts';

/** What /sys holds: the CPUs, and the directories to mount on. */
export function sysEntries(machine: Machine): Entries {
  const cpus = { text: () => (machine.cpus === 1 ? '0\n' : `0-${machine.cpus - 1}\n`) };
  return {
    devices: {
      entries: { system: { entries: { cpu: { entries: { possible: cpus, present: cpus, online: cpus } } } } },
    },
    fs: { entries: { bpf: { entries: {} }, cgroup: { entries: {} } } },
    kernel: { entries: { tracing: { entries: {} }, debug: { entries: {} } } },
  };
}
