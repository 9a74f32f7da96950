import { concatBytes } from '../bytes/plain.ts';
import { UsageError } from '../errors.ts';
import type { Btf } from './btf.ts';
import { BTF_KINDS, type BtfComposite, type BtfEnum, type BtfInt, type BtfType } from './types.ts';

const BTF_MAGIC = 0xeb9f;
const HEADER_SIZE = 24;
/** Members, values, parameters or variables of one type. */
const MAX_PARTS = 0xffff;
/** With bit-fields, the place of a member has 24 bits. */
const MAX_BIT_OFFSET = 0xffffff;
const INT_ENCODING = { none: 0, signed: 1, char: 2, bool: 4 } as const;

/**
 * Makes BTF of types, the inverse of {@link parseBtf}. Little-endian; every string is kept once.
 *
 * @example
 * const builder = new BtfBuilder();
 * const int = builder.add({ kind: 'int', name: 'int', size: 4, bits: 32, bitOffset: 0, encoding: 'signed' });
 * builder.add({ kind: 'typedef', name: 's32', typeId: int });
 * parseBtf(builder.bytes()).size(2); // 4
 */
export class BtfBuilder {
  readonly #types = new Words();
  readonly #strings = new Map<string, number>([['', 0]]);
  /** The first offset of the string section: split BTF goes on where the strings of its base end. */
  readonly #firstString: number;
  #stringsLength: number;
  #typeCount: number;

  /** `base`: the BTF that this one goes on from, in ids and strings; default: none. */
  constructor(base?: Btf) {
    this.#firstString = base?.stringsLength ?? 0;
    this.#stringsLength = base?.stringsLength ?? 1;
    this.#typeCount = base?.typeCount ?? 1;
  }

  /** One more than the highest id: the id that the next type gets. */
  get typeCount(): number {
    return this.#typeCount;
  }

  /**
   * Appends a type and returns its id; the first is 1, or the first after the base. It may refer to types that are added later: nothing checks ids.
   * Throws UsageError for what BTF cannot say: void, more than 65535 parts, a number that does not fit in its field.
   */
  add(type: BtfType): number {
    const start = this.#types.length;
    try {
      this.#encode(type);
    } catch (error) {
      this.#types.length = start;
      throw error;
    }
    return this.#typeCount++;
  }

