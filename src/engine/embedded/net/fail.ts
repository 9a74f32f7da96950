import { SysError } from '../../../errors.ts';
import { type ErrnoCode, errno } from '../../../uapi/errno.ts';

/** Ends a request with an errno and, as the extended ack, a text. */
export function fail(code: ErrnoCode, text?: string): never {
  throw new SysError(errno[code], 'netlink', text === undefined ? {} : { detail: text });
}
