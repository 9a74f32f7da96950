import { errno } from '../../../uapi/errno.ts';

const BPF_LOG_LEVEL = 1 | 2;
const BPF_LOG_STATS = 4;
/** Keep the head of a log that does not fit; else the tail is kept. */
const BPF_LOG_FIXED = 8;
const BPF_LOG_MASK = BPF_LOG_LEVEL | BPF_LOG_STATS | BPF_LOG_FIXED;

export interface LogRequest {
  readonly level: number;
  /** Bytes of `buffer` that may be filled. */
  readonly size: number;
  readonly buffer: Uint8Array | undefined;
}

/** 0, or -EINVAL for a request that no kernel takes: unknown bits, a buffer without a size or a level. */
export function checkLogRequest({ level, size, buffer }: LogRequest): number {
  if ((buffer === undefined) !== (size === 0)) return -errno.EINVAL;
  if (buffer !== undefined && level === 0) return -errno.EINVAL;
  if (level & ~BPF_LOG_MASK || size > 0xffffffff >>> 2) return -errno.EINVAL;
  return 0;
}

/**
 * Puts the text into the buffer, NUL-terminated, and says how many bytes the whole of it takes with its NUL; 0 if no log was asked for. `longest`: bytes
 * that it took when it was longest, if some of it was forgotten.
 */
export function writeLog({ level, size, buffer }: LogRequest, text: string, longest = 0): number {
  if (level === 0) return 0;
  const bytes = new TextEncoder().encode(text);
  if (buffer !== undefined && size > 0) {
    const room = Math.min(size, buffer.length) - 1;
    const kept =
      bytes.length <= room
        ? bytes
        : level & BPF_LOG_FIXED
          ? bytes.subarray(0, room)
          : bytes.subarray(-room || bytes.length);
    buffer.set(kept);
    buffer[kept.length] = 0;
  }
  return Math.max(bytes.length, longest) + 1;
}
