import { SysError } from '../../errors.ts';
import { PATH_MAX } from '../../sys/kernel.ts';
import { type AttrField, attrConflict, attrFields, attrSize, type BpfCmd } from '../../uapi/attr.ts';
import { errno } from '../../uapi/errno.ts';
import { bufferSize, needsMap } from './buffer-sizes.ts';
import type { InfoArray } from './info.ts';
import type { MapSizes } from './map-sizes.ts';
import { align8, type Memory } from './memory.ts';

/** The attributes of one call, laid out in native memory. */
export interface LaidOut {
  /** Offset and size of `union bpf_attr`. */
  readonly at: number;
  readonly size: number;
  /** Copies what the kernel has written into the caller's attributes. */
  copyBack(): void;
}

interface Pointer {
  readonly name: string;
  readonly offset: number;
  /** What the kernel may touch, no more. */
  readonly bytes: Uint8Array;
  readonly back: boolean;
  /** `bytes` is an array of addresses, of these. */
  readonly strings?: readonly Uint8Array[];
}

/**
 * Lays `attr` out as the kernel reads it: zeroed, with exactly the size that the command has, and every buffer copied. Nothing of it refers to
 * JavaScript memory. Throws SysError: EINVAL for a value that its kind cannot hold, EFAULT for a buffer shorter than what the kernel would touch.
 *
 * @param sizesOf the sizes of a map by its fd; `undefined` if the fd is no map. Then all buffers are left out, and the kernel says what is wrong.
 * @param arrays the buffers that pointers inside of `info` shall point to
 */
export function layOut(
  memory: Memory,
  cmd: BpfCmd,
  attr: Record<string, unknown>,
  sizesOf: (fd: number) => MapSizes | undefined,
  arrays: readonly InfoArray[] = [],
): LaidOut {
  const fields = attrFields(cmd);
  if (fields.length === 0) throw new SysError(errno.EINVAL, String(cmd), { detail: 'there is no such command' });
  const size = attrSize(cmd);
  const conflict = attrConflict(cmd, attr);
  if (conflict !== undefined) {
    throw new SysError(errno.EINVAL, cmd, { detail: `${conflict.join(' and ')} exclude each other; give one of them` });
  }
  const numbers = readNumbers(cmd, fields, attr);
  const mapBound = needsMap(cmd);
  const map = mapBound ? sizesOf(numbers.map_fd ?? 0) : undefined;
  const pointers = mapBound && map === undefined ? [] : readPointers(cmd, fields, attr, numbers, map);

  const buffersOf = [
    ...pointers,
    ...arrays,
    ...pointers.flatMap(({ strings = [] }) => strings.map((bytes) => ({ bytes }))),
  ];
  memory.reset(buffersOf.reduce((sum, { bytes }) => sum + align8(bytes.length), align8(size)));
  const at = memory.take(size);
  memory.bytes.fill(0, at, at + size);
  for (const [name, kind, offset] of fields) {
    const value = attr[name];
    if (value === undefined) continue;
    switch (kind) {
      case 'u32':
      case 'u32!':
      case 'fd':
        memory.view.setUint32(at + offset, numbers[name] ?? 0, true);
        break;
      case 'u64':
      case 'u64!':
        if (typeof value !== 'bigint') throw wrong(cmd, name, 'a bigint');
        memory.view.setBigUint64(at + offset, value, true);
        break;
      case 'name':
        memory.bytes.set(nameBytes(cmd, name, value), at + offset);
        break;
      default: // pointers, below
    }
  }
  const buffers = new Map<string, number>();
  for (const { name, offset, bytes, strings = [] } of pointers) {
    const buffer = memory.put(bytes);
    buffers.set(name, buffer);
    for (const [i, text] of strings.entries()) memory.setAddress(buffer + 8 * i, memory.put(text));
    memory.setAddress(at + offset, buffer);
  }
  const filled = arrays.map(({ offset, bytes }) => {
    const buffer = memory.put(bytes);
    memory.setAddress((buffers.get('info') ?? 0) + offset, buffer);
    return { buffer, bytes };
  });
  return {
    at,
    size,
    copyBack() {
      for (const [name, kind, offset] of fields) {
        // An attribute object may be frozen, and then the caller is not interested.
        if (kind === 'u32!') Reflect.set(attr, name, memory.view.getUint32(at + offset, true));
        else if (kind === 'u64!') Reflect.set(attr, name, memory.view.getBigUint64(at + offset, true));
      }
      for (const { name, bytes, back } of pointers) {
        const buffer = buffers.get(name);
        if (back && buffer !== undefined) bytes.set(memory.bytes.subarray(buffer, buffer + bytes.length));
      }
      for (const { buffer, bytes } of filled) bytes.set(memory.bytes.subarray(buffer, buffer + bytes.length));
    },
  };
}

