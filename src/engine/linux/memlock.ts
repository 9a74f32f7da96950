import type { Ffi } from './ffi.ts';

const RLIMIT_MEMLOCK = 8;

let tried = false;

/**
 * Lifts the limit of locked memory, which Linux < 5.11 holds maps and programs against and answers EPERM where it is too low. True if that has
 * changed anything, so that the call is worth another try; at most once in a process.
 */
export function raiseMemlock(ffi: Ffi): boolean {
  if (tried) return false;
  tried = true;
  const { address, bytes } = ffi.alloc(16);
  bytes.fill(0xff); // RLIM_INFINITY twice
  const result = ffi.libc.setrlimit(RLIMIT_MEMLOCK, address);
  ffi.free(address);
  return result === 0;
}
