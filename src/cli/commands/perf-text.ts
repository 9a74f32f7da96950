/** PERF_TYPE_*, and the events of the first two, as perf(1) calls them. Index = number. */
const TYPES: readonly string[] = ['hardware', 'software', 'tracepoint', 'hw-cache', 'raw', 'breakpoint'];
// biome-ignore format: by number
const EVENTS: readonly (readonly string[])[] = [
  ['cpu-cycles', 'instructions', 'cache-references', 'cache-misses', 'branch-instructions', 'branch-misses', 'bus-cycles',
   'stalled-cycles-frontend', 'stalled-cycles-backend', 'ref-cycles'],
  ['cpu-clock', 'task-clock', 'page-faults', 'context-switches', 'cpu-migrations', 'minor-faults', 'major-faults', 'alignment-faults',
   'emulation-faults', 'dummy', 'bpf-output', 'cgroup-switches'],
];

export function perfEventType(type: number): string | number {
  return TYPES[type] ?? type;
}

export function perfEventName(type: number, config: bigint): string | bigint {
  return EVENTS[type]?.[Number(config)] ?? config;
}
