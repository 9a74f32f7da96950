import type { Kernel } from '../../sys/kernel.ts';
import { readNumber } from '../calls.ts';
import { configOptions } from '../kconfig.ts';

/** The settings of the kernel that concern eBPF, by their names in bpftool's JSON. */
// biome-ignore format: aligned table
export const SYSCTLS = {
  unprivileged_bpf_disabled: '/proc/sys/kernel/unprivileged_bpf_disabled',
  bpf_jit_enable:            '/proc/sys/net/core/bpf_jit_enable',
  bpf_jit_harden:            '/proc/sys/net/core/bpf_jit_harden',
  bpf_jit_kallsyms:          '/proc/sys/net/core/bpf_jit_kallsyms',
  bpf_jit_limit:             '/proc/sys/net/core/bpf_jit_limit',
} as const satisfies Record<string, string>;
export type Sysctl = keyof typeof SYSCTLS;

/** The options of the kernel's configuration that concern eBPF, in bpftool's order. */
// biome-ignore format: by subject
export const CONFIG_OPTIONS = [
  'CONFIG_BPF', 'CONFIG_BPF_SYSCALL', 'CONFIG_HAVE_EBPF_JIT', 'CONFIG_BPF_JIT', 'CONFIG_BPF_JIT_ALWAYS_ON', 'CONFIG_DEBUG_INFO_BTF',
  'CONFIG_DEBUG_INFO_BTF_MODULES',
  'CONFIG_CGROUPS', 'CONFIG_CGROUP_BPF', 'CONFIG_CGROUP_NET_CLASSID', 'CONFIG_SOCK_CGROUP_DATA',
  'CONFIG_BPF_EVENTS', 'CONFIG_KPROBE_EVENTS', 'CONFIG_UPROBE_EVENTS', 'CONFIG_TRACING', 'CONFIG_FTRACE_SYSCALLS',
  'CONFIG_FUNCTION_ERROR_INJECTION', 'CONFIG_BPF_KPROBE_OVERRIDE',
  'CONFIG_NET', 'CONFIG_XDP_SOCKETS', 'CONFIG_LWTUNNEL_BPF', 'CONFIG_NET_ACT_BPF', 'CONFIG_NET_CLS_BPF', 'CONFIG_NET_CLS_ACT',
  'CONFIG_NET_SCH_INGRESS', 'CONFIG_XFRM', 'CONFIG_IP_ROUTE_CLASSID', 'CONFIG_IPV6_SEG6_BPF', 'CONFIG_BPF_LIRC_MODE2',
  'CONFIG_BPF_STREAM_PARSER', 'CONFIG_NETFILTER_XT_MATCH_BPF',
  'CONFIG_TEST_BPF', 'CONFIG_HZ',
] as const;
export type ConfigOption = (typeof CONFIG_OPTIONS)[number];

/** How a kernel is set and built. */
export interface SystemConfig {
  /** -1: the kernel does not have it, or does not show it to this process. */
  readonly sysctls: Readonly<Record<Sysctl, number>>;
  /** As they stand in the configuration (`y`, `m`, `250`); `undefined` those that are not set, and as a whole where the kernel does not show it. */
  readonly options: Readonly<Record<ConfigOption, string | undefined>> | undefined;
}

export function systemConfig(kernel: Kernel): SystemConfig {
  const sysctls = Object.entries(SYSCTLS).map(([name, path]) => [name, readNumber(kernel, path) ?? -1]);
  const config = configOptions(kernel, new Set(CONFIG_OPTIONS));
  const options = config && CONFIG_OPTIONS.map((name) => [name, config.values.get(name)]);
  return {
    sysctls: Object.fromEntries(sysctls) as SystemConfig['sysctls'], // fromEntries loses the keys
    options: options && (Object.fromEntries(options) as SystemConfig['options']), // as above
  };
}
