import { type ErrnoCode, errno } from '../../../uapi/errno.ts';

/** The program is not safe, or not shown to be. Caught where the verification begins. */
export class Refusal extends Error {
  readonly code: ErrnoCode;

  constructor(code: ErrnoCode, message: string) {
    super(message);
    this.code = code;
  }

  /** Positive. */
  get errno(): number {
    return errno[this.code];
  }
}
