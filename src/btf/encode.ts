import { ObjectError, UsageError } from '../errors.ts';
import { writeBits } from './bits.ts';
import type { Btf } from './btf.ts';
import { isChar, MAX_DEPTH, MAX_STEPS } from './decode.ts';
import type { BtfArray, BtfComposite, BtfDatasec, BtfEnum, BtfInt, BtfMember } from './types.ts';
import type { BtfValue } from './value.ts';

/** Puts values into bytes; `path` says which part of the whole, for messages. */
export class Encoder {
  readonly #btf: Btf;
  readonly #littleEndian: boolean;
  #steps = MAX_STEPS;

  constructor(btf: Btf) {
    this.#btf = btf;
    this.#littleEndian = btf.littleEndian;
  }

  encode(typeId: number, value: BtfValue, bytes: Uint8Array, path: string, depth: number): void {
    this.#step(`type ${typeId}`, depth);
    const type = this.#btf.resolve(typeId);
    if (value instanceof Uint8Array) {
      const size = this.#btf.size(typeId);
      if (value.length !== size) throw misfit(path, `${value.length} bytes given, ${size} expected`);
      bytes.set(value);
      return;
    }
    switch (type.kind) {
      case 'int':
        this.#int(type, value, bytes, type.bitOffset, type.bits, path);
        return;
      case 'ptr':
        this.#integer(value, bytes, 0, 64, false, 'pointer', path);
        return;
      case 'enum':
      case 'enum64':
        this.#enum(type, value, bytes, 0, 8 * type.size, path);
        return;
      case 'float': {
        if (typeof value !== 'number') throw misfit(path, `a number is expected for ${type.name}`);
        const view = new DataView(bytes.buffer, bytes.byteOffset, type.size);
        if (type.size === 4) view.setFloat32(0, value, this.#littleEndian);
        else if (type.size === 8) view.setFloat64(0, value, this.#littleEndian);
        else throw misfit(path, `a ${type.size}-byte ${type.name} can only be given as bytes`);
        return;
      }
      case 'array':
        this.#array(type, value, bytes, path, depth);
        return;
      case 'struct':
      case 'union':
        this.#composite(type, value, bytes, path, depth);
        return;
      case 'datasec':
        this.#datasec(type, value, bytes, path, depth);
        return;
      case 'var':
        this.encode(type.typeId, value, bytes, path, depth + 1);
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
      this.encode(type.typeId, item, part(bytes, i * size, size), `${path}[${i}]`, depth + 1);
    }
  }

  #composite(type: BtfComposite, value: BtfValue, bytes: Uint8Array, path: string, depth: number): void {
    for (const [name, field] of members(value, path, `${type.kind} ${type.name}`)) {
      const where = `${path}.${name}`;
      const found = this.#member(type, name, 0, depth);
      if (found === undefined) throw misfit(where, `${type.kind} ${type.name} has no such member`);
      const { member, bitOffset } = found;
      if (member.bitSize > 0) this.#bitField(member, bitOffset, field, bytes, where);
      else {
        const target = part(bytes, Math.floor(bitOffset / 8), this.#btf.size(member.typeId));
        this.encode(member.typeId, field, target, where, depth + 1);
      }
    }
  }

  #datasec(type: BtfDatasec, value: BtfValue, bytes: Uint8Array, path: string, depth: number): void {
    for (const [name, field] of members(value, path, `section ${type.name}`)) {
      const variable = type.variables.find(({ typeId }) => this.#btf.type(typeId).name === name);
      if (variable === undefined) throw misfit(`${path}.${name}`, `section ${type.name} has no such variable`);
      const size = this.#btf.size(variable.typeId);
      this.encode(variable.typeId, field, part(bytes, variable.offset, size), `${path}.${name}`, depth + 1);
    }
  }

  #bitField(member: BtfMember, bitOffset: number, value: BtfValue, bytes: Uint8Array, path: string): void {
    const type = this.#btf.resolve(member.typeId);
    if (bitOffset + member.bitSize > 8 * bytes.length)
      throw new ObjectError(`bit-field ${member.name} lies outside its struct`, { section: '.BTF' });
    if (type.kind === 'enum' || type.kind === 'enum64') this.#enum(type, value, bytes, bitOffset, member.bitSize, path);
    else if (type.kind === 'int') this.#int(type, value, bytes, bitOffset, member.bitSize, path);
    else throw misfit(path, `a bit-field of ${type.kind} cannot be set`);
  }

  /** A member by name, also within anonymous members. */
  #member(
    type: BtfComposite,
    name: string,
    base: number,
    depth: number,
  ): { readonly member: BtfMember; readonly bitOffset: number } | undefined {
    for (const member of type.members) {
      this.#step(`${type.kind} ${type.name}`, depth);
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

  #enum(type: BtfEnum, value: BtfValue, bytes: Uint8Array, bitOffset: number, bits: number, path: string): void {
    const what = `enum ${type.name}`;
    const named = typeof value === 'string' ? type.values.find((candidate) => candidate.name === value) : undefined;
    if (typeof value === 'string' && named === undefined) {
      const names = type.values.slice(0, 20).map((known) => known.name);
      throw misfit(path, `${what} has no ${value}; it has ${names.join(', ')}`);
    }
    this.#integer(named?.value ?? value, bytes, bitOffset, bits, type.signed, what, path);
  }

  #int(type: BtfInt, value: BtfValue, bytes: Uint8Array, bitOffset: number, bits: number, path: string): void {
    const plain = typeof value === 'boolean' ? BigInt(value) : value;
    if (type.encoding === 'bool' && plain !== 0 && plain !== 1 && plain !== 0n && plain !== 1n)
      throw misfit(path, 'true or false is expected');
    this.#integer(plain, bytes, bitOffset, bits, type.encoding === 'signed', type.name, path);
  }

