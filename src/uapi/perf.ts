import type { AttrKind } from './attr.ts';

/**
 * `struct perf_event_attr` as of Linux 6.18, as far as it is used here, in the form of {@link BPF_COMMANDS}: rows that share bytes are other names for
 * them. `flags` are the bit fields (PERF_ATTR_*). The kernel takes the size from what is given.
 *
 * Source: BTF of Linux 6.18 and perf_event_open(2).
 */
// biome-ignore format: aligned table
export const PERF_EVENT_ATTR = {
  type: ['u32', 0], size: ['u32', 4], config: ['u64', 8], sample_period: ['u64', 16], sample_freq: ['u64', 16], sample_type: ['u64', 24],
  read_format: ['u64', 32], flags: ['u64', 40], wakeup_events: ['u32', 48], wakeup_watermark: ['u32', 48], bp_type: ['u32', 52],
  config1: ['u64', 56], bp_addr: ['u64', 56], kprobe_func: ['path', 56], uprobe_path: ['path', 56],
  config2: ['u64', 64], bp_len: ['u64', 64], kprobe_addr: ['u64', 64], probe_offset: ['u64', 64],
} as const satisfies Readonly<Record<string, readonly [Extract<AttrKind, 'u32' | 'u64' | 'path'>, number]>>;

/** PERF_ATTR_SIZE_VER1: up to `config2`; every kernel with bpf(2) takes it. Bytes. */
export const PERF_ATTR_SIZE = 72;

type Fields = typeof PERF_EVENT_ATTR;
type Values = { u32: number; u64: bigint; path: string };
/** What perf_event_open(2) is asked for; what is left out is zero. */
export type PerfEventAttr = { readonly [F in Exclude<keyof Fields, 'size'>]?: Values[Fields[F][0]] | undefined };

// PerfEventAttr.type: the fixed ones; probes have numbers of their own, in /sys/bus/event_source/devices/*/type.
export const PERF_TYPE_HARDWARE = 0;
export const PERF_TYPE_SOFTWARE = 1;
export const PERF_TYPE_TRACEPOINT = 2;
export const PERF_TYPE_HW_CACHE = 3;
export const PERF_TYPE_RAW = 4;
export const PERF_TYPE_BREAKPOINT = 5;

// `config` of the software events.
export const PERF_COUNT_SW_CPU_CLOCK = 0n;
export const PERF_COUNT_SW_TASK_CLOCK = 1n;
export const PERF_COUNT_SW_PAGE_FAULTS = 2n;
export const PERF_COUNT_SW_CONTEXT_SWITCHES = 3n;
export const PERF_COUNT_SW_CPU_MIGRATIONS = 4n;
export const PERF_COUNT_SW_BPF_OUTPUT = 10n;

// PerfEventAttr.flags.
export const PERF_ATTR_DISABLED = 1n << 0n;
export const PERF_ATTR_INHERIT = 1n << 1n;
export const PERF_ATTR_EXCLUDE_USER = 1n << 4n;
export const PERF_ATTR_EXCLUDE_KERNEL = 1n << 5n;
export const PERF_ATTR_FREQ = 1n << 10n;
/** `wakeup_watermark` counts, not `wakeup_events`. */
export const PERF_ATTR_WATERMARK = 1n << 14n;

// PerfEventAttr.sample_type: what a sample says besides.
export const PERF_SAMPLE_TIME = 1n << 2n;
export const PERF_SAMPLE_RAW = 1n << 10n;

// What a record in an event's memory is.
export const PERF_RECORD_LOST = 2;
export const PERF_RECORD_SAMPLE = 9;

/** perf_event_open(2) flags. */
export const PERF_FLAG_FD_CLOEXEC = 1 << 3;

/**
 * The requests of ioctl(2) that the seam takes: those whose argument is a number, never an address. Source: <linux/perf_event.h>.
 */
// biome-ignore format: aligned table
export const IOCTLS = {
  PERF_EVENT_IOC_ENABLE:  0x2400,
  PERF_EVENT_IOC_DISABLE: 0x2401,
  PERF_EVENT_IOC_REFRESH: 0x2402,
  PERF_EVENT_IOC_RESET:   0x2403,
  PERF_EVENT_IOC_SET_BPF: 0x40042408,
} as const satisfies Readonly<Record<string, number>>;
export type Ioctl = keyof typeof IOCTLS;

// struct perf_event_mmap_page, the first page of a mapped event: offsets of what is read and written of it, each a u64.
export const PERF_PAGE_DATA_HEAD = 1024;
export const PERF_PAGE_DATA_TAIL = 1032;
export const PERF_PAGE_DATA_OFFSET = 1040;
export const PERF_PAGE_DATA_SIZE = 1048;
/** struct perf_event_header: u32 type, u16 misc, u16 size of the record with it. Bytes. */
export const PERF_EVENT_HEADER_SIZE = 8;
