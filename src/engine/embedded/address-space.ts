import { errno } from '../../uapi/errno.ts';
import { HOST_PAGE } from './maps/array.ts';

interface Region {
  readonly start: number;
  readonly end: number;
}

/** The end of what a process of x86-64 may map. */
const TASK_SIZE = 2 ** 47 - HOST_PAGE;
const SZ_4G = 2 ** 32;

/** The addresses that a process has mapped memory at. They are names alone: JavaScript gets at the memory by its bytes. */
export class AddressSpace {
  readonly #regions = new Set<Region>();

  /** Whether something can be mapped there, and nothing is (MAP_FIXED_NOREPLACE): 0 or -errno. */
  check(start: number, length: number): number {
    if (start % HOST_PAGE !== 0) return -errno.EINVAL;
    if (start + length > TASK_SIZE) return -errno.ENOMEM;
    return this.#isTaken(start, length) ? -errno.EEXIST : 0;
  }

  /** An address for so many bytes: the one that is given, or else with the same low word. */
  choose(start: number, length: number): number {
    let at = start;
    while (this.#isTaken(at, length)) at += SZ_4G;
    return at + length <= TASK_SIZE ? at : -errno.ENOMEM;
  }

  /** What is called when the mapping ends. */
  add(start: number, length: number): () => void {
    const region = { start, end: start + length };
    this.#regions.add(region);
    return () => this.#regions.delete(region);
  }

  #isTaken(start: number, length: number): boolean {
    for (const region of this.#regions) if (start < region.end && region.start < start + length) return true;
    return false;
  }
}