  #integer(
    value: BtfValue,
    bytes: Uint8Array,
    bitOffset: number,
    bits: number,
    isSigned: boolean,
    what: string,
    path: string,
  ): void {
    if (typeof value !== 'bigint' && (typeof value !== 'number' || !Number.isSafeInteger(value))) {
      const isLarge = typeof value === 'number' && Number.isInteger(value);
      throw misfit(path, `an integer is expected for ${what}${isLarge ? '; beyond 2^53 give a bigint' : ''}`);
    }
    const n = BigInt(value);
    if (n !== (isSigned ? BigInt.asIntN(bits, n) : BigInt.asUintN(bits, n))) {
      const magnitude = 1n << BigInt(isSigned ? bits - 1 : bits);
      throw misfit(path, `${n} does not fit in ${what} (${isSigned ? -magnitude : 0n} to ${magnitude - 1n})`);
    }
    writeBits(bytes, bitOffset, bits, n, this.#littleEndian);
  }

  #step(what: string, depth: number): void {
    if (depth > MAX_DEPTH || this.#steps-- <= 0)
      throw new ObjectError(`${what} nests too deep or is too large to encode`, { section: '.BTF' });
  }
}

function members(value: BtfValue, path: string, what: string): [string, BtfValue][] {
  // null comes from JSON, whatever the type says.
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return Object.entries(value);
  throw misfit(path, `an object is expected for ${what}`);
}

/** A view of `size` bytes. In BTF that is damaged a member may reach past the end of its struct. */
function part(bytes: Uint8Array, start: number, size: number): Uint8Array {
  if (start + size <= bytes.length) return bytes.subarray(start, start + size);
  throw new ObjectError(`${size} bytes at ${start} lie outside the ${bytes.length} bytes around them`, {
    section: '.BTF',
  });
}

function misfit(path: string, what: string): UsageError {
  return new UsageError(`${path === '' ? '' : `${path}: `}${what}`);
}
