import type { ErrnoCode } from '../../../uapi/errno.ts';
import { errno } from '../../../uapi/errno.ts';

/** Why a program cannot be loaded: a positive errno, and the line of the log. */
export interface Rejection {
  readonly errno: number;
  readonly message: string;
}

export function reject(message: string, code: ErrnoCode = 'EINVAL'): Rejection {
  return { errno: errno[code], message };
}
