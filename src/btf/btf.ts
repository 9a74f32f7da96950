import { Cursor } from '../bytes/cursor.ts';
import { cString } from '../bytes/struct.ts';
import { ObjectError } from '../errors.ts';
import { MAX_NAME, NameIndex } from './name-index.ts';
import { BTF_KINDS, type BtfKind, type BtfType } from './types.ts';

const BTF_MAGIC = 0xeb9f;
const HEADER_SIZE = 24;
/** References that may be followed from one type to the next; the kernel allows 32 and real chains are shorter. */
export const MAX_RESOLVE = 32;
const VOID: BtfType = { kind: 'void', name: '' };

interface Layout {
  readonly littleEndian: boolean;
  /** Byte offsets within the BTF blob. */
  readonly types: number;
  readonly typesEnd: number;
  readonly strings: number;
  readonly stringsEnd: number;
}

/**
 * BTF type information: types by id, decoded when they are asked for. Split BTF (of a kernel module) goes on where its base ends.
 */
export class Btf {
  readonly bytes: Uint8Array;
  readonly littleEndian: boolean;
  readonly base: Btf | undefined;
  readonly #layout: Layout;
  readonly #view: DataView;
  /** Of each type, where its record starts. Index 0 is the first id of this BTF. */
  readonly #offsets: Uint32Array;
  readonly #firstId: number;
  readonly #firstString: number;
  readonly #decoded = new Map<number, BtfType>();
  #index: NameIndex | undefined;

  /** Use {@link parseBtf}. */
  constructor(bytes: Uint8Array, layout: Layout, offsets: Uint32Array, base: Btf | undefined) {
    this.bytes = bytes;
    this.littleEndian = layout.littleEndian;
    this.base = base;
    this.#layout = layout;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#offsets = offsets;
    this.#firstId = base === undefined ? 1 : base.typeCount;
    this.#firstString = base === undefined ? 0 : base.stringsLength;
  }

  /** One more than the highest id. */
  get typeCount(): number {
    return this.#firstId + this.#offsets.length;
  }

  get stringsLength(): number {
    return this.#firstString + this.#layout.stringsEnd - this.#layout.strings;
  }

