import type { Machine } from '../machine.ts';
import type { Entries, Entry } from './tree.ts';

/** What tracefs holds: the trace pipe, the tracepoints by category, and the functions that kprobes can be on. */
export function tracefsEntries({ tracing }: Machine): Entries {
  return {
    trace_pipe: { pipe: true },
    available_filter_functions: { text: () => [...tracing.functions.keys()].map((name) => `${name}\n`).join('') },
    events: { dynamic: () => categories() },
  };

  function categories(): Entries {
    const byCategory = new Map<string, Record<string, Entry>>();
    for (const { category, name, id, record } of tracing.tracepoints.values()) {
      const events = byCategory.get(category) ?? {};
      const format = () => `name: ${name}\nID: ${id}\nformat:\n${record.format()}`;
      events[name] = { entries: { id: { text: () => `${id}\n` }, format: { text: format } } };
      byCategory.set(category, events);
    }
    return Object.fromEntries([...byCategory].map(([category, entries]) => [category, { entries }]));
  }
}
