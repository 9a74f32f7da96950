import { ObjectError, UsageError } from '../errors.ts';
import type { Btf } from './btf.ts';
import type { BtfArray, BtfComposite, BtfDatasec, BtfEnum, BtfInt, BtfMember } from './types.ts';

/**
 * What bytes mean: integers up to 32 bits as numbers, wider ones and pointers as bigint, `bool` as boolean, an enumerator as its name (as a number
 * if it has none), a struct or union as an object (members of anonymous members are its own), a printable char array as a string, other arrays as
 * arrays, float and double as numbers. What has no value (a function, an opaque struct) comes as the bytes themselves.
 */
export type BtfValue =
  | number
  | bigint
  | boolean
  | string
  | Uint8Array
  | readonly BtfValue[]
  | { readonly [member: string]: BtfValue };

/** Levels of nested structs and arrays: more than C code has, and a bound for hostile BTF. */
const MAX_DEPTH = 32;

/** Decodes a value of type `typeId`. Throws ObjectError if the bytes are too few or the type makes no sense. */
export function decodeValue(btf: Btf, typeId: number, bytes: Uint8Array): BtfValue {
  return new Decoder(btf).decode(typeId, bytes, 0);
}

/**
 * Encodes a value of type `typeId`, into a copy of `into` (default: zeros). Members and elements left out stay as they are in it.
 * Throws UsageError with the path of what does not fit: `.packets: 300 does not fit in u8`.
 */
export function encodeValue(btf: Btf, typeId: number, value: BtfValue, into?: Uint8Array): Uint8Array {
  const bytes = into === undefined ? new Uint8Array(btf.size(typeId)) : new Uint8Array(into);
  new Encoder(btf).encode(typeId, value, bytes, '', 0);
  return bytes;
}

class Decoder {
  readonly #btf: Btf;
  /** Values that may still be decoded: arrays of arrays in hostile BTF multiply. */
  #budget = 1 << 22;

  constructor(btf: Btf) {
    this.#btf = btf;
  }

