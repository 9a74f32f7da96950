import type { HashMap } from '../maps/hash.ts';
import { BUCKET_MASK, BUCKETS } from '../maps/hash-buckets.ts';
import { FIRST, HASH, KEY, NEXT } from '../maps/hash-layout.ts';
import { LruHashMap, USED } from '../maps/lru-hash.ts';
import { emitCopy, emitSame, emitZeros } from './emit-bytes.ts';
import { emitFinish, emitKeyWord } from './emit-hash.ts';
import { CPU } from './registers.ts';
import type { WasmCode } from './wasm-code.ts';

/** Pieces of a function that works on a hash map, and the locals that they share. */
export class HashText {
  readonly code: WasmCode;
  readonly #map: HashMap;
  readonly #registers: number;
  readonly #spread: boolean;
  /** The hash of the key, the address of its bucket, and of its element or 0. */
  readonly keyHash: number;
  readonly bucket: number;
  readonly element: number;
  readonly #word: number;
  readonly #link: number;

  /** `spread`: the buckets are where they will always be. */
  constructor(map: HashMap, code: WasmCode, registers: number, spread = false) {
    this.code = code;
    this.#spread = spread;
    this.#map = map;
    this.#registers = registers;
    [this.keyHash, this.bucket, this.element, this.#word, this.#link] = Array.from({ length: 5 }, () =>
      code.local('i32'),
    ) as [number, number, number, number, number];
  }

  /** As `hashKey`. */
  hash(key: number): void {
    const { code } = this;
    const { keySize } = this.#map.attr;
    const { factors } = this.#map;
    code.i32(keySize);
    for (let offset = 0, i = 0; offset < keySize; offset += 4, i++) {
      emitKeyWord(code, key, offset, Math.min(4, keySize - offset), this.#word);
      code.i32(factors[i] ?? 1);
      code.op('i32_mul');
      code.op('i32_add');
    }
    emitFinish(code, this.keyHash);
    code.tee(this.keyHash);
    this.#bucketOfHash();
    code.set(this.bucket);
  }

  /** Sets `element`. */
  find(key: number): void {
    const { code, element } = this;
    code.get(this.bucket);
    code.memory('i32_load', FIRST, 2);
    code.set(element);
    code.block('block');
    code.block('loop');
    code.get(element);
    code.op('i32_eqz');
    code.brIf(1);
    code.get(element);
    code.memory('i32_load', HASH, 2);
    code.get(this.keyHash);
    code.op('i32_eq');
    code.block('if');
    emitSame(code, key, element, KEY, this.#map.attr.keySize);
    code.brIf(2);
    code.end();
    code.get(element);
    code.memory('i32_load', NEXT, 2);
    code.set(element);
    code.br(0);
    code.end();
    code.end();
  }

  /** Puts the address of the element's value for the running CPU on the stack. */
  value(): void {
    const { code } = this;
    const { valueOffset, values, stride } = this.#map.layout;
    code.get(this.element);
    code.i32(valueOffset);
    code.op('i32_add');
    if (values === 1) return;
    code.i32(this.#registers);
    code.memory('i32_load', CPU, 2);
    code.i32(stride);
    code.op('i32_mul');
    code.op('i32_add');
  }

  /** Returns -errno if the flags are these. `before`: what is to be done then. */
  answerIf(flags: number, what: number, number: number, before = () => {}): void {
    const { code } = this;
    code.get(flags);
    code.i32(what);
    code.op('i32_eq');
    code.block('if');
    before();
    code.i32(-number);
    code.op('return');
    code.end();
  }

  /** Says that the element was looked for. */
  markUsed(): void {
    if (!(this.#map instanceof LruHashMap)) return;
    this.code.get(this.element);
    this.code.i32(USED);
    this.code.memory('i32_store', this.#map.layout.state, 2);
  }

  /** Copies the value at `from` to that of the element, for the running CPU. */
  writeValue(from: number): void {
    const { code } = this;
    const { layout, attr } = this.#map;
    if (layout.values === 1) {
      emitCopy(code, this.element, from, layout.valueOffset, 0, attr.valueSize);
      return;
    }
    const here = code.local('i32');
    this.value();
    code.set(here);
    emitCopy(code, here, from, 0, 0, attr.valueSize);
  }

  /** Makes an element of the place in `element`, and puts it at the front of its chain. `store`: how others get to see it. */
  putNew(key: number, value: number, store: 'i32_store' | 'i32_atomic_store'): void {
    const { code, element } = this;
    const { layout, attr } = this.#map;
    code.get(element);
    code.get(this.keyHash);
    code.memory('i32_store', HASH, 2);
    emitCopy(code, element, key, KEY, 0, attr.keySize);
    if (layout.values > 1) emitZeros(code, element, layout.valueOffset, layout.stride * layout.values);
    this.writeValue(value);
    code.get(element);
    code.get(this.bucket);
    code.memory('i32_load', FIRST, 2);
    code.memory('i32_store', NEXT, 2);
    code.get(this.bucket);
    code.get(element);
    code.memory(store, FIRST, 2);
  }

  /** Puts the address of an element's bucket on the stack. */
  bucketOf(element: number): void {
    this.code.get(element);
    this.code.memory('i32_load', HASH, 2);
    this.#bucketOfHash();
  }

  /** A hash on the stack becomes the address of its bucket. */
  #bucketOfHash(): void {
    const { code } = this;
    const { address, buckets } = this.#map;
    this.#number(buckets.mask, address + BUCKET_MASK);
    code.op('i32_and');
    this.#number(buckets.first, address + BUCKETS);
    code.op('i32_add');
  }

  /** Puts a number on the stack that changes once, when buckets are spread; `at`: where it is in memory. */
  #number(value: number, at: number): void {
    const { code } = this;
    code.i32(this.#spread ? value | 0 : at);
    if (!this.#spread) code.memory('i32_load', 0, 2);
  }

  /** Takes an element out of its chain. `elsewhere`: its bucket is not that of the key. */
  unlink(element: number, elsewhere = false): void {
    const { code } = this;
    const next = this.#word;
    if (elsewhere) this.bucketOf(element);
    else code.get(this.bucket); // its first word is a link, as that of an element
    code.set(this.#link);
    code.block('block');
    code.block('loop');
    code.get(this.#link);
    code.memory('i32_load', 0, 2);
    code.tee(next);
    code.get(element);
    code.op('i32_eq');
    code.brIf(1);
    code.get(next);
    code.i32(NEXT);
    code.op('i32_add');
    code.set(this.#link);
    code.br(0);
    code.end();
    code.end();
    code.get(this.#link);
    code.get(element);
    code.memory('i32_load', NEXT, 2);
    code.memory('i32_store', 0, 2);
  }
}
