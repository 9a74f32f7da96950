import type { Btf } from '../btf/btf.ts';
import { type BtfValue, decodeValue, encodeValue } from '../btf/value.ts';
import { UsageError } from '../errors.ts';

/** Bytes to values and back, for the keys or the values of one map: through BTF where there is any, as bytes where not. */
export class ValueCodec {
  readonly #what: string;
  readonly #size: number;
  readonly #btf: Btf | undefined;
  readonly #typeId: number;

  /** `what` names the bytes in messages, e.g. `key of map counters`. `typeId` 0: no type is known. */
  constructor(what: string, size: number, btf: Btf | undefined, typeId: number) {
    this.#what = what;
    this.#size = size;
    this.#btf = typeId === 0 ? undefined : btf;
    this.#typeId = typeId;
  }

  get typed(): boolean {
    return this.#btf !== undefined;
  }

  decode(bytes: Uint8Array): BtfValue | Uint8Array {
    return this.#btf === undefined ? bytes : decodeValue(this.#btf, this.#typeId, bytes);
  }

  /** Bytes are taken as they are, whatever the type. */
  encode(value: unknown): Uint8Array {
    if (value instanceof Uint8Array) {
      if (value.length === this.#size) return value;
      throw new UsageError(`${this.#what}: ${value.length} bytes given, ${this.#size} expected`);
    }
    if (this.#btf !== undefined) return encodeValue(this.#btf, this.#typeId, value as BtfValue); // checked there, against the type
    if (typeof value === 'number' || typeof value === 'bigint') return this.#encodeNumber(value);
    throw new UsageError(`${this.#what}: the map has no BTF, so give a Uint8Array of ${this.#size} bytes`);
  }

  #encodeNumber(value: number | bigint): Uint8Array {
    const bits = 8 * this.#size;
    if (![8, 16, 32, 64].includes(bits) || (typeof value === 'number' && !Number.isSafeInteger(value))) {
      throw new UsageError(`${this.#what}: a number cannot stand for ${this.#size} bytes; give a Uint8Array`);
    }
    const n = BigInt(value);
    if (n !== BigInt.asUintN(bits, n) && n !== BigInt.asIntN(bits, n)) {
      throw new UsageError(`${this.#what}: ${value} does not fit in ${this.#size} bytes`);
    }
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, n), true);
    return bytes.subarray(0, this.#size);
  }
}
