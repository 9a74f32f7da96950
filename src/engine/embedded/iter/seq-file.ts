/** What the program of an iterator has written and nobody has read yet. */
export class SeqFile {
  /** Bytes that there is room for, as in Linux's buffer of eight pages. */
  static readonly SIZE = 8 * 4096;
  readonly #bytes = new Uint8Array(SeqFile.SIZE);
  #from = 0;
  #end = 0;
  /** Something did not fit since the last {@link SeqFile.cut}. */
  overflowed = false;

  /** Bytes that wait to be read. */
  get length(): number {
    return this.#end - this.#from;
  }

  /** False, and nothing is written, if there is no room. */
  write(bytes: Uint8Array): boolean {
    if (this.#end + bytes.length > SeqFile.SIZE) this.overflowed = true;
    else {
      this.#bytes.set(bytes, this.#end);
      this.#end += bytes.length;
    }
    return !this.overflowed;
  }

  /** Forgets all but the first bytes that wait. */
  cut(length: number): void {
    this.#end = this.#from + length;
    this.overflowed = false;
  }

  /** Reads what fits: how many bytes. */
  take(buffer: Uint8Array): number {
    const bytes = this.#bytes.subarray(this.#from, Math.min(this.#end, this.#from + buffer.length));
    buffer.set(bytes);
    this.#from += bytes.length;
    if (this.#from === this.#end) this.#from = this.#end = 0;
    return bytes.length;
  }
}
