import type { HashMap } from '../maps/hash.ts';
import { BUCKET_MASK, BUCKETS, FIRST } from '../maps/hash-buckets.ts';
import { HASH, KEY, LINK, STATE } from '../maps/hash-layout.ts';
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
  /** The hash of the key, and the address of its bucket. */
  readonly keyHash: number;
  readonly bucket: number;
  /** Address of the link that leads to the element with the key or the end of the chain, and what that says. */
  readonly link: number;
  readonly leads: number;
  /** Address of the element, or 0. */
  readonly element: number;
  readonly #word: number;

  /** `spread`: the buckets are where they will always be. */
  constructor(map: HashMap, code: WasmCode, registers: number, spread = false) {
    this.code = code;
    this.#spread = spread;
    this.#map = map;
    this.#registers = registers;
    [this.keyHash, this.bucket, this.link, this.leads, this.element, this.#word] = Array.from({ length: 6 }, () =>
      code.local('i32'),
    ) as [number, number, number, number, number, number];
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

  /** Sets `link`, `leads` and `element`. */
  find(key: number): void {
    const { code, element } = this;
    code.i32(0);
    code.set(element);
    code.get(this.bucket);
    code.set(this.link);
    code.block('block');
    code.block('loop');
    code.get(this.link);
    code.memory('i32_load', FIRST, 2);
    code.tee(this.leads);
    code.op('i32_eqz');
    code.brIf(1);
    code.get(this.leads);
    code.get(this.keyHash);
    code.op('i32_xor');
    code.i32(this.#map.layout.placeMask);
    code.op('i32_le_u');
    code.block('if');
    this.placeOf(this.leads);
    this.elementAt();
    code.set(element);
    emitSame(code, key, element, KEY, this.#map.attr.keySize);
    code.brIf(2);
    code.i32(0);
    code.set(element);
    code.end();
    this.placeOf(this.leads);
    this.linkOf();
    code.set(this.link);
    code.br(0);
    code.end();
    code.end();
  }

  /** Puts the place that a link leads to on the stack, of what is in a local. */
  placeOf(leads: number): void {
    this.code.get(leads);
    this.code.i32(this.#map.layout.placeMask);
    this.code.op('i32_and');
  }
  /** As {@link emitElementAt}. */
  elementAt(): void {
    emitElementAt(this.code, this.#map);
  }
  /** A place on the stack becomes the address of its link. */
  linkOf(): void {
    const { code } = this;
    code.i32(LINK);
    code.op('i32_mul');
    code.i32(this.#map.links);
    code.op('i32_add');
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
    code.answer(-number);
    code.end();
  }

  /** Says that the element was looked for, where that was not said already: other CPUs may look at it, too. */
  markUsed(): void {
    if (!(this.#map instanceof LruHashMap)) return;
    const { code, element } = this;
    code.get(element);
    code.memory('i32_load', STATE, 2);
    code.op('i32_eqz');
    code.block('if');
    code.get(element);
    code.i32(USED);
    code.memory('i32_store', STATE, 2);
    code.end();
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

  /** Makes an element with the key at the address in `element`. */
  fill(key: number, value: number): void {
    const { code, element } = this;
    const { layout, attr } = this.#map;
    code.get(element);
    code.get(this.keyHash);
    code.memory('i32_store', HASH, 2);
    emitCopy(code, element, key, KEY, 0, attr.keySize);
    if (layout.values > 1) emitZeros(code, element, layout.valueOffset, layout.stride * layout.values);
    this.writeValue(value);
  }

  /** Lets the link of a place say what the link whose address `from` puts on the stack says. */
  follow(place: number, from: () => void): void {
    const { code } = this;
    code.get(place);
    this.linkOf();
    from();
    code.memory('i32_load', 0, 2);
    code.memory('i32_store', 0, 2);
  }
  /** Puts a link to a place on the stack, for the key's hash. */
  leadTo(place: number): void {
    const { code } = this;
    code.get(this.keyHash);
    code.i32(~this.#map.layout.placeMask);
    code.op('i32_and');
    code.get(place);
    code.op('i32_or');
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

  /** Sets a local to the address of the link that leads to a place, along the chain of a bucket. `none`: what to do at its end, and not to come back from; two blocks further out than what is around. */
  search(link: number, bucket: number, place: number, none: () => void): void {
    const { code } = this;
    const word = this.#word;
    code.get(bucket);
    code.set(link);
    code.block('block');
    code.block('loop');
    code.get(link);
    code.memory('i32_load', FIRST, 2);
    code.set(word);
    this.placeOf(word);
    code.tee(word);
    code.get(place);
    code.op('i32_eq');
    code.brIf(1);
    code.get(word);
    code.op('i32_eqz');
    code.block('if');
    none();
    code.end();
    code.get(word);
    this.linkOf();
    code.set(link);
    code.br(0);
    code.end();
    code.end();
  }

  /** Takes the element at a place out of the chain, to which the link at an address leads. */
  unlink(link: number, place: number): void {
    const { code } = this;
    code.get(link);
    code.get(place);
    this.linkOf();
    code.memory('i32_load', 0, 2);
    code.memory('i32_store', 0, 2);
  }
}

/** A place on the stack becomes the address of its element. */
export function emitElementAt(code: WasmCode, { layout: { blocks, element }, zeroth }: HashMap): void {
  code.i32(blocks ? LINK : element);
  code.op('i32_mul');
  code.i32(zeroth);
  code.op('i32_add');
  if (blocks) code.memory('i32_load', 0, 2);
}
