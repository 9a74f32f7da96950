import { concatBytes } from '../../../bytes/plain.ts';

/** Bytes of a message at most: it has to fit what a socket holds. */
const MAX_MESSAGE = 131072;

/** Where a message is in what programs see of it: they see the segments that it is in from their first byte to their last. */
export interface StreamMessage {
  readonly seen: Uint8Array;
  readonly offset: number;
  readonly length: number;
}

/** Cuts a stream into messages, as long as a program says. */
export class StreamParser {
  /** The segments that the present message is in. */
  #seen: Uint8Array = new Uint8Array(0);
  #offset = 0;
  /** Bytes of the message that have come, and how many it has: 0 if that is not known. */
  #come = 0;
  #length = 0;
  #stopped = false;

  /** Bytes that wait for the rest of their message. */
  get held(): number {
    return this.#come;
  }

  /** A segment comes. `measure`: the message's length, 0: more is needed to tell, less: it is none, and the stream ends. */
  add(segment: Uint8Array, measure: (seen: Uint8Array) => number, take: (message: StreamMessage) => void): void {
    for (let eaten = 0; eaten < segment.length && !this.#stopped; ) {
      if (this.#come === 0) [this.#seen, this.#offset] = [segment, eaten];
      else this.#seen = concatBytes([this.#seen, segment]);
      const left = segment.length - eaten;
      if (this.#length === 0) this.#length = this.#measured(measure(this.#seen));
      const wanted = this.#length === 0 ? left : this.#length - this.#come;
      this.#come += Math.min(left, wanted);
      eaten += Math.min(left, wanted);
      if (this.#length === 0 || this.#come < this.#length) {
        this.#stopped ||= this.#come > MAX_MESSAGE;
        continue;
      }
      const message = { seen: this.#seen, offset: this.#offset, length: this.#length };
      this.#come = this.#length = 0;
      take(message);
    }
  }

  /** What the program says, unless it cannot be: the message cannot end in what it said no length of. */
  #measured(length: number): number {
    this.#stopped = length < 0 || length > MAX_MESSAGE || (length > 0 && length <= this.#come);
    return this.#stopped ? 0 : length;
  }
}