  /** Throws ObjectError if there is no such type. */
  type(id: number): BtfType {
    if (id === 0) return VOID;
    if (this.base !== undefined && id < this.#firstId) return this.base.type(id);
    const known = this.#decoded.get(id);
    if (known !== undefined) return known;
    const offset = this.#offsets[id - this.#firstId];
    if (offset === undefined)
      throw new ObjectError(`there is no type ${id}; the last is ${this.typeCount - 1}`, { section: '.BTF' });
    const type = this.#decode(offset);
    this.#decoded.set(id, type);
    return type;
  }

  /** Ids of the types of this BTF, without those of its base. */
  *ownIds(): Generator<number> {
    for (let id = this.#firstId; id < this.typeCount; id++) yield id;
  }

  /** Ids of the types of one kind in this BTF (not in its base) and where their records start, in bytes. */
  *records(kind: BtfKind): Generator<readonly [id: number, offset: number]> {
    for (const [index, offset] of this.#offsets.entries()) {
      if (kindOf(this.#view.getUint32(offset + 4, this.littleEndian)) === kind) yield [this.#firstId + index, offset];
    }
  }

  /** The text at an offset of the string section, or the first `limit` characters of it. */
  string(offset: number, limit = Number.POSITIVE_INFINITY): string {
    const holder = this.#holder(offset);
    const at = holder.#stringPlace(offset);
    return cString(holder.bytes.subarray(at, Math.min(at + limit, holder.#layout.stringsEnd)));
  }

  /** Ids of the types with this name, ascending. */
  named(name: string): readonly number[] {
    return [...(this.base?.named(name) ?? []), ...this.#ids(this.#names().find(name))];
  }

  /** Ids of the types with this name, and of those with a flavour of it, `NAME___flavour`. */
  flavours(name: string): readonly number[] {
    const names = this.#names();
    const own = [...this.#ids(names.find(name)), ...this.#ids(names.flavours(name))];
    return [...(this.base?.flavours(name) ?? []), ...own];
  }

  /** The first type of this kind and name, or `undefined`. */
  find(kind: BtfKind, name: string): number | undefined {
    const inherited = this.base?.find(kind, name);
    if (inherited !== undefined) return inherited;
    for (const id of this.#ids(this.#names().find(name))) {
      const offset = this.#offsets[id - this.#firstId] ?? 0;
      if (kindOf(this.#view.getUint32(offset + 4, this.littleEndian)) === kind) return id;
    }
    return undefined;
  }

  /** The type behind typedefs and qualifiers. Throws ObjectError if they go in a circle. */
  resolve(id: number): BtfType {
    let type = this.type(id);
    for (let n = 0; n < MAX_RESOLVE; n++) {
      switch (type.kind) {
        case 'typedef':
        case 'volatile':
        case 'const':
        case 'restrict':
        case 'type_tag':
          type = this.type(type.typeId);
          break;
        default:
          return type;
      }
    }
    throw new ObjectError(`type ${id} goes through more than ${MAX_RESOLVE} typedefs and qualifiers, or in a circle`, {
      section: '.BTF',
    });
  }

  /** Bytes of a value of this type. Throws ObjectError where there is none (void, functions, forward declarations). */
  size(id: number): number {
    let count = 1;
    let type = this.resolve(id);
    for (let n = 0; n < MAX_RESOLVE; n++) {
      switch (type.kind) {
        case 'int':
        case 'struct':
        case 'union':
        case 'enum':
        case 'enum64':
        case 'float':
        case 'datasec':
          return checkedSize(count * type.size, id);
        case 'ptr':
          return checkedSize(count * 8, id);
        case 'array':
          count *= type.length;
          type = this.resolve(type.typeId);
          break;
        case 'var':
          type = this.resolve(type.typeId);
          break;
        default:
          throw new ObjectError(`type ${id} (${type.kind} ${type.name}) has no size`, { section: '.BTF' });
      }
    }
    throw new ObjectError(`type ${id} nests more than ${MAX_RESOLVE} arrays, or goes in a circle`, { section: '.BTF' });
  }

  *#ids(records: Iterable<number>): Generator<number> {
    for (const record of records) yield this.#firstId + record;
  }

  #names(): NameIndex {
    this.#index ??= new NameIndex({
      bytes: this.bytes,
      littleEndian: this.littleEndian,
      offsets: this.#offsets,
      stringBytes: (name) => this.#holder(name).bytes,
      stringStart: (name) => this.#holder(name).#stringPlace(name),
    });
    return this.#index;
  }

  /** This BTF, or the base that has the string at this offset. */
  #holder(offset: number): Btf {
    return this.base !== undefined && offset < this.#firstString ? this.base.#holder(offset) : this;
  }

  /** Where a string starts in `bytes`. */
  #stringPlace(offset: number): number {
    const { strings, stringsEnd } = this.#layout;
    const at = strings + offset - this.#firstString;
    if (at < stringsEnd && (at >= strings || offset === 0)) return at;
    throw new ObjectError(`a name at 0x${offset.toString(16)} is outside the string section`, { section: '.BTF' });
  }

  /** The name of a type, member or parameter. */
  #name(offset: number): string {
    if (offset === 0) return '';
    const name = this.string(offset, MAX_NAME + 1);
    if (name.length <= MAX_NAME) return name;
    throw new ObjectError(`the name that starts with ${name.slice(0, 40)} has more than ${MAX_NAME} characters`, {
      section: '.BTF',
    });
  }

  #decode(offset: number): BtfType {
    const place = { section: '.BTF', offset };
    const cursor = new Cursor(this.bytes.subarray(0, this.#layout.typesEnd), this.littleEndian, { section: '.BTF' });
    cursor.offset = offset;
    const name = this.#name(cursor.u32());
    const info = cursor.u32();
    const sizeOrType = cursor.u32();
    const count = info & 0xffff;
    const flag = info >>> 31 === 1;
    const kind = kindOf(info);
    // A forward declaration has no values, and from clang no size.
    const isForward = count === 0 && sizeOrType === 0;
    if ((kind === 'enum' || kind === 'enum64') && !isForward && !isPowerOfTwo(sizeOrType, 8))
      throw new ObjectError(`${kind} ${name} has ${sizeOrType} bytes`, place);
    if (kind === 'float' && sizeOrType > 16) throw new ObjectError(`${kind} ${name} has ${sizeOrType} bytes`, place);
    const list = <T>(read: () => T): T[] => Array.from({ length: count }, read);
    switch (kind) {
      case 'void':
      case undefined:
        throw new ObjectError(`type kind ${(info >>> 24) & 31} is not known`, place);
      case 'int': {
        const data = cursor.u32();
        const encoding = (data >>> 24) & 15;
        const bits = data & 0xff;
        const bitOffset = (data >>> 16) & 0xff;
        if (!isPowerOfTwo(sizeOrType, 16) || bits > 128 || bits + bitOffset > 8 * sizeOrType)
          throw new ObjectError(`int ${name} has ${bits} bits at bit ${bitOffset} of ${sizeOrType} bytes`, place);
        return {
          kind,
          name,
          size: sizeOrType,
          bits,
          bitOffset,
          encoding: encoding & 1 ? 'signed' : encoding & 2 ? 'char' : encoding & 4 ? 'bool' : 'none',
        };
      }
      case 'ptr':
      case 'typedef':
      case 'volatile':
      case 'const':
      case 'restrict':
      case 'type_tag':
        return { kind, name, typeId: sizeOrType };
      case 'array':
        return { kind, name: '', typeId: cursor.u32(), indexTypeId: cursor.u32(), length: cursor.u32() };
      case 'struct':
      case 'union':
        return {
          kind,
          name,
          size: sizeOrType,
          members: list(() => {
            const member = this.#name(cursor.u32());
            const typeId = cursor.u32();
            const at = cursor.u32();
            // With the flag, the top byte is the width of a bit-field.
            return { name: member, typeId, bitOffset: flag ? at & 0xffffff : at, bitSize: flag ? at >>> 24 : 0 };
          }),
        };
      case 'enum':
        return {
          kind,
          name,
          size: sizeOrType,
          signed: flag,
          values: list(() => ({ name: this.#name(cursor.u32()), value: BigInt(flag ? cursor.i32() : cursor.u32()) })),
        };
      case 'enum64':
        return {
          kind,
          name,
          size: sizeOrType,
          signed: flag,
          values: list(() => {
            const value = this.#name(cursor.u32());
            const bits = BigInt(cursor.u32()) | (BigInt(cursor.u32()) << 32n);
            return { name: value, value: flag ? BigInt.asIntN(64, bits) : bits };
          }),
        };
      case 'fwd':
        return { kind, name, of: flag ? 'union' : 'struct' };
      case 'func':
        return { kind, name, typeId: sizeOrType, linkage: count };
      case 'func_proto':
        return {
          kind,
          name: '',
          returns: sizeOrType,
          params: list(() => ({ name: this.#name(cursor.u32()), typeId: cursor.u32() })),
        };
      case 'var':
        return { kind, name, typeId: sizeOrType, linkage: cursor.u32() };
      case 'datasec':
        return {
          kind,
          name,
          size: sizeOrType,
          variables: list(() => ({ typeId: cursor.u32(), offset: cursor.u32(), size: cursor.u32() })),
        };
      case 'float':
        return { kind, name, size: sizeOrType };
      case 'decl_tag':
        return { kind, name, typeId: sizeOrType, component: cursor.i32() };
    }
  }
}

/**
 * Parses the content of a `.BTF` section or of /sys/kernel/btf/vmlinux; `base` is the BTF that a split one goes on from.
 * Checks the header and that every record fits; throws ObjectError. What the records refer to is checked when it is asked for.
 */
export function parseBtf(bytes: Uint8Array, base?: Btf): Btf {
  const layout = parseHeader(bytes);
  return new Btf(bytes, layout, recordOffsets(bytes, layout), base);
}

function parseHeader(bytes: Uint8Array): Layout {
  const place = { section: '.BTF' };
  const magic = new Cursor(bytes, true, place).u16();
  const littleEndian = magic === BTF_MAGIC;
  if (!littleEndian && magic !== 0x9feb)
    throw new ObjectError(`this is no BTF: its magic is 0x${magic.toString(16)}, not 0x${BTF_MAGIC.toString(16)}`, {
      ...place,
      offset: 0,
    });
  const cursor = new Cursor(bytes, littleEndian, place);
  cursor.offset = 2;
  const version = cursor.u8();
  if (version !== 1) throw new ObjectError(`BTF version ${version} is not known`, { ...place, offset: 2 });
  cursor.offset = 4;
  const header = cursor.u32();
  const types = header + cursor.u32();
  const typesEnd = types + cursor.u32();
  const strings = header + cursor.u32();
  const stringsEnd = strings + cursor.u32();
  if (header < HEADER_SIZE || typesEnd > bytes.length || stringsEnd > bytes.length || types % 4 !== 0) {
    throw new ObjectError(`the header points outside the ${bytes.length} bytes`, { ...place, offset: 4 });
  }
  if (stringsEnd > strings && bytes[stringsEnd - 1] !== 0) {
    throw new ObjectError('the string section does not end with a NUL', { ...place, offset: strings });
  }
  return { littleEndian, types, typesEnd, strings, stringsEnd };
}

/** Bytes after the 12 of every record, by kind; times the count where the kind has a list. */
// biome-ignore format: aligned table
const TAIL: Readonly<Record<BtfKind, { readonly fixed: number; readonly each: number }>> = {
  void:   { fixed: 0, each: 0 },  int:      { fixed: 4, each: 0 },  ptr:      { fixed: 0, each: 0 },  array:      { fixed: 12, each: 0 },
  struct: { fixed: 0, each: 12 }, union:    { fixed: 0, each: 12 }, enum:     { fixed: 0, each: 8 },  fwd:        { fixed: 0, each: 0 },
  typedef:{ fixed: 0, each: 0 },  volatile: { fixed: 0, each: 0 },  const:    { fixed: 0, each: 0 },  restrict:   { fixed: 0, each: 0 },
  func:   { fixed: 0, each: 0 },  var:      { fixed: 4, each: 0 },  datasec:  { fixed: 0, each: 12 }, func_proto: { fixed: 0, each: 8 },
  float:  { fixed: 0, each: 0 },  decl_tag: { fixed: 4, each: 0 },  type_tag: { fixed: 0, each: 0 },  enum64:     { fixed: 0, each: 12 },
};

function recordOffsets(bytes: Uint8Array, { littleEndian, types, typesEnd }: Layout): Uint32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // The smallest record has 12 bytes, so there are at most this many.
  const offsets = new Uint32Array(Math.floor((typesEnd - types) / 12));
  let count = 0;
  let at = types;
  while (at < typesEnd) {
    const info = at + 12 > typesEnd ? undefined : view.getUint32(at + 4, littleEndian);
    const kind = info === undefined ? undefined : kindOf(info);
    if (info === undefined || kind === undefined || kind === 'void') {
      const what = info === undefined ? 'the last record is cut off' : `type kind ${(info >>> 24) & 31} is not known`;
      throw new ObjectError(what, { section: '.BTF', offset: at });
    }
    const next = at + 12 + TAIL[kind].fixed + TAIL[kind].each * (info & 0xffff);
    if (next > typesEnd)
      throw new ObjectError(`a ${kind} with ${info & 0xffff} parts does not fit in the type section`, {
        section: '.BTF',
        offset: at,
      });
    offsets[count++] = at;
    at = next;
  }
  return offsets.subarray(0, count);
}

function kindOf(info: number): BtfKind | undefined {
  return BTF_KINDS[(info >>> 24) & 31];
}

/** 1, 2, 4, … up to `most`. */
function isPowerOfTwo(n: number, most: number): boolean {
  return n > 0 && n <= most && (n & (n - 1)) === 0;
}

function checkedSize(size: number, id: number): number {
  if (size <= 0xffffffff) return size;
  throw new ObjectError(`type ${id} takes ${size} bytes, more than 32 bits can say`, { section: '.BTF' });
}
