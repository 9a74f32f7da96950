import { errno } from '../../../uapi/errno.ts';
import type { Machine } from '../machine.ts';
import { APART } from '../memory.ts';
import { HASH, type Layout } from './hash-layout.ts';

// Offsets in what a CPU has.
export const FREE = 0;
export const FRESH = 4;
export const END = 8;
export const LIST_LOCK = 12;
export const SPARE = 64;
export const COUNT = 68;
export const HAND = 72;
export const RANGE = 76;
export const RANGE_SIZE = 80;

/** Fewer places than this for each CPU are no range of its own. */
const MIN_RANGE = 64;

/** Where the elements of a hash map lie, by their places. */
export interface Places {
  /** Elements that are in the map. */
  readonly count: number;
  add(count: number): void;
  /** Address of the element at a place that there is. */
  at(place: number): number;
  has(place: number): boolean;
  /** Places that may have elements. */
  taken(): Iterable<number>;
  /** A place that no element has; 0 if all are taken, or -errno. */
  take(): number;
  /** Gives a place back. */
  give(place: number): void;
  /** A place for a new value of a key that is there, or -errno. */
  takeSpare(): number;
  /** Gives back the place of the old value. */
  giveSpare(place: number): void;
}

/**
 * Who may use which places of a hash map. The places are in as many ranges as there are CPUs, so that elements which lie together are written by one CPU, as long as it has places. Of each CPU:
 *
 *      0            4           8         12      16      64                68                72             76                 84
 *     ┌────────────┬───────────┬─────────┬───────┬───────┬─────────────────┬─────────────────┬──────────────┬──────────────────┐
 *     │ first free │ next that │ end of  │ lock  │       │ what the next   │ elements that   │ what LRU     │ first place and  │
 *     │ place, or 0│ was never │ the     │ of    │       │ new value takes │ it has put in   │ looks at     │ size of what LRU │
 *     │            │ used      │ range   │ these │       │                 │ more than out   │ next         │ looks at         │
 *     └────────────┴───────────┴─────────┴───────┴───────┴─────────────────┴─────────────────┴──────────────┴──────────────────┘
 *
 * Free places are a list through the `hash` of their elements. Whose places are all taken takes those of others: what is behind the lock is the only thing here that CPUs touch of each other.
 */
export class HashPlaces implements Places {
  readonly address: number;
  readonly #machine: Machine;
  readonly #layout: Layout;
  /** Address of what would be the element at place 0. */
  readonly #zeroth: number;

  constructor(machine: Machine, layout: Layout, address: number, zeroth: number) {
    this.#machine = machine;
    this.#layout = layout;
    this.address = address;
    this.#zeroth = zeroth;
    const { places, replaces } = layout;
    const { cpus, memory } = machine;
    const borderOf = (cpu: number): number => 1 + Math.floor((cpu * places) / cpus);
    for (let cpu = 0; cpu < cpus; cpu++) {
      const [start, end] = [borderOf(cpu), borderOf(cpu + 1)];
      const own = end - start >= MIN_RANGE;
      const at = address + cpu * APART;
      const words = [
        [FRESH, replaces ? start + 1 : start],
        [END, end],
        [SPARE, replaces ? start : 0],
        [HAND, start],
        [RANGE, own ? start : 1],
        [RANGE_SIZE, own ? end - start : places],
      ] as const;
      for (const [offset, word] of words) memory.dv.setUint32(at + offset, word, true);
    }
  }

  at(place: number): number {
    return this.#zeroth + this.#layout.element * place;
  }
  has(place: number): boolean {
    return place >= 1 && place <= this.#layout.places;
  }
  *taken(): Generator<number> {
    for (let place = 1; place <= this.#layout.places; place++) yield place;
  }

  /** Never more than there can be, whatever a program has written there. */
  get count(): number {
    const { memory, cpus } = this.#machine;
    let count = 0;
    for (let cpu = 0; cpu < cpus; cpu++) count += memory.dv.getInt32(this.address + APART * cpu + COUNT, true);
    return Math.min(Math.max(count, 0), this.#layout.places);
  }
  add(count: number): void {
    this.#set(COUNT, this.#get(COUNT) + count);
  }

  take(): number {
    const { cpus, cpu } = this.#machine;
    for (let i = 0; i < cpus; i++) {
      const place = this.#locked((cpu + i) % cpus, (at) => this.#takeFrom(at));
      if (place !== 0) return place;
    }
    return 0;
  }

  #takeFrom(at: number): number {
    const { dv } = this.#machine.memory;
    const place = this.#placeAt(at + FREE);
    if (place !== 0) {
      dv.setInt32(at + FREE, this.#placeAt(this.at(place) + HASH), true);
      return place;
    }
    const fresh = dv.getUint32(at + FRESH, true);
    if (fresh >= dv.getUint32(at + END, true) || !this.has(fresh)) return 0;
    dv.setUint32(at + FRESH, fresh + 1, true);
    return fresh;
  }

  give(place: number): void {
    const { dv } = this.#machine.memory;
    this.#locked(this.#machine.cpu, (at) => {
      dv.setInt32(this.at(place) + HASH, dv.getInt32(at + FREE, true), true);
      dv.setInt32(at + FREE, place, true);
    });
  }

  takeSpare(): number {
    return this.#placeAt(this.#own + SPARE) || -errno.ENOMEM; // only if a program has written over it
  }
  giveSpare(place: number): void {
    this.#set(SPARE, place);
  }

  /** The place that LRU looks at next. The one behind it follows. */
  passHand(): number {
    const place = Math.min(Math.max(this.#get(HAND), 1), this.#layout.places);
    this.#set(HAND, (place % this.#layout.places) + 1);
    return place;
  }

  /** The place whose number is in memory, or 0. */
  #placeAt(at: number): number {
    const place = this.#machine.memory.dv.getUint32(at, true);
    return this.has(place) ? place : 0;
  }
  get #own(): number {
    return this.address + APART * this.#machine.cpu;
  }
  #get(offset: number): number {
    return this.#machine.memory.dv.getUint32(this.#own + offset, true);
  }
  #set(offset: number, word: number): void {
    this.#machine.memory.dv.setUint32(this.#own + offset, word, true);
  }

  #locked<T>(cpu: number, use: (at: number) => T): T {
    const at = this.address + APART * cpu;
    return this.#machine.sharing ? this.#machine.memory.locked(at + LIST_LOCK, () => use(at)) : use(at);
  }
}
