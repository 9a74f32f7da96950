import { cString } from '../bytes/struct.ts';
import { ObjectError } from '../errors.ts';
import { readBits } from './bits.ts';
import type { Btf } from './btf.ts';
import type { BtfArray, BtfComposite, BtfDatasec, BtfEnum, BtfInt, BtfMember } from './types.ts';
import type { BtfValue } from './value.ts';

/** Levels of nested structs and arrays: more than C code has, and a bound for hostile BTF. */
export const MAX_DEPTH = 32;
/** Values and members that one call looks at: in hostile BTF, arrays of arrays and structs of structs multiply. */
export const MAX_STEPS = 1 << 22;

/** Turns bytes into values. */
export class Decoder {
  readonly #btf: Btf;
  #steps = MAX_STEPS;

  constructor(btf: Btf) {
    this.#btf = btf;
  }

  decode(typeId: number, bytes: Uint8Array, depth: number): BtfValue {
    this.#step(`type ${typeId}`, depth);
    const type = this.#btf.resolve(typeId);
    switch (type.kind) {
      case 'int':
        return decodeInt(type, need(bytes, type.size, type.name), this.#btf.littleEndian);
      case 'ptr':
        return readBits(need(bytes, 8, 'pointer'), 0, 64, this.#btf.littleEndian);
      case 'enum':
      case 'enum64': {
        const bits = 8 * type.size;
        return decodeEnum(type, readBits(need(bytes, type.size, type.name), 0, bits, this.#btf.littleEndian), bits);
      }
      case 'float': {
        const { buffer, byteOffset } = need(bytes, type.size, type.name);
        const view = new DataView(buffer, byteOffset, type.size);
        if (type.size === 4) return view.getFloat32(0, this.#btf.littleEndian);
        return type.size === 8 ? view.getFloat64(0, this.#btf.littleEndian) : bytes.slice(0, type.size);
      }
      case 'array':
        return this.#array(type, bytes, depth);
      case 'struct':
      case 'union':
        return this.#composite(type, bytes, depth);
      case 'datasec':
        return this.#datasec(type, bytes, depth);
      case 'var':
        return this.decode(type.typeId, bytes, depth + 1);
      default:
        return new Uint8Array(bytes);
    }
  }

  #array(type: BtfArray, bytes: Uint8Array, depth: number): BtfValue {
    const size = this.#btf.size(type.typeId);
    need(bytes, size * type.length, 'array');
    const text = isChar(this.#btf, type.typeId) ? printable(bytes.subarray(0, type.length)) : undefined;
    if (text !== undefined) return text;
    if (size === 0) return [];
    return Array.from({ length: type.length }, (_, i) =>
      this.decode(type.typeId, bytes.subarray(i * size, (i + 1) * size), depth + 1),
    );
  }

  #composite(type: BtfComposite, bytes: Uint8Array, depth: number): { [member: string]: BtfValue } {
    need(bytes, type.size, `${type.kind} ${type.name}`);
    const value: { [member: string]: BtfValue } = {};
    for (const member of type.members) {
      this.#step(`${type.kind} ${type.name}`, depth);
      if (member.bitSize > 0) {
        if (member.name !== '') define(value, member.name, this.#bitField(member, bytes));
        continue;
      }
      const part = bytes.subarray(Math.floor(member.bitOffset / 8));
      const inner = this.#btf.resolve(member.typeId);
      if (member.name === '' && (inner.kind === 'struct' || inner.kind === 'union')) {
        for (const [name, field] of Object.entries(this.#composite(inner, part, depth + 1))) define(value, name, field);
      } else if (member.name !== '') {
        define(value, member.name, this.decode(member.typeId, part, depth + 1));
      }
    }
    return value;
  }

  #bitField(member: BtfMember, bytes: Uint8Array): BtfValue {
    const type = this.#btf.resolve(member.typeId);
    if (member.bitOffset + member.bitSize > 8 * bytes.length)
      throw new ObjectError(`bit-field ${member.name} lies outside its struct`, { section: '.BTF' });
    const bits = readBits(bytes, member.bitOffset, member.bitSize, this.#btf.littleEndian);
    if (type.kind === 'enum' || type.kind === 'enum64') return decodeEnum(type, bits, member.bitSize);
    if (type.kind !== 'int') return bits;
    if (type.encoding === 'bool') return bits !== 0n;
    const value = type.encoding === 'signed' ? BigInt.asIntN(member.bitSize, bits) : bits;
    return member.bitSize > 32 ? value : Number(value);
  }

  #datasec(type: BtfDatasec, bytes: Uint8Array, depth: number): BtfValue {
    const value: { [member: string]: BtfValue } = {};
    for (const { typeId, offset, size } of type.variables) {
      const variable = this.#btf.type(typeId);
      if (variable.kind !== 'var') continue;
      const part = need(bytes.subarray(offset), size, variable.name);
      define(value, variable.name, this.decode(variable.typeId, part, depth + 1));
    }
    return value;
  }

  #step(what: string, depth: number): void {
    if (depth > MAX_DEPTH || this.#steps-- <= 0)
      throw new ObjectError(`${what} nests too deep or is too large to decode`, { section: '.BTF' });
  }
}

function decodeInt(type: BtfInt, bytes: Uint8Array, littleEndian: boolean): BtfValue {
  const bits = readBits(bytes, type.bitOffset, type.bits, littleEndian);
  if (type.encoding === 'bool') return bits !== 0n;
  const value = type.encoding === 'signed' ? BigInt.asIntN(type.bits, bits) : bits;
  return type.bits > 32 ? value : Number(value);
}

function decodeEnum(type: BtfEnum, bits: bigint, width: number): BtfValue {
  const value = type.signed ? BigInt.asIntN(width, bits) : bits;
  const named = type.values.find((candidate) => candidate.value === value);
  if (named !== undefined) return named.name;
  return type.kind === 'enum64' ? value : Number(value);
}

/** clang describes `char` as a one-byte signed int. */
export function isChar(btf: Btf, typeId: number): boolean {
  const type = btf.resolve(typeId);
  return type.kind === 'int' && type.size === 1 && (type.encoding === 'char' || type.name === 'char');
}

/** The text of a char array, if it has a NUL and only printable characters before it, and nothing after. */
function printable(bytes: Uint8Array): string | undefined {
  const end = bytes.indexOf(0);
  if (end < 0 || bytes.subarray(end).some((byte) => byte !== 0)) return undefined;
  return bytes.subarray(0, end).every((byte) => byte >= 0x20 && byte < 0x7f) ? cString(bytes) : undefined;
}

/** The first `size` bytes. Throws ObjectError if there are fewer. */
function need(bytes: Uint8Array, size: number, what: string): Uint8Array {
  if (bytes.length >= size) return bytes.subarray(0, size);
  throw new ObjectError(`${what} takes ${size} bytes, but there are ${bytes.length}`, { section: '.BTF' });
}

/** A member called `__proto__` is a member, not the prototype. */
function define(target: object, name: string, value: BtfValue): void {
  Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
}
