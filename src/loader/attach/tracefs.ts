import { NotSupportedError, SysError } from '../../errors.ts';
import type { Kernel } from '../../sys/kernel.ts';
import { orUndefined, readBytes, readText } from '../calls.ts';

/** Where tracefs is, mounted by itself or as part of debugfs. */
export const TRACEFS = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'];

/** The text of a file of tracefs. Throws NotSupportedError if tracefs is not mounted, SysError ENOENT if it has no such file. */
export function readTracefs(kernel: Kernel, file: string, max = 1 << 20): string {
  for (const root of TRACEFS) {
    const bytes = orUndefined(['ENOENT', 'ENOTDIR'], () => readBytes(kernel, `${root}/${file}`, max));
    if (bytes !== undefined) return new TextDecoder().decode(bytes);
  }
  if (TRACEFS.every((root) => orUndefined(['ENOENT', 'ENOTDIR'], () => kernel.stat(`${root}/events`)) === undefined)) {
    throw new NotSupportedError('tracing without tracefs', {
      instead: 'mount it with `mount -t tracefs tracefs /sys/kernel/tracing`',
    });
  }
  throw new SysError(2, 'open', { what: `${TRACEFS[0]}/${file}` });
}

/** The number of a PMU for perf_event_open, by its name in sysfs. Throws NotSupportedError if the kernel has none. */
export function pmuType(kernel: Kernel, pmu: 'kprobe' | 'uprobe'): number {
  const text = orUndefined('ENOENT', () => readText(kernel, `/sys/bus/event_source/devices/${pmu}/type`));
  if (text !== undefined) return Number(text.trim());
  throw new NotSupportedError(`${pmu}s on this kernel`, { since: '4.17, CONFIG_KPROBES and CONFIG_UPROBES' });
}

/** The bit of `config` that makes a return probe of a probe, e.g. 0 for `config:0`. */
export function returnProbeBit(kernel: Kernel, pmu: 'kprobe' | 'uprobe'): bigint {
  const text = readText(kernel, `/sys/bus/event_source/devices/${pmu}/format/retprobe`);
  return BigInt(/^config:(\d+)/.exec(text)?.[1] ?? 0);
}
