import { roundUp } from '../bytes/round.ts';
import { SysError, UsageError } from '../errors.ts';
import type { Mapping, MappingAccess } from '../sys/kernel.ts';
import { BPF_F_MMAPABLE } from '../uapi/bpf.ts';
import { errno } from '../uapi/errno.ts';
import { saying } from './calls.ts';
import type { BpfMap } from './map.ts';

/**
 * The values of an array, mapped into this process. Values of 1, 2, 4 and 8 bytes are read and written in one step; of larger ones a program may change a part
 * meanwhile. Ends when it is closed; the map may be closed before.
 */
export class MappedArray<V = unknown> implements Disposable {
  readonly map: BpfMap<unknown, V>;
  readonly access: MappingAccess;
  readonly #mapping: Mapping;
  /** Bytes from one value to the next. */
  readonly #stride: number;

  /** Use {@link BpfMap.mmap}. */
  constructor(map: BpfMap<unknown, V>, access: MappingAccess, mapping: Mapping) {
    this.map = map;
    this.access = access;
    this.#mapping = mapping;
    this.#stride = roundUp(map.info.valueSize, 8);
  }

  /**
   * All values, each on a multiple of 8: ask for them again after any call. Writing to those of a mapping for reading ends the process on Linux, as it does in C.
   * Empty after the end.
   */
  get bytes(): Uint8Array {
    return this.#mapping.bytes;
  }

  /** The value, or `undefined` if there is no such index. Throws SysError EBADF after the end. */
  get(index: number): V | undefined {
    const place = this.#place(index);
    return place === undefined
      ? undefined
      : this.map.decodeValue(loadBytes(this.#open(), place, this.map.info.valueSize));
  }

  /** Throws SysError: E2BIG if there is no such index, EPERM if it is mapped for reading, EBADF after the end. */
  set(index: number, value: V): void {
    const what = `${index} of ${this.map.label}`;
    const place = this.#place(index);
    if (place === undefined) throw new SysError(errno.E2BIG, 'write', { what });
    if (this.access === 'read') throw new SysError(errno.EPERM, 'write', { what, detail: 'it is mapped for reading' });
    storeBytes(this.#open(), place, this.map.encodeValue(value));
  }

  close(): void {
    this.#mapping[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #place(index: number): number | undefined {
    const { maxEntries } = this.map.info;
    return Number.isInteger(index) && index >= 0 && index < maxEntries ? index * this.#stride : undefined;
  }

  #open(): Uint8Array {
    const { bytes } = this;
    if (bytes.length > 0) return bytes;
    throw new SysError(errno.EBADF, 'mmap', { what: `of ${this.map.label}`, detail: 'the mapping is closed' });
  }
}

/** What {@link BpfMap.mmap} does. */
export function mmapArray<V>(map: BpfMap<unknown, V>, access: MappingAccess): MappedArray<V> {
  const { kernel, fd, info, label } = map;
  if (info.type !== 'array' || (info.flags & BPF_F_MMAPABLE) === 0) {
    throw new UsageError(
      `${label} cannot be mapped: ${info.type === 'array' ? 'it was made without BPF_F_MMAPABLE' : `it is of type ${info.type}, not array`}`,
    );
  }
  const size = roundUp(info.valueSize, 8) * info.maxEntries;
  return new MappedArray(
    map,
    access,
    saying(`of ${label}`, () => kernel.mmap(fd, size, access)),
  );
}

/** A copy of `size` bytes of shared memory: of a number that is aligned, in one step. */
export function loadBytes(bytes: Uint8Array, offset: number, size: number): Uint8Array {
  const copy = new Uint8Array(size);
  move(bytes.subarray(offset, offset + size), copy);
  return copy;
}

/** Writes to shared memory; a number that is aligned, in one step. */
export function storeBytes(bytes: Uint8Array, offset: number, value: Uint8Array): void {
  // A copy, because that is aligned.
  move(value.slice(), bytes.subarray(offset, offset + value.length));
}

function move(from: Uint8Array, to: Uint8Array): void {
  const [source, target] = [asNumber(from), asNumber(to)];
  if (source instanceof BigUint64Array && target instanceof BigUint64Array) target[0] = source[0] ?? 0n;
  else if (isNumber(source) && isNumber(target)) target[0] = source[0] ?? 0;
  else to.set(from);
}

type Numbers = Uint16Array | Uint32Array | BigUint64Array;

/** The bytes as one number, which the machine reads and writes in one step; `undefined` if they are none, or not aligned. */
function asNumber({ buffer, byteOffset, length }: Uint8Array): Numbers | undefined {
  if (byteOffset % length !== 0) return undefined;
  if (length === 8) return new BigUint64Array(buffer, byteOffset, 1);
  if (length === 4) return new Uint32Array(buffer, byteOffset, 1);
  return length === 2 ? new Uint16Array(buffer, byteOffset, 1) : undefined;
}

function isNumber(view: Numbers | undefined): view is Uint16Array | Uint32Array {
  return view !== undefined && !(view instanceof BigUint64Array);
}
