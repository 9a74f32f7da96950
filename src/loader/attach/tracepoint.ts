import { UsageError } from '../../errors.ts';
import { PERF_TYPE_TRACEPOINT } from '../../uapi/perf.ts';
import type { Attachment } from '../link.ts';
import type { BpfProgram } from '../program.ts';
import { attachToEvent } from './perf-event.ts';
import { readTracefs } from './tracefs.ts';

/**
 * Attaches a program of type tracepoint, e.g. to category `syscalls` and name `sys_enter_openat`. Throws SysError ENOENT if there is no such
 * tracepoint, NotSupportedError without tracefs.
 *
 * @example
 * using attached = attachTracepoint(program, 'sched', 'sched_switch');
 */
export function attachTracepoint(
  program: BpfProgram,
  category: string,
  name: string,
  { cookie }: { readonly cookie?: bigint | undefined } = {},
): Attachment {
  for (const word of [category, name]) {
    if (!/^[\w.-]+$/.test(word) || word === '.' || word === '..') {
      throw new UsageError(`'${word}' is no name of a tracepoint or its category`);
    }
  }
  const id = readTracefs(program.kernel, `events/${category}/${name}/id`).trim();
  const event = { type: PERF_TYPE_TRACEPOINT, config: BigInt(id) };
  return attachToEvent(program, `on tracepoint ${category}/${name}`, event, { pid: -1, cpu: 0, cookie });
}
