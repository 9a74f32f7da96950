import { errno } from '../../../uapi/errno.ts';
import type { HashMap } from '../maps/hash.ts';
import { NEXT } from '../maps/hash-layout.ts';
import { type HashLocks, STRIPE, STRIPES } from '../maps/hash-locks.ts';
import { LruHashMap } from '../maps/lru-hash.ts';
import { emitLock, emitUnlock } from './emit-lock.ts';
import { HashText } from './hash-text.ts';
import { CPU } from './registers.ts';
import type { WasmCode } from './wasm-code.ts';

/** Pieces of a function that works on a hash map as other CPUs do at the same time, with the locks. */
export class SharedText {
  readonly code: WasmCode;
  readonly hash: HashText;
  readonly #map: HashMap;
  readonly #locks: HashLocks;
  readonly #registers: number;
  /** Address of the lock of the key's bucket, and what was in it. */
  readonly #stripe: number;
  readonly #seen: number;

  constructor(map: HashMap, locks: HashLocks, code: WasmCode, registers: number) {
    this.code = code;
    this.hash = new HashText(map, code, registers);
    this.#map = map;
    this.#locks = locks;
    this.#registers = registers;
    this.#stripe = code.local('i32');
    this.#seen = code.local('i32');
  }

  get element(): number {
    return this.hash.element;
  }

  /** Notes the number of the bucket. */
  look(): void {
    const { code } = this;
    code.get(this.hash.bucket);
    this.#stripeOf();
    code.tee(this.#stripe);
    code.memory('i32_atomic_load', 0, 2);
    code.set(this.#seen);
  }

  /** Puts on the stack whether the bucket was changed since, or was being changed. */
  hasChanged(): void {
    const { code } = this;
    code.get(this.#seen);
    code.i32(1);
    code.op('i32_and');
    code.get(this.#stripe);
    code.memory('i32_atomic_load', 0, 2);
    code.get(this.#seen);
    code.op('i32_ne');
    code.op('i32_or');
  }

  /** Locks the key's bucket. */
  lock(): void {
    this.code.get(this.hash.bucket);
    this.#stripeOf();
    this.code.set(this.#stripe);
    this.#lock(this.#stripe, this.#seen);
  }
  unlock(): void {
    this.#unlock(this.#stripe, this.#seen);
  }

  lockPlaces(): void {
    emitLock(this.code, () => this.code.i32(this.#locks.address));
  }
  unlockPlaces(): void {
    emitUnlock(this.code, () => this.code.i32(this.#locks.address));
  }

  /** Returns `result` with the lock of the places open again. */
  giveUp(result: number): void {
    this.unlockPlaces();
    this.code.i32(result);
    this.code.op('return');
  }

  /** Address of the running CPU's spare place. */
  spareAddress(): void {
    const { code } = this;
    code.i32(this.#registers);
    code.memory('i32_load', CPU, 2);
    code.i32(this.#locks.spareStride);
    code.op('i32_mul');
    code.i32(this.#locks.spares);
    code.op('i32_add');
  }

  /** Sets `element` to a place that counts as taken, or returns -errno. With the lock of the places. */
  reserve(): void {
    const { code } = this;
    this.hash.isFull();
    code.block('if');
    if (this.#map instanceof LruHashMap) this.#throwOut();
    else this.giveUp(-errno.E2BIG);
    code.op('else');
    this.hash.newPlace(() => this.giveUp(-errno.ENOMEM));
    this.hash.count(1);
    code.end();
  }

  /**
   * Sets `element` to the place of one that was not used for long; see `LruHashMap`. Places that are on their way into a chain, or out of one, are in none: where
   * there are only such ones, there is no room, as on Linux.
   */
  #throwOut(): void {
    const { code, element } = this;
    const [place, left, stripe, seen, at] = Array.from({ length: 5 }, () => code.local('i32')) as [
      number,
      number,
      number,
      number,
      number,
    ];
    code.i32(Math.min(4 * this.#map.layout.places, 2 ** 31 - 1));
    code.set(left);
    code.block('block');
    code.block('loop');
    code.get(left);
    code.op('i32_eqz');
    code.block('if');
    this.giveUp(-errno.ENOMEM);
    code.end();
    code.get(left);
    code.i32(1);
    code.op('i32_sub');
    code.set(left);
    this.hash.passHand(place);
    this.hash.bucketOf(element);
    code.tee(at);
    this.#stripeOf();
    code.set(stripe);
    this.#lock(stripe, seen);
    // Along the chain to the link that leads to it.
    code.block('block');
    code.block('loop');
    code.get(at);
    code.memory('i32_load', 0, 2);
    code.tee(place);
    code.op('i32_eqz');
    code.brIf(1);
    code.get(place);
    code.get(element);
    code.op('i32_eq');
    code.block('if');
    code.get(at);
    code.get(element);
    code.memory('i32_load', NEXT, 2);
    code.memory('i32_store', 0, 2);
    this.#unlock(stripe, seen);
    code.br(4);
    code.end();
    code.get(place);
    code.i32(NEXT);
    code.op('i32_add');
    code.set(at);
    code.br(0);
    code.end();
    code.end();
    this.#unlock(stripe, seen);
    code.br(0);
    code.end();
    code.end();
  }

  /** The address of a bucket on the stack becomes that of its lock. */
  #stripeOf(): void {
    const { code } = this;
    // A bucket is 4 bytes.
    code.i32(this.#map.buckets);
    code.op('i32_sub');
    code.i32(Math.log2(STRIPE) - 2);
    code.op('i32_shl');
    code.i32((STRIPES - 1) * STRIPE);
    code.op('i32_and');
    code.i32(this.#locks.stripes);
    code.op('i32_add');
  }

  #lock(stripe: number, seen: number): void {
    const { code } = this;
    code.block('loop');
    code.get(stripe);
    code.get(stripe);
    code.memory('i32_atomic_load', 0, 2);
    code.i32(~1);
    code.op('i32_and');
    code.tee(seen);
    code.get(seen);
    code.i32(1);
    code.op('i32_or');
    code.memory('i32_atomic_cmpxchg', 0, 2);
    code.get(seen);
    code.op('i32_ne');
    code.brIf(0);
    code.end();
  }

  #unlock(stripe: number, seen: number): void {
    const { code } = this;
    code.get(stripe);
    code.get(seen);
    code.i32(2);
    code.op('i32_add');
    code.memory('i32_atomic_store', 0, 2);
  }
}
