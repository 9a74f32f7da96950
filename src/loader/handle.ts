import { SysError, UsageError } from '../errors.ts';
import type { Kernel } from '../sys/kernel.ts';
import { errno } from '../uapi/errno.ts';
import type { Fd } from '../uapi/fd.ts';

/** For a handle that is used after it was closed. `what` names it, e.g. `map shared`. */
export function closedHandle(what: string): SysError {
  return new SysError(errno.EBADF, 'fd', { what: `of ${what}`, detail: 'the handle is closed' });
}

/** Throws UsageError if a handle was opened in another kernel: there its fd is something else. */
export function checkKernel(kernel: Kernel, handle: { readonly kernel: Kernel; readonly label: string }): void {
  if (handle.kernel !== kernel) throw new UsageError(`${handle.label} was opened in another kernel`);
}

export function checkFd(fd: number): Fd {
  if (Number.isInteger(fd) && fd >= 0 && fd <= 0x7fffffff) return fd as Fd; // the caller says that it is this kernel's
  throw new UsageError(`fd ${String(fd)}: a file descriptor of the kernel is expected`);
}

export function checkPath(path: unknown): string {
  if (typeof path === 'string') return path;
  throw new UsageError('a map, program or link is named by { id }, { pinned: PATH } or { fd }');
}
