import type { Features } from '../../loader/features.ts';
import type { MiscFeature } from '../../loader/probes/misc.ts';
import { CONFIG_OPTIONS, type Sysctl, type SystemConfig } from '../../loader/probes/system.ts';

/** What the value of a setting means, in bpftool's words: what there is for -1, what for 0, 1, 2, and for all other values. */
interface Meaning {
  readonly unknown: string;
  readonly values: readonly string[];
  readonly other: (value: number) => string;
}

// biome-ignore format: by setting
const SYSCTL_TEXTS: Readonly<Record<Sysctl, Meaning>> = {
  unprivileged_bpf_disabled: {
    unknown: 'Unable to retrieve required privileges for bpf() syscall',
    values: ['bpf() syscall for unprivileged users is enabled', 'bpf() syscall restricted to privileged users (without recovery)',
             'bpf() syscall restricted to privileged users (admin can change)'],
    other: (value) => `bpf() syscall restriction has unknown value ${value}`,
  },
  bpf_jit_enable: {
    unknown: 'Unable to retrieve JIT-compiler status',
    values: ['JIT compiler is disabled', 'JIT compiler is enabled', 'JIT compiler is enabled with debugging traces in kernel logs'],
    other: (value) => `JIT-compiler status has unknown value ${value}`,
  },
  bpf_jit_harden: {
    unknown: 'Unable to retrieve JIT hardening status',
    values: ['JIT compiler hardening is disabled', 'JIT compiler hardening is enabled for unprivileged users',
             'JIT compiler hardening is enabled for all users'],
    other: (value) => `JIT hardening status has unknown value ${value}`,
  },
  bpf_jit_kallsyms: {
    unknown: 'Unable to retrieve JIT kallsyms export status',
    values: ['JIT compiler kallsyms exports are disabled', 'JIT compiler kallsyms exports are enabled for root'],
    other: (value) => `JIT kallsyms exports status has unknown value ${value}`,
  },
  bpf_jit_limit: {
    unknown: 'Unable to retrieve global memory limit for JIT compiler for unprivileged users',
    values: [],
    other: (value) => `Global memory limit for JIT compiler for unprivileged users is ${value} bytes`,
  },
};

const MISC_TEXTS: Readonly<Record<MiscFeature, string>> = {
  large_insn_limit: 'Large program size limit',
  bounded_loops: 'Bounded loop support',
  v2_isa_extension: 'ISA extension v2',
  v3_isa_extension: 'ISA extension v3',
  v4_isa_extension: 'ISA extension v4',
};

/** As bpftool prints them: a section for each kind, an empty line after each. */
export function featuresText({ system, syscall, programTypes, mapTypes, helpers, misc }: Features): string {
  const sections = [
    ...(system === undefined ? [] : [['Scanning system configuration...', ...systemLines(system)]]),
    ['Scanning system call availability...', available('bpf() syscall', syscall)],
  ];
  if (syscall) {
    sections.push(
      ['Scanning eBPF program types...', ...typeLines('program_type', programTypes)],
      ['Scanning eBPF map types...', ...typeLines('map_type', mapTypes)],
      [
        'Scanning eBPF helper functions...',
        ...entries(helpers).map(([type, names]) => helperLines(type, names, programTypes[type] === true)),
      ],
      [
        'Scanning miscellaneous eBPF features...',
        ...entries(misc).map(([name, has]) => available(MISC_TEXTS[name], has)),
      ],
    );
  }
  return sections.map((lines) => `${lines.join('\n')}\n\n`).join('');
}

function systemLines({ sysctls, options }: SystemConfig): string[] {
  return [
    ...entries(sysctls).map(([name, value]) => {
      const { unknown, values, other } = SYSCTL_TEXTS[name];
      return value === -1 ? unknown : (values[value] ?? other(value));
    }),
    ...CONFIG_OPTIONS.map((name) => {
      const value = options?.[name];
      return value === undefined ? `${name} is not set` : `${name} is set to ${value}`;
    }),
  ];
}

function typeLines(what: string, types: Readonly<Record<string, boolean>>): string[] {
  return entries(types).map(([type, has]) => available(`eBPF ${what} ${type}`, has));
}

function helperLines(type: string, names: readonly string[], hasType: boolean): string {
  const head = `eBPF helpers supported for program type ${type}:`;
  if (names.length > 0) return [head, ...names.map((name) => `\t- bpf_${name}`)].join('\n');
  const why = hasType ? 'Could not determine which helpers are available' : 'Program type not supported';
  return `${head}\n\t${why}`;
}

function available(what: string, has: boolean): string {
  return `${what} is ${has ? '' : 'NOT '}available`;
}

/** bpftool's members. */
export function featuresJson({ system, syscall, programTypes, mapTypes, helpers, misc }: Features): object {
  const options = system?.options;
  return {
    system_config: system && {
      ...system.sysctls,
      ...Object.fromEntries(CONFIG_OPTIONS.map((name) => [name, options?.[name] ?? null])),
    },
    syscall_config: { have_bpf_syscall: syscall },
    ...(syscall && {
      program_types: renamed(programTypes, (type) => `have_${type}_prog_type`),
      map_types: renamed(mapTypes, (type) => `have_${type}_map_type`),
      helpers: renamed(
        helpers,
        (type) => `${type}_available_helpers`,
        (names) => names.map((name) => `bpf_${name}`),
      ),
      misc: renamed(misc, (name) => `have_${name}`),
    }),
  };
}

function renamed<V>(
  record: Readonly<Partial<Record<string, V>>>,
  rename: (name: string) => string,
  value: (value: V) => unknown = (same) => same,
): object {
  return Object.fromEntries(entries(record).map(([name, item]) => [rename(name), value(item)]));
}

/** Object.entries loses the keys' type. */
function entries<K extends string, V>(record: Readonly<Partial<Record<K, V>>>): [K, V][] {
  return Object.entries(record) as [K, V][];
}
