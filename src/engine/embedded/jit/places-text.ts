import type { HashMap } from '../maps/hash.ts';
import { HASH, STATE } from '../maps/hash-layout.ts';
import { COUNT, END, FREE, FRESH, HAND, LIST_LOCK, RANGE, RANGE_SIZE, SPARE } from '../maps/hash-places.ts';
import { NOT_USED } from '../maps/lru-hash.ts';
import { APART } from '../memory.ts';
import { emitLock, emitUnlock } from './emit-lock.ts';
import { emitElementAt } from './hash-text.ts';
import { CPU } from './registers.ts';
import type { WasmCode } from './wasm-code.ts';

/** Pieces of a function that takes and gives back the places of a hash map, and the locals that they share. As `HashPlaces`. */
export class PlacesText {
  readonly #map: HashMap;
  readonly #code: WasmCode;
  readonly #cpus: number;
  /** Several CPUs work on the map at once. */
  readonly #shared: boolean;
  /** Address of what the running CPU has, and of what one has whose places are asked for. */
  readonly #own: number;
  readonly #list: number;
  readonly #fresh: number;
  readonly #left: number;

  constructor(map: HashMap, code: WasmCode, shared: boolean) {
    this.#map = map;
    this.#code = code;
    this.#cpus = map.machine.cpus;
    this.#shared = shared;
    [this.#own, this.#list, this.#fresh, this.#left] = Array.from({ length: 4 }, () => code.local('i32')) as [
      number,
      number,
      number,
      number,
    ];
  }

  /** Comes before all else. `registers`: address of the CPU's registers. */
  begin(registers: number): void {
    const code = this.#code;
    if (this.#cpus > 1) {
      code.i32(registers);
      code.memory('i32_load', CPU, 2);
      code.i32(APART);
      code.op('i32_mul');
      code.i32(this.#map.shares);
      code.op('i32_add');
    } else code.i32(this.#map.shares);
    code.set(this.#own);
  }

  /** Sets a local to a place that no element has. `none`: what to do where there is none. */
  take(place: number, none: () => void): void {
    const code = this.#code;
    code.get(this.#own);
    code.set(this.#list);
    code.i32(this.#cpus);
    code.set(this.#left);
    code.block('block');
    code.block('loop');
    this.#takeFrom(place);
    code.get(place);
    code.brIf(1);
    code.get(this.#left);
    code.i32(1);
    code.op('i32_sub');
    code.tee(this.#left);
    code.block('if');
    this.#nextList();
    code.br(1);
    code.end();
    code.end();
    none();
    code.end();
  }

  /** Sets a local to a place of those that `list` has, or 0. */
  #takeFrom(place: number): void {
    const code = this.#code;
    const list = this.#list;
    code.i32(0);
    code.set(place);
    // Without the lock, whether it is worth while.
    code.get(list);
    code.memory('i32_load', FREE, 2);
    code.get(list);
    code.memory('i32_load', FRESH, 2);
    code.get(list);
    code.memory('i32_load', END, 2);
    code.op('i32_lt_u');
    code.op('i32_or');
    code.block('if');
    this.#lock(emitLock, list);
    code.get(list);
    code.memory('i32_load', FREE, 2);
    code.tee(place);
    code.block('if');
    code.get(list);
    code.get(place);
    emitElementAt(code, this.#map);
    code.memory('i32_load', HASH, 2);
    code.memory('i32_store', FREE, 2);
    code.op('else');
    code.get(list);
    code.memory('i32_load', FRESH, 2);
    code.tee(this.#fresh);
    code.get(list);
    code.memory('i32_load', END, 2);
    code.op('i32_lt_u');
    code.block('if');
    code.get(list);
    code.get(this.#fresh);
    code.i32(1);
    code.op('i32_add');
    code.memory('i32_store', FRESH, 2);
    code.get(this.#fresh);
    code.set(place);
    code.end();
    code.end();
    this.#lock(emitUnlock, list);
    code.end();
  }

  #nextList(): void {
    const code = this.#code;
    const { shares } = this.#map;
    code.i32(shares);
    code.get(this.#list);
    code.i32(APART);
    code.op('i32_add');
    code.tee(this.#list);
    code.get(this.#list);
    code.i32(shares + APART * this.#cpus);
    code.op('i32_eq');
    code.op('select');
    code.set(this.#list);
  }

  /** Gives a place to those that the running CPU has free. */
  give(place: number): void {
    const code = this.#code;
    this.#lock(emitLock, this.#own);
    code.get(place);
    emitElementAt(code, this.#map);
    code.get(this.#own);
    code.memory('i32_load', FREE, 2);
    code.memory('i32_store', HASH, 2);
    code.get(this.#own);
    code.get(place);
    code.memory('i32_store', FREE, 2);
    this.#lock(emitUnlock, this.#own);
  }

  /** Locks or unlocks the places of a CPU, where several work on the map. */
  #lock(how: typeof emitLock, list: number): void {
    if (!this.#shared) return;
    how(this.#code, () => {
      this.#code.get(list);
      this.#code.i32(LIST_LOCK);
      this.#code.op('i32_add');
    });
  }

  /** Sets a local to the place for a new value of a key that is there. */
  spare(place: number): void {
    this.#code.get(this.#own);
    this.#code.memory('i32_load', SPARE, 2);
    this.#code.set(place);
  }
  /** The place in a local, which an element had, is the next for that. */
  setSpare(place: number): void {
    this.#code.get(this.#own);
    this.#code.get(place);
    this.#code.memory('i32_store', SPARE, 2);
  }

  /** Adds to how many elements there are. */
  count(by: number): void {
    const code = this.#code;
    code.get(this.#own);
    code.get(this.#own);
    code.memory('i32_load', COUNT, 2);
    code.i32(by);
    code.op('i32_add');
    code.memory('i32_store', COUNT, 2);
  }

  /** Within a loop: sets locals to the place at the hand, which moves on, and its element; if that was used, as it then no longer is, the loop begins anew. */
  passHand(place: number, element: number): void {
    const code = this.#code;
    const own = this.#own;
    code.get(own);
    code.memory('i32_load', HAND, 2);
    code.tee(place);
    emitElementAt(code, this.#map);
    code.set(element);
    code.get(own);
    this.#behind(place);
    code.memory('i32_store', HAND, 2);
    code.get(element);
    code.memory('i32_load', STATE, 2);
    code.block('if');
    code.get(element);
    code.i32(NOT_USED);
    code.memory('i32_store', STATE, 2);
    code.br(1);
    code.end();
  }

  /** Puts the place behind one on the stack: of several CPUs each goes around its own range, one alone around all. */
  #behind(place: number): void {
    const code = this.#code;
    const range = (): void => {
      if (!this.#shared) code.i32(1);
      else {
        code.get(this.#own);
        code.memory('i32_load', RANGE, 2);
      }
    };
    code.get(place);
    code.i32(1);
    code.op('i32_add');
    code.tee(this.#fresh);
    range();
    code.get(this.#fresh);
    range();
    code.op('i32_sub');
    if (!this.#shared) code.i32(this.#map.layout.places);
    else {
      code.get(this.#own);
      code.memory('i32_load', RANGE_SIZE, 2);
    }
    code.op('i32_lt_u');
    code.op('select');
  }
}
