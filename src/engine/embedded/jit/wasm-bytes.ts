/** Bytes of a WebAssembly module that are being written. Numbers are LEB128 there: seven bits a byte, the lowest first, the top bit says that more follow. */
export class WasmBytes {
  #bytes: Uint8Array<ArrayBuffer>;
  #length = 0;

  /** `room`: bytes that there will be about. */
  constructor(room = 64) {
    this.#bytes = new Uint8Array(room);
  }

  get length(): number {
    return this.#length;
  }

  byte(value: number): void {
    if (this.#length === this.#bytes.length) this.#grow(1);
    this.#bytes[this.#length++] = value;
  }

  unsigned(value: number): void {
    let left = value >>> 0;
    while (left >= 0x80) {
      this.byte((left & 0x7f) | 0x80);
      left >>>= 7;
    }
    this.byte(left);
  }

  signed32(value: number): void {
    let left = value | 0;
    if (left >= -64 && left < 64) {
      this.byte(left & 0x7f);
      return;
    }
    for (;;) {
      const byte = left & 0x7f;
      left >>= 7;
      if ((left === 0 && (byte & 0x40) === 0) || (left === -1 && (byte & 0x40) !== 0)) {
        this.byte(byte);
        return;
      }
      this.byte(byte | 0x80);
    }
  }

  /** A number of two words, both signed. */
  signed64(low: number, high: number): void {
    if (high === low >> 31) {
      this.signed32(low);
      return;
    }
    let left = (BigInt(high) << 32n) | BigInt(low >>> 0);
    for (;;) {
      const byte = Number(left & 0x7fn);
      left >>= 7n;
      if ((left === 0n && (byte & 0x40) === 0) || (left === -1n && (byte & 0x40) !== 0)) {
        this.byte(byte);
        return;
      }
      this.byte(byte | 0x80);
    }
  }

  append(bytes: Uint8Array): void {
    if (this.#length + bytes.length > this.#bytes.length) this.#grow(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** With its length before it. */
  sized(bytes: Uint8Array): void {
    this.unsigned(bytes.length);
    this.append(bytes);
  }

  name(text: string): void {
    this.sized(new TextEncoder().encode(text));
  }

  /** A view of what was written; it is good until more is. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #grow(more: number): void {
    const bytes = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + more));
    bytes.set(this.bytes);
    this.#bytes = bytes;
  }
}
