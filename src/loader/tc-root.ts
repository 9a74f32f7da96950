import type { Kernel } from '../sys/kernel.ts';
import { exists, joinPath, makeDirectory } from './bpffs.ts';
import type { Transaction } from './transaction.ts';

/**
 * The directories that every tc keeps in a bpffs: `tc/globals`, and links by which `ip link … xdp` and `ip route … encap bpf` find the same
 * pins. Made only when something is pinned below `tc/`.
 */
export function ensureTcRoot(kernel: Kernel, bpffs: string, transaction: Transaction): void {
  const tc = joinPath(bpffs, 'tc');
  makeDirectory(kernel, tc, transaction);
  makeDirectory(kernel, joinPath(tc, 'globals'), transaction);
  for (const alias of ['xdp', 'ip']) {
    const path = joinPath(bpffs, alias);
    if (exists(kernel, path)) continue;
    kernel.symlink(`${tc}/`, path);
    transaction.onRollback(() => kernel.unlink(path));
  }
}
