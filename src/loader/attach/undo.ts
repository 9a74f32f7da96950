import type { ProgId } from '../../uapi/fd.ts';
import { orUndefined } from '../calls.ts';
import type { BpfMap } from '../map.ts';
import { type BpfProgram, openProgram } from '../program.ts';
import type { Transaction } from '../transaction.ts';

/** The handles of loads that are at their last step, each with what takes its load back. */
const loading = new WeakMap<BpfProgram | BpfMap, Transaction>();

/** Runs the last step of a load: what is attached meanwhile without a link is taken back with the load. */
export function lastStep(transaction: Transaction, handles: readonly (BpfProgram | BpfMap)[], step: () => void): void {
  for (const handle of handles) loading.set(handle, transaction);
  try {
    step();
  } finally {
    for (const handle of handles) loading.delete(handle);
  }
}

/** Has the load of one of these, if it is at its last step, do so if it fails. */
export function undoWith(handles: readonly (BpfProgram | BpfMap)[], undo: () => void): void {
  const [transaction] = handles.flatMap((handle) => loading.get(handle) ?? []);
  transaction?.onRollback(undo);
}

/**
 * Attaches a program, and has its load do the opposite if it fails. `former`: the program whose place it may take, which `undo` is then given to put it
 * back.
 */
export function attachUndoably<T>(
  program: BpfProgram,
  former: () => ProgId | undefined,
  attach: () => T,
  undo: (former: BpfProgram | undefined, attached: T) => void,
): T {
  const transaction = loading.get(program);
  if (transaction === undefined) return attach();
  const before = orUndefined(UNKNOWN, () => {
    const id = former();
    return id === undefined ? undefined : openProgram(program.kernel, { id });
  });
  if (before !== undefined) transaction.onEnd(() => before.close());
  const attached = attach();
  transaction.onRollback(() => undo(before, attached));
  return attached;
}

/** What a kernel answers that cannot say who is there, or where nobody is. */
const UNKNOWN = ['EINVAL', 'ENOENT', 'ENOTSUPP', 'EOPNOTSUPP', 'EPERM'];
