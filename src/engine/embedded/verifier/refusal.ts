import { type ErrnoCode, errno } from '../../../uapi/errno.ts';

/** The program is not safe, or not shown to be. Caught where the verification begins. */
export class Refusal extends Error {
  /** The name of an errno, or its number. */
  readonly code: ErrnoCode | number;

  constructor(code: ErrnoCode | number, message: string) {
    super(message);
    this.code = code;
  }

  /** Positive. */
  get errno(): number {
    return typeof this.code === 'number' ? this.code : errno[this.code];
  }
}
