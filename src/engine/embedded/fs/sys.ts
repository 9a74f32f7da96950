import type { Machine } from '../machine.ts';
import { KPROBE_PMU } from '../trace/probe-event.ts';
import type { Entries, Entry } from './tree.ts';

/** The PMU of kprobes: how perf_event_open(2) names it. */
const KPROBE: Entry = {
  entries: {
    type: { text: () => `${KPROBE_PMU}\n` },
    format: { entries: { retprobe: { text: () => 'config:0\n' } } },
  },
};

/** What /sys holds: the CPUs, and the directories to mount on. */
export function sysEntries(machine: Machine): Entries {
  const cpus = { text: () => (machine.cpus === 1 ? '0\n' : `0-${machine.cpus - 1}\n`) };
  return {
    devices: {
      entries: {
        system: { entries: { cpu: { entries: { possible: cpus, present: cpus, online: cpus } } } },
      },
    },
    bus: { entries: { event_source: { entries: { devices: { entries: { kprobe: KPROBE } } } } } },
    fs: { entries: { bpf: { entries: {} }, cgroup: { entries: {} } } },
    kernel: {
      entries: {
        btf: { entries: { vmlinux: { text: () => machine.vmlinux.bytes } } },
        tracing: { entries: {} },
        debug: { entries: {} },
      },
    },
  };
}
