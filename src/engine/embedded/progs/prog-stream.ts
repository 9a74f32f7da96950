import { errno } from '../../../uapi/errno.ts';
import type { Machine } from '../machine.ts';

/** Fewer bytes wait to be read. */
const CAPACITY = 100_000;
/** Bytes of one text, with a NUL. */
const MAX_TEXT = 1024;

/** Text that a program has written, or the kernel about it, until somebody reads it. */
export class ProgStream {
  readonly #machine: Machine;
  #bytes: number[] = [];

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** `text`: one character a byte. 0, -ENOSPC, -ENOMEM. */
  write(text: string): number {
    const bytes = Array.from(text.slice(0, MAX_TEXT - 1), (c) => c.charCodeAt(0));
    if (this.#bytes.length + bytes.length >= CAPACITY) return -errno.ENOSPC;
    if (!this.#machine.charge(bytes.length)) return -errno.ENOMEM;
    this.#bytes.push(...bytes);
    return 0;
  }

  /** The first bytes that wait, as many as fit: how many. */
  read(into: Uint8Array): number {
    const read = this.#bytes.splice(0, into.length);
    this.#machine.uncharge(read.length);
    into.set(read);
    return read.length;
  }

  clear(): void {
    this.#machine.uncharge(this.#bytes.length);
    this.#bytes = [];
  }
}
