import { roundUp } from '../bytes/round.ts';
import { UsageError } from '../errors.ts';
import type { Kernel, MappingAccess } from '../sys/kernel.ts';
import { BPF_ANY, BPF_EXIST, BPF_F_RDONLY, BPF_NOEXIST, isPerCpuMap } from '../uapi/bpf.ts';
import type { Fd, MapId } from '../uapi/fd.ts';
import { startBatches } from './batch.ts';
import { pinFd } from './bpffs.ts';
import { adopt, orUndefined, possibleCpus, saying } from './calls.ts';
import { ValueCodec } from './codec.ts';
import { checkFd, checkPath, closedHandle } from './handle.ts';
import { type MapInfo, mapInfo } from './info.ts';
import type { Attachment } from './link.ts';
import { kernelTypes, type MapTypes } from './map-types.ts';
import { type MappedArray, mmapArray } from './mapped-array.ts';
import { expectKind } from './pinned.ts';

/** Ways to name a map that a kernel already has. */
export type MapSource = { readonly id: number } | { readonly pinned: string } | { readonly fd: number };

/** `any` creates or replaces, `noexist` only creates (else EEXIST), `exist` only replaces (else ENOENT). */
export type UpdateMode = keyof typeof UPDATE_FLAGS;
const UPDATE_FLAGS = { any: BPF_ANY, noexist: BPF_NOEXIST, exist: BPF_EXIST } as const;

/** Of maps without keys. */
const NO_KEY = new Uint8Array(0);
/** Kernels want no key where there is none. */
const given = (key: Uint8Array): Uint8Array | undefined => (key.length === 0 ? undefined : key);

/**
 * An open map. Keys and values are decoded through the map's BTF if it has any: integers as numbers (64-bit as bigint), structs as objects.
 * Without BTF they are byte arrays; a plain number is accepted for keys and values of 1, 2, 4 and 8 bytes. Values of per-CPU maps are arrays
 * with one value for each possible CPU.
 *
 * Holds an fd: close it with `using`, or {@link BpfMap.close}.
 *
 * @example
 * using map = openMap(kernel, { pinned: '/sys/fs/bpf/tc/globals/map_sh' });
 * for (const [key, value] of map) console.log(key, value);
 */
export class BpfMap<K = unknown, V = unknown> implements Disposable, Iterable<[K, V]> {
  readonly kernel: Kernel;
  readonly info: MapInfo;
  /** What keys and values are decoded by: the object's types, or the kernel's. */
  readonly types: MapTypes | undefined;
  /** Links of struct_ops made with this handle and still held: a load that fails takes them back. */
  readonly attachments = new Set<Attachment>();
  readonly #keys: ValueCodec;
  readonly #values: ValueCodec;
  readonly #fd: Fd;
  readonly #lender: BpfMap | undefined;
  /** Whether closing this closes `fd`. */
  readonly #owned: boolean;
  #open = true;

