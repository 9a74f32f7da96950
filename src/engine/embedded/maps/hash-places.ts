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
 * Free places are a list through their `hash`: whoever comes along a chain on another CPU and stands on one finds on. Whose places are all taken takes those of others: what is
 * behind the lock is the only thing here that CPUs touch of each other.
 */
export class HashPlaces {
  readonly address: number;
  readonly #machine: Machine;
  readonly #layout: Layout;
  /** Address of the first place. */
  readonly #first: number;

  constructor(machine: Machine, layout: Layout, address: number, first: number) {
    this.#machine = machine;
    this.#layout = layout;
    this.address = address;
    this.#first = first;
    const { places, replaces } = layout;
    const { cpus, memory } = machine;
    const borderOf = (cpu: number): number => Math.floor((cpu * places) / cpus);
    for (let cpu = 0; cpu < cpus; cpu++) {
      const [start, end] = [borderOf(cpu), borderOf(cpu + 1)];
      const own = end - start >= MIN_RANGE;
      const at = address + cpu * APART;
      const words = [
        [FRESH, replaces && places > 0 ? start + 1 : start],
        [END, end],
        [SPARE, replaces && places > 0 ? this.#at(start) : 0],
        [HAND, start],
        [RANGE, own ? start : 0],
        [RANGE_SIZE, own ? end - start : places],
      ] as const;
      for (const [offset, word] of words) memory.dv.setUint32(at + offset, word, true);
    }
  }

  /** Elements that are in the map: never more than there can be, whatever a program has written there. */
  get count(): number {
    const { memory, cpus } = this.#machine;
    let count = 0;
    for (let cpu = 0; cpu < cpus; cpu++) count += memory.dv.getInt32(this.address + APART * cpu + COUNT, true);
    return Math.min(Math.max(count, 0), this.#layout.places);
  }
  add(count: number): void {
    this.#set(COUNT, this.#get(COUNT) + count);
  }

  /** A place that no element has; 0 if there is none. */
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
    const place = this.placeAt(at + FREE);
    if (place !== 0) {
      dv.setInt32(at + FREE, this.placeAt(place + HASH), true);
      return place;
    }
    const fresh = dv.getUint32(at + FRESH, true);
    if (fresh >= Math.min(dv.getUint32(at + END, true), this.#layout.places)) return 0;
    dv.setUint32(at + FRESH, fresh + 1, true);
    return this.#at(fresh);
  }

  /** Gives a place back. */
  give(place: number): void {
    const { dv } = this.#machine.memory;
    this.#locked(this.#machine.cpu, (at) => {
      dv.setInt32(place + HASH, dv.getInt32(at + FREE, true), true);
      dv.setInt32(at + FREE, place, true);
    });
  }

  /** For a new value of a key that is there, with the place of the old one. 0 only if a program has written over it. */
  takeSpare(old: number): number {
    const spare = this.placeAt(this.#own + SPARE);
    this.#set(SPARE, old);
    return spare;
  }

  /** The place that is looked at next: its address. The one behind it follows. */
  passHand(): number {
    const place = Math.min(this.#get(HAND), this.#layout.places - 1);
    this.#set(HAND, (place + 1) % this.#layout.places);
    return this.#at(place);
  }

  /** The address that is in memory, if that is of a place, else 0. */
  placeAt(at: number): number {
    const place = this.#machine.memory.dv.getInt32(at, true);
    return this.isPlace(place) ? place : 0;
  }
  isPlace(address: number): boolean {
    return address >= this.#first && address < this.#at(this.#layout.places);
  }

  #at(place: number): number {
    return this.#first + this.#layout.element * place;
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