  /** The offset of a text in the string section, to which it is added if it is new. Latin-1, as the names of {@link BtfType}. */
  string(text: string): number {
    const known = this.#strings.get(text);
    if (known !== undefined) return known;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code === 0 || code > 0xff)
        throw new UsageError(`a BTF string is Latin-1 without NUL: ${JSON.stringify(text)}`);
    }
    const offset = this.#stringsLength;
    this.#strings.set(text, offset);
    this.#stringsLength += text.length + 1;
    return offset;
  }

  /** The content of a `.BTF` section. */
  bytes(): Uint8Array {
    const types = this.#types.bytes();
    const strings = new Uint8Array(this.#stringsLength - this.#firstString);
    for (const [text, offset] of this.#strings) {
      const start = offset - this.#firstString;
      for (let i = 0; i < text.length; i++) strings[start + i] = text.charCodeAt(i);
    }
    const header = new Words();
    header.put(BTF_MAGIC | (1 << 16), HEADER_SIZE, 0, types.length, types.length, strings.length);
    return concatBytes([header.bytes(), types, strings]);
  }

  #encode(type: BtfType): void {
    switch (type.kind) {
      case 'void':
        throw new UsageError('void is type 0 of every BTF and cannot be added');
      case 'int':
        this.#record(type, type.size);
        this.#types.put(intData(type));
        return;
      case 'ptr':
      case 'typedef':
      case 'volatile':
      case 'const':
      case 'restrict':
      case 'type_tag':
        this.#record(type, type.typeId);
        return;
      case 'array':
        this.#record(type, 0);
        this.#types.put(type.typeId, type.indexTypeId, type.length);
        return;
      case 'struct':
      case 'union':
        this.#composite(type);
        return;
      case 'enum':
      case 'enum64':
        this.#enum(type);
        return;
      case 'fwd':
        this.#record(type, 0, 0, type.of === 'union');
        return;
      case 'func':
        // The linkage stands where others have the number of their parts.
        this.#record(type, type.typeId, type.linkage);
        return;
      case 'func_proto':
        this.#record(type, type.returns, type.params.length);
        for (const { name, typeId } of type.params) this.#types.put(this.string(name), typeId);
        return;
      case 'var':
        this.#record(type, type.typeId);
        this.#types.put(type.linkage);
        return;
      case 'datasec':
        this.#record(type, type.size, type.variables.length);
        for (const { typeId, offset, size } of type.variables) this.#types.put(typeId, offset, size);
        return;
      case 'float':
        this.#record(type, type.size);
        return;
      case 'decl_tag':
        this.#record(type, type.typeId);
        this.#types.put(type.component >>> 0);
        return;
    }
  }

  /** What every type starts with: name, `info` (bit 31 the kind flag, bits 24 to 28 the kind, bits 0 to 15 the number of parts), size or type. */
  #record(type: BtfType, sizeOrType: number, parts = 0, flag = false): void {
    if (parts > MAX_PARTS) throw misfit(type, `${parts} parts; there can be ${MAX_PARTS}`);
    const info = ((flag ? 1 << 31 : 0) | (BTF_KINDS.indexOf(type.kind) << 24) | parts) >>> 0;
    this.#types.put(this.string(type.name), info, sizeOrType);
  }

  #composite(type: BtfComposite): void {
    const flag = type.members.some((member) => member.bitSize > 0);
    this.#record(type, type.size, type.members.length, flag);
    for (const { name, typeId, bitOffset, bitSize } of type.members) {
      if (flag && (bitOffset > MAX_BIT_OFFSET || bitSize > 0xff))
        throw misfit(type, `${bitSize} bits at bit ${bitOffset} for ${name}`);
      this.#types.put(this.string(name), typeId, flag ? ((bitSize << 24) | bitOffset) >>> 0 : bitOffset);
    }
  }

  #enum(type: BtfEnum): void {
    const bits = type.kind === 'enum' ? 32 : 64;
    this.#record(type, type.size, type.values.length, type.signed);
    for (const { name, value } of type.values) {
      if (value !== (type.signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value)))
        throw misfit(type, `${value} for ${name}`);
      this.#types.put(this.string(name), Number(BigInt.asUintN(32, value)));
      if (bits === 64) this.#types.put(Number(BigInt.asUintN(32, value >> 32n)));
    }
  }
}

function intData(type: BtfInt): number {
  if (type.bits > 0xff || type.bitOffset > 0xff) throw misfit(type, `${type.bits} bits at bit ${type.bitOffset}`);
  return (INT_ENCODING[type.encoding] << 24) | (type.bitOffset << 16) | type.bits;
}

function misfit(type: BtfType, what: string): UsageError {
  return new UsageError(`BTF has no room for ${what} in ${type.kind} ${type.name === '' ? '(anonymous)' : type.name}`);
}

/** Little-endian 32-bit words in memory that grows. */
class Words {
  #view = new DataView(new ArrayBuffer(256));
  /** Bytes. */
  length = 0;

  put(...words: readonly number[]): void {
    const end = this.length + 4 * words.length;
    if (end > this.#view.byteLength) this.#grow(end);
    for (const word of words) {
      if (!Number.isInteger(word) || word < 0 || word > 0xffffffff)
        throw new UsageError(`a field of BTF has 32 bits, ${word} does not fit`);
      this.#view.setUint32(this.length, word, true);
      this.length += 4;
    }
  }

  bytes(): Uint8Array {
    return new Uint8Array(this.#view.buffer, 0, this.length).slice();
  }

  #grow(least: number): void {
    const grown = new Uint8Array(Math.max(least, 2 * this.#view.byteLength));
    grown.set(new Uint8Array(this.#view.buffer, 0, this.length));
    this.#view = new DataView(grown.buffer);
  }
}