  decode(typeId: number, bytes: Uint8Array, depth: number): BtfValue {
    if (depth > MAX_DEPTH || this.#budget-- <= 0)
      throw new ObjectError(`type ${typeId} nests too deep or is too large to decode`, { section: '.BTF' });
    const type = this.#btf.resolve(typeId);
    switch (type.kind) {
      case 'int':
        return decodeInt(type, need(bytes, type.size, type.name), this.#btf.littleEndian);
      case 'ptr':
        return readBits(need(bytes, 8, 'pointer'), 0, 64, this.#btf.littleEndian);
      case 'enum':
      case 'enum64':
        return decodeEnum(
          type,
          readBits(need(bytes, type.size, type.name), 0, 8 * type.size, this.#btf.littleEndian),
          8 * type.size,
        );
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
      if (member.bitSize > 0) {
        if (member.name !== '') define(value, member.name, this.#bitField(member, bytes));
        continue;
      }
      const part = bytes.subarray(Math.floor(member.bitOffset / 8));
      const inner = this.#btf.resolve(member.typeId);
      if (member.name === '' && (inner.kind === 'struct' || inner.kind === 'union')) {
        if (depth >= MAX_DEPTH) throw new ObjectError(`${type.kind} ${type.name} nests too deep`, { section: '.BTF' });
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
      if (variable.kind === 'var')
        define(
          value,
          variable.name,
          this.decode(variable.typeId, need(bytes.subarray(offset), size, variable.name), depth + 1),
        );
    }
    return value;
  }
}

class Encoder {
  readonly #btf: Btf;

  constructor(btf: Btf) {
    this.#btf = btf;
  }

  encode(typeId: number, value: BtfValue, bytes: Uint8Array, path: string, depth: number): void {
    if (depth > MAX_DEPTH) throw new ObjectError(`type ${typeId} nests too deep`, { section: '.BTF' });
    const type = this.#btf.resolve(typeId);
    if (value instanceof Uint8Array) {
      const size = this.#btf.size(typeId);
      if (value.length !== size) throw misfit(path, `${value.length} bytes given, ${size} expected`);
      bytes.set(value);
      return;
    }
    switch (type.kind) {
      case 'int':
        writeInt(bytes, 0, type.bits, type, value, path, this.#btf.littleEndian);
        return;
      case 'ptr':
        writeInteger(bytes, 0, 64, false, 'pointer', value, path, this.#btf.littleEndian);
        return;
      case 'enum':
      case 'enum64':
        writeEnum(bytes, 0, 8 * type.size, type, value, path, this.#btf.littleEndian);
        return;
      case 'float':
        if (typeof value !== 'number') throw misfit(path, `a number is expected for ${type.name}`);
        if (type.size === 4)
          new DataView(bytes.buffer, bytes.byteOffset, 4).setFloat32(0, value, this.#btf.littleEndian);
        else if (type.size === 8)
          new DataView(bytes.buffer, bytes.byteOffset, 8).setFloat64(0, value, this.#btf.littleEndian);
        else throw misfit(path, `a ${type.size}-byte ${type.name} can only be given as bytes`);
        return;
      case 'array':
        this.#array(type, value, bytes, path, depth);
        return;
      case 'struct':
      case 'union':
        this.#composite(type, value, bytes, path, depth);
        return;
      default:
        throw misfit(path, `a ${type.kind} has no value that could be set`);
    }
  }

  #array(type: BtfArray, value: BtfValue, bytes: Uint8Array, path: string, depth: number): void {
    if (typeof value === 'string' && isChar(this.#btf, type.typeId)) {
      const text = new TextEncoder().encode(value);
      if (text.length >= type.length)
        throw misfit(path, `a text of ${text.length} bytes and its NUL do not fit in ${type.length}`);
      bytes.fill(0, 0, type.length);
      bytes.set(text);
      return;
    }
    if (!Array.isArray(value) || value.length > type.length)
      throw misfit(path, `an array of at most ${type.length} elements is expected`);
    const size = this.#btf.size(type.typeId);
    for (const [i, item] of value.entries()) {
      this.encode(type.typeId, item, bytes.subarray(i * size, (i + 1) * size), `${path}[${i}]`, depth + 1);
    }
  }

  #composite(type: BtfComposite, value: BtfValue, bytes: Uint8Array, path: string, depth: number): void {
    if (typeof value !== 'object' || Array.isArray(value))
      throw misfit(path, `an object is expected for ${type.kind} ${type.name}`);
    for (const [name, field] of Object.entries(value)) {
      const found = this.#member(type, name, 0, depth);
      if (found === undefined) throw misfit(`${path}.${name}`, `${type.kind} ${type.name} has no such member`);
      const { member, bitOffset } = found;
      const where = `${path}.${name}`;
      if (member.bitSize > 0) this.#bitField(member, bitOffset, field, bytes, where);
      else
        this.encode(
          member.typeId,
          field,
          bytes.subarray(bitOffset / 8, bitOffset / 8 + this.#btf.size(member.typeId)),
          where,
          depth + 1,
        );
    }
  }

  #bitField(member: BtfMember, bitOffset: number, value: BtfValue, bytes: Uint8Array, path: string): void {
    const type = this.#btf.resolve(member.typeId);
    const { littleEndian } = this.#btf;
    if (type.kind === 'enum' || type.kind === 'enum64')
      writeEnum(bytes, bitOffset, member.bitSize, type, value, path, littleEndian);
    else if (type.kind === 'int') writeInt(bytes, bitOffset, member.bitSize, type, value, path, littleEndian);
    else throw misfit(path, `a bit-field of ${type.kind} cannot be set`);
  }

  /** A member by name, also within anonymous members. */
  #member(
    type: BtfComposite,
    name: string,
    base: number,
    depth: number,
  ): { member: BtfMember; bitOffset: number } | undefined {
    if (depth > MAX_DEPTH) return undefined;
    for (const member of type.members) {
      const bitOffset = base + member.bitOffset;
      if (member.name === name) return { member, bitOffset };
      const inner = member.name === '' ? this.#btf.resolve(member.typeId) : undefined;
      if (inner?.kind === 'struct' || inner?.kind === 'union') {
        const found = this.#member(inner, name, bitOffset, depth + 1);
        if (found !== undefined) return found;
      }
    }
    return undefined;
  }
}

function decodeInt(type: BtfInt, bytes: Uint8Array, littleEndian: boolean): BtfValue {
  const bits = readBits(bytes, type.bitOffset, Math.min(type.bits, 8 * type.size - type.bitOffset), littleEndian);
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

function writeEnum(
  bytes: Uint8Array,
  bitOffset: number,
  bits: number,
  type: BtfEnum,
  value: BtfValue,
  path: string,
  littleEndian: boolean,
): void {
  if (typeof value !== 'string') {
    writeInteger(bytes, bitOffset, bits, type.signed, `enum ${type.name}`, value, path, littleEndian);
    return;
  }
  const named = type.values.find((candidate) => candidate.name === value);
  if (named === undefined)
    throw misfit(
      path,
      `enum ${type.name} has no ${value}; it has ${type.values
        .map((v) => v.name)
        .slice(0, 20)
        .join(', ')}`,
    );
  writeInteger(bytes, bitOffset, bits, type.signed, `enum ${type.name}`, named.value, path, littleEndian);
}

function writeInt(
  bytes: Uint8Array,
  bitOffset: number,
  bits: number,
  type: BtfInt,
  value: BtfValue,
  path: string,
  littleEndian: boolean,
): void {
  const plain = typeof value === 'boolean' ? BigInt(value) : value;
  if (type.encoding === 'bool' && plain !== 0 && plain !== 1 && plain !== 0n && plain !== 1n)
    throw misfit(path, 'true or false is expected');
  writeInteger(bytes, bitOffset, bits, type.encoding === 'signed', type.name, plain, path, littleEndian);
}

function writeInteger(
  bytes: Uint8Array,
  bitOffset: number,
  bits: number,
  isSigned: boolean,
  type: string,
  value: BtfValue,
  path: string,
  littleEndian: boolean,
): void {
  if (typeof value !== 'bigint' && (typeof value !== 'number' || !Number.isSafeInteger(value))) {
    throw misfit(
      path,
      `an integer is expected for ${type}${typeof value === 'number' && Number.isInteger(value) ? '; beyond 2^53 give a bigint' : ''}`,
    );
  }
  const n = BigInt(value);
  if (n !== (isSigned ? BigInt.asIntN(bits, n) : BigInt.asUintN(bits, n))) {
    const low = isSigned ? -(1n << BigInt(bits - 1)) : 0n;
    const high = (1n << BigInt(isSigned ? bits - 1 : bits)) - 1n;
    throw misfit(path, `${n} does not fit in ${type} (${low} to ${high})`);
  }
  for (let i = 0; i < bits; i++) {
    const at = bitPlace(bitOffset + i, bits, bitOffset, littleEndian);
    const mask = 1 << at.bit;
    const old = bytes[at.byte] ?? 0;
    bytes[at.byte] = (n >> BigInt(i)) & 1n ? old | mask : old & ~mask;
  }
}

/** `bits` bits from `bitOffset` on, unsigned. */
function readBits(bytes: Uint8Array, bitOffset: number, bits: number, littleEndian: boolean): bigint {
  if (bitOffset === 0 && (bits === 64 || bits === 32)) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return bits === 64 ? view.getBigUint64(0, littleEndian) : BigInt(view.getUint32(0, littleEndian));
  }
  let value = 0n;
  for (let i = 0; i < bits; i++) {
    const at = bitPlace(bitOffset + i, bits, bitOffset, littleEndian);
    if (((bytes[at.byte] ?? 0) >> at.bit) & 1) value |= 1n << BigInt(i);
  }
  return value;
}

/** Where bit `bit` (from the value's lowest bit up) is stored. */
function bitPlace(bit: number, bits: number, start: number, littleEndian: boolean): { byte: number; bit: number } {
  if (littleEndian) return { byte: bit >> 3, bit: bit & 7 };
  // Big-endian: the value's lowest bit is the last one of its storage.
  const fromTop = start + bits - 1 - (bit - start);
  return { byte: fromTop >> 3, bit: 7 - (fromTop & 7) };
}

function isChar(btf: Btf, typeId: number): boolean {
  // clang describes `char` as a one-byte signed int.
  const type = btf.resolve(typeId);
  return type.kind === 'int' && type.size === 1 && (type.encoding === 'char' || type.name === 'char');
}

/** The text of a char array, if it has a NUL and only printable characters before it, and nothing after. */
function printable(bytes: Uint8Array): string | undefined {
  const end = bytes.indexOf(0);
  if (end < 0 || bytes.subarray(end).some((byte) => byte !== 0)) return undefined;
  const text = bytes.subarray(0, end);
  return text.every((byte) => byte >= 0x20 && byte < 0x7f) ? String.fromCharCode(...text) : undefined;
}

function need(bytes: Uint8Array, size: number, what: string): Uint8Array {
  if (bytes.length >= size) return bytes.subarray(0, size);
  throw new ObjectError(`${what} takes ${size} bytes, but there are ${bytes.length}`, { section: '.BTF' });
}

/** A member called `__proto__` is a member, not the prototype. */
function define(target: object, name: string, value: BtfValue): void {
  Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
}

function misfit(path: string, what: string): UsageError {
  return new UsageError(`${path === '' ? '' : `${path}: `}${what}`);
}
