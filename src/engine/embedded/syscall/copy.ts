import { errno } from '../../../uapi/errno.ts';
import type { Process } from '../process.ts';

/**
 * Address of a copy of the `size` bytes that the caller gives, for the length of the call; -EFAULT if there are fewer, -ENOMEM. No bytes need no buffer. `name` is for
 * the message.
 */
export function copyFrom(process: Process, name: string, bytes: Uint8Array | undefined, size: number): number {
  if (size === 0) return process.machine.scratch.take(0) || -errno.ENOMEM;
  if (bytes === undefined || bytes.length < size) return tooShort(process, name, bytes, size);
  return process.machine.scratch.put(bytes.subarray(0, size)) || -errno.ENOMEM;
}

/** Address of `size` bytes for something to be filled, or -ENOMEM. */
export function room(process: Process, size: number): number {
  return process.machine.scratch.take(size) || -errno.ENOMEM;
}

/** 0 if the caller's buffer has room for `size` bytes. */
export function checkRoom(process: Process, name: string, bytes: Uint8Array | undefined, size: number): number {
  return size === 0 || (bytes !== undefined && bytes.length >= size) ? 0 : tooShort(process, name, bytes, size);
}

/** Copies `size` bytes from `at` in linear memory to the caller's buffer, from `offset` on. */
export function copyTo(process: Process, bytes: Uint8Array | undefined, at: number, size: number, offset = 0): void {
  bytes?.set(process.machine.memory.u8.subarray(at, at + size), offset);
}

/** Copies a text to a buffer of `size` bytes as far as it fits, always with a NUL: 0, or -ENOSPC if it is cut off, or -EFAULT. No bytes need no buffer. */
export function copyText(
  process: Process,
  name: string,
  buffer: Uint8Array | undefined,
  size: number,
  text: string,
): number {
  if (size === 0) return 0;
  if (buffer === undefined || buffer.length < size) return tooShort(process, name, buffer, size);
  const whole = new TextEncoder().encode(`${text}\0`);
  buffer.set(whole.subarray(0, size));
  if (size >= whole.length) return 0;
  buffer[size - 1] = 0;
  return -errno.ENOSPC;
}

function tooShort(process: Process, name: string, bytes: Uint8Array | undefined, size: number): number {
  const found = bytes === undefined ? 'missing' : `${bytes.length} bytes long`;
  return process.fail(errno.EFAULT, `${name} is ${found}, but the kernel would use ${size}`);
}