  /** Takes over `fd`, unless `owned` is false or the fd is that of another handle, `lender`. Prefer {@link openMap}. */
  constructor(
    kernel: Kernel,
    fd: Fd,
    options: { types?: MapTypes | undefined; owned?: boolean; lender?: BpfMap | undefined } = {},
  ) {
    const { lender, owned = true } = options;
    this.kernel = kernel;
    this.#fd = fd;
    this.#lender = lender;
    this.#owned = owned && lender === undefined;
    this.info = mapInfo(kernel, fd);
    this.types = options.types ?? kernelTypes(kernel, this.info);
    this.#keys = new ValueCodec(`key of ${this.label}`, this.info.keySize, this.types?.btf, this.types?.keyTypeId ?? 0);
    this.#values = new ValueCodec(
      `value of ${this.label}`,
      this.info.valueSize,
      this.types?.btf,
      this.types?.valueTypeId ?? 0,
    );
  }

  /** Throws SysError EBADF if the handle is closed: the number may be another object's by now. */
  get fd(): Fd {
    if (!this.#open) throw closedHandle(this.label);
    return this.#lender?.fd ?? this.#fd;
  }

  get id(): MapId {
    return this.info.id;
  }
  get name(): string {
    return this.info.name;
  }
  /** For messages: the name, or the id of a map that has none. */
  get label(): string {
    return this.info.name === '' ? `map ${this.info.id}` : `map ${this.info.name}`;
  }
  /** Whether keys and values are decoded through BTF. */
  get typed(): boolean {
    return this.#values.typed;
  }
  get perCpu(): boolean {
    return isPerCpuMap(this.info.type);
  }
  /** Bytes that one value takes in a system call: for per-CPU maps `possibleCpus * roundUp(valueSize, 8)`. */
  get valueBytes(): number {
    const { valueSize } = this.info;
    return this.perCpu ? possibleCpus(this.kernel) * roundUp(valueSize, 8) : valueSize;
  }

  /** The value, or `undefined` if there is none under this key. */
  get(key: K): V | undefined {
    const bytes = this.getBytes(this.encodeKey(key));
    return bytes === undefined ? undefined : this.decodeValue(bytes);
  }

  has(key: K): boolean {
    return this.getBytes(this.encodeKey(key)) !== undefined;
  }

  /** Throws SysError: E2BIG if the map is full or an array has no such index, EEXIST, ENOENT by `mode`, EPERM if the map is frozen. */
  set(key: K, value: V, mode: UpdateMode = 'any'): void {
    this.setBytes(this.encodeKey(key), this.encodeValue(value), mode);
  }

  /** False if there was nothing under this key. EINVAL for arrays, whose elements cannot be deleted. */
  delete(key: K): boolean {
    return this.deleteBytes(this.encodeKey(key));
  }

  /**
   * Adds a value to a queue, a stack or a bloom filter (Linux >= 4.20, 5.16). `exist`: a queue or stack that is full loses its oldest. Throws SysError: E2BIG if
   * it is full, ENOTSUPP or EINVAL for other maps.
   */
  push(value: V, mode: UpdateMode = 'any'): void {
    this.setBytes(NO_KEY, this.encodeValue(value), mode);
  }
  /** Takes the next value of a queue or a stack; `undefined` if there is none. Throws SysError EINVAL or ENOTSUPP for other maps. */
  pop(): V | undefined {
    const bytes = this.popBytes();
    return bytes === undefined ? undefined : this.decodeValue(bytes);
  }
  /** The next value of a queue or a stack, which stays. */
  peek(): V | undefined {
    const bytes = this.getBytes(NO_KEY);
    return bytes === undefined ? undefined : this.decodeValue(bytes);
  }
  /** Whether a bloom filter was given this value: a yes may be a mistake, a no is none. */
  mayHave(value: V): boolean {
    const bytes = this.encodeValue(value);
    return (
      orUndefined('ENOENT', () => {
        this.kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd: this.fd, value: bytes });
        return true;
      }) ?? false
    );
  }

  /** As {@link BpfMap.get}, with `keySize` bytes in and {@link BpfMap.valueBytes} out. */
  getBytes(key: Uint8Array): Uint8Array | undefined {
    const value = new Uint8Array(this.valueBytes);
    return orUndefined('ENOENT', () => {
      this.kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd: this.fd, key: given(key), value });
      return value;
    });
  }

  /** As {@link BpfMap.pop}. */
  popBytes(): Uint8Array | undefined {
    const value = new Uint8Array(this.valueBytes);
    return orUndefined('ENOENT', () => {
      this.kernel.bpf('BPF_MAP_LOOKUP_AND_DELETE_ELEM', { map_fd: this.fd, value });
      return value;
    });
  }

  setBytes(key: Uint8Array, value: Uint8Array, mode: UpdateMode = 'any'): void {
    const flags = UPDATE_FLAGS[mode];
    if (flags === undefined) throw new UsageError(`${String(mode)}: any, noexist or exist is expected`);
    this.kernel.bpf('BPF_MAP_UPDATE_ELEM', { map_fd: this.fd, key: given(key), value, flags: BigInt(flags) });
  }

  deleteBytes(key: Uint8Array): boolean {
    return (
      orUndefined('ENOENT', () => {
        this.kernel.bpf('BPF_MAP_DELETE_ELEM', { map_fd: this.fd, key });
        return true;
      }) ?? false
    );
  }

  /** Keys as bytes, in the kernel's order. Ends at once if the map changes so much under the walk that it has gone round `maxEntries` times. */
  *keysBytes(): Generator<Uint8Array> {
    let key: Uint8Array | undefined;
    for (let n = 0; n <= this.info.maxEntries; n++) {
      const next = new Uint8Array(this.info.keySize);
      const from = key;
      const more = orUndefined('ENOENT', () => {
        this.kernel.bpf('BPF_MAP_GET_NEXT_KEY', { map_fd: this.fd, next_key: next, ...(from && { key: from }) });
        return true;
      });
      if (more === undefined) return;
      key = next;
      yield next;
    }
  }

  /**
   * Pairs as bytes, read in batches of up to 64 KiB where the kernel can do that for this type of map, else one by one; then keys that vanish between the
   * two calls that a pair takes are left out.
   */
  *entriesBytes(): Generator<[Uint8Array, Uint8Array]> {
    const { kernel, fd, valueBytes } = this;
    const { keySize, maxEntries } = this.info;
    const batches = startBatches({ kernel, fd, keySize, valueBytes, maxEntries });
    if (batches !== undefined) {
      for (let left = maxEntries; ; batches.read()) {
        for (let i = 0; i < batches.count && left > 0; i++, left--) yield batches.pair(i);
        if (batches.ended || left === 0) return;
      }
    }
    for (const key of this.keysBytes()) {
      const value = this.getBytes(key);
      if (value !== undefined) yield [key, value];
    }
  }

  *keys(): Generator<K> {
    for (const key of this.keysBytes()) yield this.decodeKey(key);
  }

  *entries(): Generator<[K, V]> {
    for (const [key, value] of this.entriesBytes()) yield [this.decodeKey(key), this.decodeValue(value)];
  }

  [Symbol.iterator](): Iterator<[K, V]> {
    return this.entries();
  }

  encodeKey(key: K): Uint8Array {
    return this.#keys.encode(key);
  }
  decodeKey(bytes: Uint8Array): K {
    return this.#keys.decode(bytes) as K; // the caller's type parameter says what the BTF (or its absence) makes of it
  }

  encodeValue(value: V): Uint8Array {
    if (!this.perCpu) return this.#values.encode(value);
    const cpus = possibleCpus(this.kernel);
    if (!Array.isArray(value) || value.length !== cpus) {
      throw new UsageError(
        `value of ${this.label}: a per-CPU map takes an array of ${cpus} values, one for each possible CPU`,
      );
    }
    const stride = roundUp(this.info.valueSize, 8);
    const bytes = new Uint8Array(cpus * stride);
    value.forEach((one: unknown, cpu) => {
      bytes.set(this.#values.encode(one), cpu * stride);
    });
    return bytes;
  }

  decodeValue(bytes: Uint8Array): V {
    if (!this.perCpu) return this.#values.decode(bytes) as V; // as decodeKey
    return this.cpuSlots(bytes).map((slot) => this.#values.decode(slot)) as V; // as decodeKey
  }

  /** The slots, `valueSize` bytes each, of a per-CPU value. */
  cpuSlots(bytes: Uint8Array): Uint8Array[] {
    const stride = roundUp(this.info.valueSize, 8);
    return Array.from({ length: Math.floor(bytes.length / stride) }, (_, cpu) =>
      bytes.subarray(cpu * stride, cpu * stride + this.info.valueSize),
    );
  }

  /** Keeps the map in bpffs at `path`; missing directories are made. Throws UsageError if `path` is taken or not on bpffs. */
  pin(path: string): void {
    pinFd(this.kernel, this.fd, path);
  }

  /**
   * The values as memory shared with the kernel and its programs (Linux >= 5.5): of an array made with BPF_F_MMAPABLE. To map for `read and write` one needs the
   * right to both; while it is mapped so, the map cannot be frozen (EBUSY).
   *
   * Throws UsageError for other maps, SysError EPERM if the map is frozen, EACCES if programs only read it, ENODEV through a kernel in another process.
   *
   * @example
   * using values = map.mmap();
   * values.set(3, values.get(3) + 1n);
   */
  mmap(access: MappingAccess = 'read and write'): MappedArray<V> {
    return mmapArray(this, access);
  }

  /** No system call may change the map from now on (EPERM). Linux >= 5.2. */
  freeze(): void {
    this.kernel.bpf('BPF_MAP_FREEZE', { map_fd: this.fd });
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    if (this.#owned) this.kernel.close(this.#fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Opens a map by id, pin or fd (which is taken over). Throws SysError: ENOENT if there is no such map. */
export function openMap<K = unknown, V = unknown>(
  kernel: Kernel,
  source: MapSource,
  options: { readOnly?: boolean } = {},
): BpfMap<K, V> {
  const fd = openMapFd(kernel, source, options.readOnly === true ? BPF_F_RDONLY : 0);
  // An fd of the caller's stays the caller's if it fails.
  return adopt(kernel, fd, !('fd' in source), () => {
    expectKind(kernel, fd, 'map', 'pinned' in source ? source.pinned : 'it');
    return new BpfMap<K, V>(kernel, fd);
  });
}

export function openMapFd(kernel: Kernel, source: MapSource, flags = 0): Fd {
  if ('fd' in source) return checkFd(source.fd);
  if ('id' in source) {
    return saying(`map id ${source.id}`, () =>
      kernel.bpf('BPF_MAP_GET_FD_BY_ID', { map_id: source.id, open_flags: flags }),
    );
  }
  const pathname = checkPath(source.pinned);
  return saying(pathname, () => kernel.bpf('BPF_OBJ_GET', { pathname, file_flags: flags }));
}
