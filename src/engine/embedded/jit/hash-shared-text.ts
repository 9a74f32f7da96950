import { errno } from '../../../uapi/errno.ts';
import type { HashMap } from '../maps/hash.ts';
import { BUCKET_LOCK } from '../maps/hash-buckets.ts';
import { FIRST, NEXT } from '../maps/hash-layout.ts';
import { HashText } from './hash-text.ts';
import { PlacesText } from './places-text.ts';
import type { WasmCode } from './wasm-code.ts';

/** Pieces of a function that works on a hash map as other CPUs do at the same time, with the locks. */
export class SharedText {
  readonly code: WasmCode;
  readonly hash: HashText;
  readonly places: PlacesText;
  readonly #map: HashMap;
  /** What was in the lock of the key's bucket. */
  readonly #seen: number;

  constructor(map: HashMap, code: WasmCode, registers: number) {
    this.code = code;
    this.hash = new HashText(map, code, registers, true);
    this.places = new PlacesText(map, code, true);
    this.#map = map;
    this.#seen = code.local('i32');
  }

  get element(): number {
    return this.hash.element;
  }

  /** Notes the number of the bucket. */
  look(): void {
    const { code } = this;
    code.get(this.hash.bucket);
    code.memory('i32_atomic_load', BUCKET_LOCK, 2);
    code.set(this.#seen);
  }

  /** Puts on the stack whether the bucket was changed since, or was being changed. */
  hasChanged(): void {
    const { code } = this;
    code.get(this.#seen);
    code.i32(1);
    code.op('i32_and');
    code.get(this.hash.bucket);
    code.memory('i32_atomic_load', BUCKET_LOCK, 2);
    code.get(this.#seen);
    code.op('i32_ne');
    code.op('i32_or');
  }

  /** Locks the key's bucket. */
  lock(): void {
    this.#lock(this.hash.bucket, this.#seen);
  }
  unlock(): void {
    this.#unlock(this.hash.bucket, this.#seen);
  }

  /**
   * Sets `element` to the place of one that was not used for long, which is taken out; see `LruHashMap`. Places that are on their way into a chain, or out of one, are in none: where
   * there are only such ones, there is no room, as on Linux.
   */
  throwOut(): void {
    const { code, element } = this;
    const [place, left, bucket, seen, at] = Array.from({ length: 5 }, () => code.local('i32')) as [
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
    code.i32(-errno.ENOMEM);
    code.op('return');
    code.end();
    code.get(left);
    code.i32(1);
    code.op('i32_sub');
    code.set(left);
    this.places.passHand(element);
    this.hash.bucketOf(element);
    code.tee(bucket);
    code.set(at);
    this.#lock(bucket, seen);
    // Along the chain to the link that leads to it: the first word of the bucket, or of an element.
    code.block('block');
    code.block('loop');
    code.get(at);
    code.memory('i32_load', FIRST, 2);
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
    code.memory('i32_store', FIRST, 2);
    this.#unlock(bucket, seen);
    this.places.count(-1);
    code.br(4);
    code.end();
    code.get(place);
    code.set(at);
    code.br(0);
    code.end();
    code.end();
    this.#unlock(bucket, seen);
    code.br(0);
    code.end();
    code.end();
  }

  #lock(bucket: number, seen: number): void {
    const { code } = this;
    code.block('loop');
    code.get(bucket);
    code.get(bucket);
    code.memory('i32_atomic_load', BUCKET_LOCK, 2);
    code.i32(~1);
    code.op('i32_and');
    code.tee(seen);
    code.get(seen);
    code.i32(1);
    code.op('i32_or');
    code.memory('i32_atomic_cmpxchg', BUCKET_LOCK, 2);
    code.get(seen);
    code.op('i32_ne');
    code.brIf(0);
    code.end();
  }

  #unlock(bucket: number, seen: number): void {
    const { code } = this;
    code.get(bucket);
    code.get(seen);
    code.i32(2);
    code.op('i32_add');
    code.memory('i32_atomic_store', BUCKET_LOCK, 2);
  }
}
