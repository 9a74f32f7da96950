import { fnv1a } from '../bytes/fnv.ts';
import { roundUpToPowerOfTwo } from '../bytes/round.ts';
import { ObjectError } from '../errors.ts';
import { essentialName } from './name.ts';

/** Bytes of a name: the kernel's KSYM_NAME_LEN. */
export const MAX_NAME = 512;
const UNDERSCORE = 0x5f;

/** The records of a BTF blob, as far as their names go. */
export interface NamedRecords {
  readonly bytes: Uint8Array;
  readonly littleEndian: boolean;
  /** Where each record starts. */
  readonly offsets: Uint32Array;
  /** The bytes in which the string at a name offset stands (of split BTF possibly those of its base), and where it starts there. */
  stringBytes(nameOffset: number): Uint8Array;
  stringStart(nameOffset: number): number;
}

/**
 * Finds records by name. A hash table over the bytes of the names: that of a kernel has 150,000, and making strings of them would take twenty times
 * as long as hashing them.
 */
export class NameIndex {
  readonly #records: NamedRecords;
  readonly #view: DataView;
  /** Of each bucket the first record, of each record the next in its bucket, both plus one; 0 ends. Ascending. */
  readonly #heads: Int32Array;
  readonly #next: Int32Array;
  /** Names that have a flavour, by what they are without it. */
  readonly #flavours = new Map<string, number[]>();

  constructor(records: NamedRecords) {
    const { bytes, offsets } = records;
    this.#records = records;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#heads = new Int32Array(roundUpToPowerOfTwo(offsets.length + 1));
    this.#next = new Int32Array(offsets.length);
    for (let record = offsets.length - 1; record >= 0; record--) this.#add(record);
    for (const list of this.#flavours.values()) list.reverse();
  }

  /** The records with this name, ascending. */
  *find(name: string): Generator<number> {
    const wanted = new TextEncoder().encode(name);
    if (wanted.length === 0 || wanted.length > MAX_NAME) return;
    const mask = this.#heads.length - 1;
    for (
      let record = (this.#heads[hash(wanted, 0, wanted.length) & mask] ?? 0) - 1;
      record >= 0;
      record = (this.#next[record] ?? 0) - 1
    ) {
      if (this.#isNamed(record, wanted)) yield record;
    }
  }

  /** The records whose name is this with a flavour (`NAME___flavour`), ascending. */
  flavours(name: string): readonly number[] {
    return this.#flavours.get(name) ?? [];
  }

  #add(record: number): void {
    const name = this.#nameOf(record);
    if (name === 0) return;
    const bytes = this.#records.stringBytes(name);
    const start = this.#records.stringStart(name);
    let end = start;
    let run = 0;
    let flavoured = false;
    for (; bytes[end] !== 0; end++) {
      run = bytes[end] === UNDERSCORE ? run + 1 : 0;
      flavoured ||= run === 3;
      if (end - start >= MAX_NAME) throw tooLong(bytes.subarray(start, start + 40));
    }
    const bucket = hash(bytes, start, end) & (this.#heads.length - 1);
    this.#next[record] = this.#heads[bucket] ?? 0;
    this.#heads[bucket] = record + 1;
    if (flavoured) this.#addFlavour(new TextDecoder().decode(new Uint8Array(bytes.subarray(start, end))), record);
  }

  #addFlavour(name: string, record: number): void {
    const essential = essentialName(name);
    if (essential === name) return;
    const list = this.#flavours.get(essential);
    if (list === undefined) this.#flavours.set(essential, [record]);
    else list.push(record);
  }

  /** The name offset of a record; 0: it has none. */
  #nameOf(record: number): number {
    return this.#view.getUint32(this.#records.offsets[record] ?? 0, this.#records.littleEndian);
  }

  #isNamed(record: number, wanted: Uint8Array): boolean {
    const name = this.#nameOf(record);
    const bytes = this.#records.stringBytes(name);
    const start = this.#records.stringStart(name);
    return bytes[start + wanted.length] === 0 && wanted.every((byte, i) => bytes[start + i] === byte);
  }
}

function hash(bytes: Uint8Array, start: number, end: number): number {
  const code = fnv1a(bytes, undefined, start, end);
  return code ^ (code >>> 15);
}

function tooLong(start: Uint8Array): ObjectError {
  const text = new TextDecoder('latin1').decode(new Uint8Array(start));
  return new ObjectError(`the name that starts with ${text} has more than ${MAX_NAME} characters`, { section: '.BTF' });
}
