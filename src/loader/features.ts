import type { Kernel } from '../sys/kernel.ts';
import type { MapType, ProgType } from '../uapi/bpf.ts';
import type { HelperName } from '../uapi/helpers.ts';
import { findDevice } from './devices.ts';
import { hasMapType, mapTypesToProbe } from './probes/map.ts';
import { MISC_FEATURES, type MiscFeature } from './probes/misc.ts';
import { ProgramProbe } from './probes/program.ts';
import { type SystemConfig, systemConfig } from './probes/system.ts';

/** What a kernel has of eBPF, as it answers when it is asked for it. */
export interface Features {
  /** `undefined` for a device. */
  readonly system: SystemConfig | undefined;
  /** Whether there is a bpf(2); if not, all else is empty. */
  readonly syscall: boolean;
  /** Every type that was asked for, and whether it is there. */
  readonly programTypes: Readonly<Partial<Record<ProgType, boolean>>>;
  readonly mapTypes: Readonly<Partial<Record<MapType, boolean>>>;
  /**
   * The helpers that programs of each type may call, without `bpf_`. Empty for types that are not there, and for tracing, struct_ops, ext and lsm, whose
   * helpers depend on what they are attached to.
   */
  readonly helpers: Readonly<Partial<Record<ProgType, readonly HelperName[]>>>;
  readonly misc: Readonly<Partial<Record<MiscFeature, boolean>>>;
}

export interface ProbeOptions {
  /** Ask what this network device runs itself, not the kernel. */
  readonly device?: string | undefined;
  /** Ask also for trace_printk, trace_vprintk and probe_write_user, which the kernel answers with a line in its log. Default: false. */
  readonly full?: boolean | undefined;
}

/**
 * Asks a kernel what it has of eBPF, by thousands of tiny programs and maps, of which none stays and nothing is attached: this takes about a second. What the kernel
 * does not permit to this process counts as not there.
 *
 * Throws SysError ENODEV if there is no such device.
 *
 * @example
 * const { programTypes, helpers } = probeFeatures(kernel);
 * if (programTypes.xdp && helpers.xdp?.includes('redirect_map')) attach();
 */
export function probeFeatures(kernel: Kernel, { device, full = false }: ProbeOptions = {}): Features {
  const ifindex = device === undefined ? 0 : findDevice(kernel, device).ifindex;
  const system = device === undefined ? systemConfig(kernel) : undefined;
  const probe = new ProgramProbe(kernel, ifindex);
  if (!probe.hasBpf()) return { system, syscall: false, programTypes: {}, mapTypes: {}, helpers: {}, misc: {} };
  const programTypes = record(probe.types, (type) => probe.hasType(type));
  return {
    system,
    syscall: true,
    programTypes,
    mapTypes: record(mapTypesToProbe(ifindex), (type) => hasMapType(kernel, type, ifindex)),
    helpers: record(probe.types, (type) => (programTypes[type] ? probe.helpers(type, full) : [])),
    misc: record(MISC_NAMES, (name) => probe.loads(MISC_FEATURES[name]())),
  };
}

const MISC_NAMES = Object.keys(MISC_FEATURES) as MiscFeature[]; // keys of the table

function record<K extends string, V>(names: readonly K[], value: (name: K) => V): Record<K, V> {
  return Object.fromEntries(names.map((name) => [name, value(name)])) as Record<K, V>; // fromEntries loses the keys
}
