import { errno } from '../../../uapi/errno.ts';
import type { CheckedAttr } from './attr.ts';

/** A buffer of the caller's, and what belongs there for each program. */
type Column = readonly [buffer: Uint32Array | undefined, values: readonly number[]];

/**
 * What BPF_PROG_QUERY answers: how many programs there are, and of them as many as there is room for, the first column being their ids. 0, -ENOSPC if that
 * is not all, or -EFAULT.
 */
export function answerQuery(
  attr: CheckedAttr<'BPF_PROG_QUERY'>,
  ids: readonly number[],
  more: readonly Column[] = [],
): number {
  const room = attr.count;
  attr.count = ids.length;
  if (room === 0 || attr.prog_ids === undefined) return 0;
  const shown = Math.min(room, ids.length);
  const columns: readonly Column[] = [[attr.prog_ids, ids], ...more];
  if (columns.some(([buffer]) => buffer !== undefined && buffer.length < shown)) return -errno.EFAULT;
  for (const [buffer, values] of columns) buffer?.set(values.slice(0, shown));
  return shown < ids.length ? -errno.ENOSPC : 0;
}
