import { type Btf, type BtfKind, parseBtf } from '../btf/index.ts';
import { appendTypes } from './append-types.ts';

/** What newer kernels take in BTF and older ones refuse, and since which Linux they take it. */
export const BTF_FEATURES = {
  float: '5.13',
  decl_tag: '5.16',
  type_tag: '5.17',
  /** Enums that say that their values are signed. */
  signed_enum: '6.0',
  enum64: '6.0',
  /** Names of sections with other characters than letters, digits, `_` and `.`: `?.struct_ops`, `maps/old`. */
  section_name: '6.9',
} as const;
export type BtfFeature = keyof typeof BTF_FEATURES;

/** The first byte of a record's second word is the kind, with this bit above it. */
const KIND_SHIFT = 24;
const KIND_FLAG = 2 ** 31;
const COUNT_MASK = 0xffff;
const [INT, STRUCT, UNION, CONST] = [1, 4, 5, 10] as const;
/** Bytes of a record before what its kind adds, and of a value of an ENUM64, which is as long as a member of a UNION. */
const RECORD = 12;
const VALUE = 12;
/** Bytes of a name that older kernels look at. */
const MAX_NAME = 128;
const UNDERSCORE = 0x5f;
/** A record's words: an int of one byte without a name. */
const BYTE = [0, INT << KIND_SHIFT, 1, 8];

/**
 * BTF without what a kernel lacks, as libbpf makes it: what is unknown becomes something known of the same size, so that ids, sizes and the offsets of
 * names stay. Such types are only shown then, never looked at by the verifier.
 */
export function olderBtf(bytes: Uint8Array, lacks: ReadonlySet<BtfFeature>): Uint8Array {
  if (lacks.size === 0) return bytes;
  const btf = parseBtf(bytes);
  const older = new Records(new Uint8Array(bytes), btf);
  for (const feature of lacks) REWRITES[feature](older);
  return lacks.has('enum64') ? appendTypes(older.bytes, BYTE, '', btf.littleEndian) : older.bytes;
}

const REWRITES: { readonly [F in BtfFeature]: (btf: Records) => void } = {
  float: (btf) => btf.each('float', (at) => btf.set(at, 0, STRUCT << KIND_SHIFT)),
  // One byte, that it fits in whatever it stands for.
  decl_tag: (btf) => btf.each('decl_tag', (at) => btf.set(at, undefined, INT << KIND_SHIFT, 1, 8)),
  type_tag: (btf) => btf.each('type_tag', (at) => btf.set(at, 0, CONST << KIND_SHIFT)),
  signed_enum: (btf) => btf.each('enum', (at) => btf.set(at, undefined, btf.word(at + 4) % KIND_FLAG)),
  enum64(btf) {
    btf.each('enum64', (at) => {
      const count = btf.word(at + 4) & COUNT_MASK;
      btf.set(at, undefined, (UNION << KIND_SHIFT) | count);
      for (let i = 0; i < count; i++) btf.set(at + RECORD + VALUE * i, undefined, btf.types.typeCount, 0);
    });
  },
  section_name(btf) {
    btf.each('datasec', (at) => {
      const start = btf.stringAt(at);
      for (const [i, byte] of btf.bytes.subarray(start, start + MAX_NAME).entries()) {
        if (byte === 0) break;
        if (!(i === 0 ? /[A-Za-z_.]/ : /[\w.]/).test(String.fromCharCode(byte))) btf.bytes[start + i] = UNDERSCORE;
      }
    });
  },
};

/** The records of a copy that is rewritten. */
class Records {
  readonly bytes: Uint8Array;
  /** What they were before. */
  readonly types: Btf;
  readonly #view: DataView;

  constructor(bytes: Uint8Array, types: Btf) {
    this.bytes = bytes;
    this.types = types;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  each(kind: BtfKind, rewrite: (at: number, id: number) => void): void {
    for (const [id, at] of this.types.records(kind)) rewrite(at, id);
  }

  word(at: number): number {
    return this.#view.getUint32(at, this.types.littleEndian);
  }

  /** Writes words from `at` on; `undefined` leaves one as it is. */
  set(at: number, ...words: readonly (number | undefined)[]): void {
    for (const [i, word] of words.entries()) {
      if (word !== undefined) this.#view.setUint32(at + 4 * i, word, this.types.littleEndian);
    }
  }

  /** Where the name of a record is. */
  stringAt(at: number): number {
    const [header, strings] = [this.word(4), this.word(16)];
    return header + strings + this.word(at);
  }
}