/** The fields that are one number each, as the kernel will see them: u32. */
function readNumbers(
  cmd: BpfCmd,
  fields: readonly AttrField[],
  attr: Readonly<Record<string, unknown>>,
): Readonly<Record<string, number>> {
  const numbers: Record<string, number> = {};
  for (const [name, kind] of fields) {
    const value = attr[name];
    if (value === undefined || (kind !== 'u32' && kind !== 'u32!' && kind !== 'fd')) continue;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < -(2 ** 31) || value >= 2 ** 32) {
      throw wrong(cmd, name, 'a whole number of 32 bits');
    }
    numbers[name] = value >>> 0;
  }
  return numbers;
}

function readPointers(
  cmd: BpfCmd,
  fields: readonly AttrField[],
  attr: Readonly<Record<string, unknown>>,
  numbers: Readonly<Record<string, number>>,
  map: MapSizes | undefined,
): Pointer[] {
  const pointers: Pointer[] = [];
  for (const [name, kind, offset] of fields) {
    const value = attr[name];
    if (value === undefined) continue;
    switch (kind) {
      case 'path':
        pointers.push({ name, offset, bytes: cStringBytes(cmd, name, value), back: false });
        break;
      case 'strings': {
        const strings = cStrings(cmd, name, value);
        const need = bufferSize(cmd, name, numbers, map);
        if (8 * strings.length < need) throw tooShort(cmd, name, 8 * strings.length, need);
        const bytes = new Uint8Array(8 * strings.length);
        if (bytes.length > 0) pointers.push({ name, offset, bytes, back: false, strings });
        break;
      }
      case 'fds': {
        const bytes = fdArrayBytes(cmd, name, value);
        const need = bufferSize(cmd, name, numbers, map);
        if (bytes.length < need) throw tooShort(cmd, name, bytes.length, need);
        if (bytes.length > 0) pointers.push({ name, offset, bytes, back: false });
        break;
      }
      case 'in':
      case 'out':
      case 'inout':
      case 'u32s': {
        if (!ArrayBuffer.isView(value)) throw wrong(cmd, name, 'a typed array');
        const need = bufferSize(cmd, name, numbers, map);
        if (value.byteLength < need) throw tooShort(cmd, name, value.byteLength, need);
        // Without a size the kernel would copy out the whole packet, however long a program has made it.
        if (name === 'data_out' && need === 0 && value.byteLength > 0) {
          throw new SysError(errno.EFAULT, cmd, {
            detail: 'data_out is given, but data_size_out does not say how long it is',
          });
        }
        // No bytes at all means no pointer: keys of queues must be NULL.
        if (value.byteLength === 0) break;
        const bytes = new Uint8Array(value.buffer, value.byteOffset, need);
        pointers.push({ name, offset, bytes, back: kind !== 'in' });
        break;
      }
      default: // numbers
    }
  }
  return pointers;
}

function nameBytes(cmd: BpfCmd, name: string, value: unknown): Uint8Array {
  if (typeof value !== 'string') throw wrong(cmd, name, 'a string');
  const bytes = new TextEncoder().encode(value);
  // The kernel would say the same, but only sees the first 16 bytes.
  if (bytes.length > 15) throw wrong(cmd, name, 'at most 15 bytes');
  return bytes;
}

/** With its NUL. */
export function cStringBytes(syscall: string, name: string, value: unknown): Uint8Array {
  if (typeof value !== 'string') throw wrong(syscall, name, 'a string');
  if (value.length >= PATH_MAX) throw new SysError(errno.ENAMETOOLONG, syscall, { what: `${value.slice(0, 64)}…` });
  const bytes = new TextEncoder().encode(`${value}\0`);
  if (value.includes('\0')) throw wrong(syscall, name, 'a string without NUL');
  if (bytes.length > PATH_MAX) throw new SysError(errno.ENAMETOOLONG, syscall, { what: `${value.slice(0, 64)}…` });
  return bytes;
}

function cStrings(cmd: BpfCmd, name: string, value: unknown): Uint8Array[] {
  if (!Array.isArray(value)) throw wrong(cmd, name, 'a list of strings');
  return value.map((text) => cStringBytes(cmd, name, text));
}

function fdArrayBytes(cmd: BpfCmd, name: string, value: unknown): Uint8Array {
  if (!Array.isArray(value) || !value.every((fd) => Number.isInteger(fd))) throw wrong(cmd, name, 'a list of fds');
  return new Uint8Array(Int32Array.from(value).buffer);
}

function wrong(syscall: string, name: string, wanted: string): SysError {
  return new SysError(errno.EINVAL, syscall, { detail: `${name} has to be ${wanted}` });
}

function tooShort(cmd: BpfCmd, name: string, length: number, need: number): SysError {
  return new SysError(errno.EFAULT, cmd, {
    detail: `${name} is ${length} bytes long, but the kernel would use ${need}`,
  });
}
