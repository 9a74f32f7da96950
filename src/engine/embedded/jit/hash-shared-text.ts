import { errno } from '../../../uapi/errno.ts';
import type { HashMap } from '../maps/hash.ts';
import { BUCKET_LOCK, FIRST } from '../maps/hash-buckets.ts';
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

  /** Lets the bucket lead to a place, and unlocks it: both at once. */
  unlockFirst(place: number): void {
    const { code, hash } = this;
    code.get(hash.bucket);
    hash.leadTo(place);
    code.op('i64_extend_i32_u');
    this.#next(this.#seen);
    code.op('i64_extend_i32_u');
    code.i64(8 * BUCKET_LOCK, 0);
    code.op('i64_shl');
    code.op('i64_or');
    code.memory('i64_atomic_store', FIRST, 3);
  }
  /** Lets the link that leads to the element lead to a place, and unlocks. */
  unlockLeading(place: number): void {
    const { code, hash } = this;
    code.get(hash.link);
    code.get(hash.bucket);
    code.op('i32_eq');
    code.block('if');
    this.unlockFirst(place);
    code.op('else');
    code.get(hash.link);
    hash.leadTo(place);
    code.memory('i32_atomic_store', FIRST, 2);
    this.unlock();
    code.end();
  }

  /**
   * Sets `place` to that of an element that was not used for long, which is taken out; see `LruHashMap`. Places that are on their way into a chain, or out of one, are in none: where
   * there are only such ones, there is no room, as on Linux.
   */
  throwOut(place: number): void {
    const { code, hash, places, element } = this;
    const [left, bucket, seen, link] = Array.from({ length: 4 }, () => code.local('i32')) as [
      number,
      number,
      number,
      number,
    ];
    code.i32(Math.min(4 * this.#map.layout.places, 2 ** 31 - 1));
    code.set(left);
    code.block('loop');
    code.get(left);
    code.op('i32_eqz');
    code.answerIf(-errno.ENOMEM);
    code.get(left);
    code.i32(1);
    code.op('i32_sub');
    code.set(left);
    places.passHand(place, element);
    hash.bucketOf(element);
    code.set(bucket);
    this.#lock(bucket, seen);
    hash.search(link, bucket, place, () => {
      this.#unlock(bucket, seen);
      code.br(3);
    });
    hash.unlink(link, place);
    this.#unlock(bucket, seen);
    places.count(-1);
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
    this.#next(seen);
    code.memory('i32_atomic_store', BUCKET_LOCK, 2);
  }
  #next(seen: number): void {
    const { code } = this;
    code.get(seen);
    code.i32(2);
    code.op('i32_add');
  }
}
