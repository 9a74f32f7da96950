import { arch, endianness } from 'node:os';
import { NotSupportedError, SysError } from '../../errors.ts';
import { errno } from '../../uapi/errno.ts';
import type { Ffi } from './ffi.ts';

/** Number of bpf(2) by the machine's architecture, as Node names it. Source: <asm/unistd.h>. */
const BPF_SYSCALL: Readonly<Record<string, number>> = { x64: 321, arm64: 280, riscv64: 280, loong64: 280 };

/** Throws NotSupportedError on an architecture that the layout of the attributes, or the number of bpf(2), is not known for. */
export function bpfSyscallNumber(): number {
  const number = BPF_SYSCALL[arch()];
  if (process.platform === 'linux' && number !== undefined && endianness() === 'LE') return number;
  throw new NotSupportedError(`bpf(2) on ${process.platform} ${arch()}`, { instead: 'use the embedded kernel' });
}

/** `result` unless it is the -1 of a failed C function; then SysError with errno. The one place where errno is read. */
export function check(ffi: Ffi, result: number, syscall: string, what?: string): number {
  if (result !== -1) return result;
  throw new SysError(ffi.errno(), syscall, what === undefined ? {} : { what });
}

/** Runs a call of node:fs and turns its error into SysError. */
export function checkFs<T>(syscall: string, what: string, call: () => T): T {
  try {
    return call();
  } catch (cause) {
    throw new SysError(fsErrno(cause), syscall, { what, cause });
  }
}

function fsErrno(cause: unknown): number {
  // node:fs gives -errno; anything else is its own complaint about an argument, e.g. a NUL in a path.
  if (cause instanceof Error && 'errno' in cause && typeof cause.errno === 'number') return -cause.errno;
  return errno.EINVAL;
}
