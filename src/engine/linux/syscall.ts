import { arch, endianness } from 'node:os';
import { NotSupportedError, SysError } from '../../errors.ts';
import { errno } from '../../uapi/errno.ts';
import type { Ffi } from './ffi.ts';

/** The system calls that the C library has no function for. */
export interface SyscallNumbers {
  readonly bpf: number;
  readonly perfEventOpen: number;
}

/** All newer architectures have the same numbers. Source: <asm-generic/unistd.h>. */
const GENERIC: SyscallNumbers = { bpf: 280, perfEventOpen: 241 };
/** By the machine's architecture, as Node names it. Source: <asm/unistd.h>. */
const NUMBERS: Readonly<Record<string, SyscallNumbers>> = {
  x64: { bpf: 321, perfEventOpen: 298 },
  arm64: GENERIC,
  riscv64: GENERIC,
  loong64: GENERIC,
};

/** Throws NotSupportedError on an architecture that the layout of the attributes, or the number of bpf(2), is not known for. */
export function syscallNumbers(): SyscallNumbers {
  const numbers = NUMBERS[arch()];
  if (process.platform === 'linux' && numbers !== undefined && endianness() === 'LE') return numbers;
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
