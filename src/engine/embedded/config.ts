/** The Linux that this kernel answers like. */
export const RELEASE = '6.18.0';

/** The options of Linux that say what this kernel has; those of hardware and of what no program can tell are left out. */
// biome-ignore format: aligned table
const OPTIONS: Readonly<Record<string, 'y' | number>> = {
  CONFIG_64BIT:           'y',
  CONFIG_HZ:              250,
  CONFIG_HZ_250:          'y',
  CONFIG_BPF:             'y',
  CONFIG_BPF_SYSCALL:     'y',
  CONFIG_NET:             'y',
  CONFIG_NET_SCHED:       'y',
  CONFIG_NET_CLS:         'y',
  CONFIG_NET_CLS_BPF:     'y',
  CONFIG_NET_SCH_INGRESS: 'y',
  CONFIG_VETH:            'y',
};

/** As /proc/config.gz shows it. */
export function kernelConfig(): string {
  return Object.entries(OPTIONS)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}
