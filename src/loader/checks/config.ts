import { type Check, isThere, missing, ok, rebuild, unknown } from './check.ts';

interface Option {
  readonly why: string;
  /** The module that it may be built as. */
  readonly module?: string;
  /** Options without which a configuration does not take it. */
  readonly after?: readonly string[];
  readonly essential?: true;
}

/** The options of a kernel's configuration without which something of eBPF does not work. */
const OPTIONS: Readonly<Record<string, Option>> = {
  CONFIG_BPF_SYSCALL: { why: 'bpf(2)', essential: true },
  CONFIG_BPF_JIT: { why: 'speed, and calls of functions of the kernel' },
  CONFIG_DEBUG_INFO_BTF: { why: "the kernel's types, see BTF", after: ['DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT'] },
  CONFIG_CGROUP_BPF: { why: 'programs on cgroups' },
  CONFIG_NET_CLS_BPF: { why: 'tc filters that are programs', module: 'cls_bpf' },
  CONFIG_NET_ACT_BPF: { why: 'tc actions that are programs', module: 'act_bpf', after: ['NET_CLS_ACT'] },
  CONFIG_NET_SCH_INGRESS: {
    why: 'the qdiscs clsact and ingress, which hold filters',
    module: 'sch_ingress',
    after: ['NET_CLS_ACT'],
  },
  CONFIG_NET_CLS_ACT: { why: 'verdicts of tc filters, tcx' },
  CONFIG_XDP_SOCKETS: { why: 'AF_XDP' },
  CONFIG_BPF_STREAM_PARSER: { why: 'programs on maps of sockets' },
  CONFIG_BPF_EVENTS: { why: 'programs on kprobes, tracepoints and perf events' },
  CONFIG_KPROBE_EVENTS: { why: 'kprobes', after: ['KPROBES'] },
  CONFIG_UPROBE_EVENTS: { why: 'uprobes' },
  CONFIG_FPROBE: { why: 'kprobes on many functions at once', after: ['FUNCTION_TRACER'] },
  CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS: {
    why: 'fentry, fexit, LSM, extensions of programs',
    after: ['FUNCTION_TRACER', 'DYNAMIC_FTRACE'],
  },
  CONFIG_BPF_LSM: { why: 'LSM programs; `bpf` must be in lsm= too', after: ['SECURITY'] },
};

/** All options that a check asks for. */
export const CHECKED_OPTIONS: ReadonlySet<string> = new Set([...Object.keys(OPTIONS), 'CONFIG_SECURITY_LOCKDOWN_LSM']);

/** `path`: the file that shows the configuration, if one does. */
export function configChecks(path: string | undefined): Check[] {
  return Object.entries(OPTIONS).map(([what, option]) => ({
    what,
    source: path ?? '/boot/config-$(uname -r), /proc/config.gz',
    why: option.why,
    essential: option.essential ?? false,
    look: ({ kernel, config }) => {
      const value = config?.values.get(what);
      if (value === 'y') return ok(value);
      if (option.module !== undefined && isThere(kernel, `/sys/module/${option.module}`)) return ok('module, loaded');
      if (value === 'm') return unknown('module, not loaded', `sudo modprobe ${option.module ?? what}`);
      if (config === undefined) return unknown('not shown', 'sudo modprobe configs');
      return missing('not set', rebuild(...(option.after ?? []), what.replace('CONFIG_', '')));
    },
  }));
}
