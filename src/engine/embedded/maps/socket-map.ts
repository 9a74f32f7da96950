import { fromHex, toHex } from '../../../bytes/hex.ts';
import { u32Bytes } from '../../../bytes/plain.ts';
import { BPF_EXIST, BPF_NOEXIST, mapTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { Machine } from '../machine.ts';
import { MapPrograms } from '../sockets/map-programs.ts';
import { Psock } from '../sockets/psock.ts';
import type { Socket } from '../sockets/socket.ts';
import { checkFlags, FD_ACCESS_FLAGS, NUMA_FLAG, noBtf } from './check.ts';
import { BpfMap, type Descriptors, MAP_HEADER_SIZE, type MapAttr, type MapType } from './map.ts';

/** A value is the fd of a socket, in 4 or 8 bytes; read, it is the socket's cookie, for which 4 are too few. */
const COOKIE = 8;
const FD = 4;
/** Bytes of Linux's struct bpf_stab, bpf_shtab and reuseport_array, and of a slot. */
const OVERHEAD = 360;
const SLOT = 8;

type Kind = 'sockmap' | 'sockhash' | 'reuseport_sockarray';

export const sockmap: MapType = row('sockmap');
export const sockhash: MapType = row('sockhash');
export const reuseportSockarray: MapType = row('reuseport_sockarray');

function row(kind: Kind): MapType {
  return {
    name: kind,
    type: mapTypeNumber[kind],
    checkBtf: noBtf,
    check: (attr) => check(kind, attr),
    create(machine, attr) {
      const address = machine.memory.alloc(MAP_HEADER_SIZE);
      return address === 0 ? -errno.ENOMEM : new SocketMap(machine, attr, address, kind);
    },
  };
}

function check(kind: Kind, { keySize, valueSize, maxEntries, flags }: MapAttr): number {
  const sized = maxEntries > 0 && (valueSize === FD || valueSize === COOKIE);
  if (!sized || (kind === 'sockhash' ? keySize === 0 : keySize !== 4)) return -errno.EINVAL;
  if (kind === 'sockhash' && keySize > 512) return -errno.E2BIG;
  return checkFlags(flags, NUMA_FLAG | FD_ACCESS_FLAGS);
}

/** BPF_MAP_TYPE_SOCKMAP, SOCKHASH and REUSEPORT_SOCKARRAY: sockets, which leave when they are closed. They are kept beside the memory. */
export class SocketMap extends BpfMap {
  readonly kind: Kind;
  /** Of sockmap and sockhash. */
  readonly programs = new MapPrograms();
  readonly #sockets = new Map<string, Socket>();

  constructor(machine: Machine, attr: MapAttr, address: number, kind: Kind) {
    super(machine, attr, address);
    this.kind = kind;
  }

  /** The socket of a key, for helpers. */
  socketAt(key: number): Socket | undefined {
    return this.#sockets.get(this.#text(key));
  }

  /** The same, of a sockmap. */
  socketAtIndex(index: number): Socket | undefined {
    return this.#sockets.get(toHex(u32Bytes(index >>> 0)));
  }

  /** Address of the struct bpf_sock. */
  lookup(key: number): number {
    const socket = this.socketAt(key);
    return socket === undefined ? 0 : this.machine.socketViews.show(socket);
  }

  /** By a program: of a socket that it has. */
  update(key: number, value: number, flags: number): number {
    const socket = this.kind === 'reuseport_sockarray' ? undefined : this.machine.socketViews.at(value);
    return socket === undefined ? -errno.EOPNOTSUPP : this.insert(key, socket, flags);
  }

  override copyIn(key: number, value: number, flags: number, from: Descriptors): number {
    const { dv } = this.machine.memory;
    const high = this.attr.valueSize === COOKIE ? dv.getUint32(value + 4, true) : 0;
    const fd = dv.getUint32(value, true);
    if (high !== 0 || fd > 0x7fffffff) return -errno.EINVAL;
    const socket = from.socket(fd);
    return typeof socket === 'number' ? socket : this.insert(key, socket, flags);
  }

  insert(key: number, socket: Socket, flags: number): number {
    const text = this.#text(key);
    const old = this.#sockets.get(text);
    if (this.kind === 'reuseport_sockarray' && (!socket.options.reusePort || !isReceiving(socket)))
      return -errno.EINVAL;
    if (this.kind !== 'reuseport_sockarray' && !socket.mayBeMapped) return -errno.EOPNOTSUPP;
    if (flags > BPF_EXIST) return -errno.EINVAL;
    if (this.kind !== 'sockhash' && this.#index(key) >= this.attr.maxEntries) return -errno.E2BIG;
    const psock = this.kind === 'reuseport_sockarray' ? undefined : (socket.psock ?? new Psock(socket));
    const busy = psock?.check(this) ?? 0;
    if (busy !== 0) return busy;
    if (old !== undefined && flags === BPF_NOEXIST) return -errno.EEXIST;
    if (old === undefined && flags === BPF_EXIST) return -errno.ENOENT;
    if (this.kind === 'sockhash' && old === undefined && this.#sockets.size >= this.attr.maxEntries)
      return -errno.E2BIG;
    // A socket is in one such array, once.
    if (this.kind === 'reuseport_sockarray' && [...socket.maps].some(({ kind }) => kind === this.kind))
      return -errno.EBUSY;
    this.#sockets.set(text, socket);
    if (old !== undefined) this.#left(old);
    socket.maps.add(this);
    if (psock === undefined) return 0;
    socket.psock = psock;
    psock.join(this);
    return 0;
  }

  delete(key: number): number {
    const text = this.#text(key);
    const socket = this.#sockets.get(text);
    if (socket === undefined) return this.kind === 'sockmap' ? -errno.EINVAL : -errno.ENOENT;
    this.#sockets.delete(text);
    this.#left(socket);
    return 0;
  }

  /** The socket was closed. */
  remove(socket: Socket): void {
    for (const [text, other] of [...this.#sockets]) if (other === socket) this.#sockets.delete(text);
    this.#leave(socket);
  }

  nextKey(key: number, next: number): number {
    const { u8, dv } = this.machine.memory;
    if (this.kind !== 'sockhash') {
      const index = key === 0 ? 0 : this.#index(key) + 1;
      if (key !== 0 && index === this.attr.maxEntries) return -errno.ENOENT;
      dv.setUint32(next, index > this.attr.maxEntries ? 0 : index, true);
      return 0;
    }
    const keys = [...this.#sockets.keys()];
    const after = keys[key === 0 ? 0 : keys.indexOf(this.#text(key)) + 1];
    if (after === undefined) return -errno.ENOENT;
    u8.set(fromHex(after) ?? [], next);
    return 0;
  }

  copyOut(key: number, out: number): number {
    if (this.attr.valueSize !== COOKIE) return -errno.ENOSPC;
    const socket = this.socketAt(key);
    if (socket === undefined) return -errno.ENOENT;
    this.machine.memory.dv.setBigUint64(out, BigInt(socket.cookie), true);
    return 0;
  }

  memoryUsage(): number {
    return OVERHEAD + SLOT * this.attr.maxEntries;
  }

  protected override freeMemory(): void {
    for (const socket of new Set(this.#sockets.values())) this.#leave(socket);
    this.#sockets.clear();
  }

  protected override releaseUsers(): void {
    super.releaseUsers();
    this.programs.clear();
  }

  #leave(socket: Socket): void {
    socket.maps.delete(this);
    socket.psock?.leave(this);
    if ([...socket.maps].some(({ kind }) => kind !== 'reuseport_sockarray')) return;
    socket.psock?.end();
    socket.psock = undefined;
  }

  #left(socket: Socket): void {
    if (![...this.#sockets.values()].includes(socket)) this.#leave(socket);
  }
  #index(key: number): number {
    return this.machine.memory.dv.getUint32(key, true);
  }
  #text(key: number): string {
    return toHex(this.machine.memory.u8.subarray(key, key + this.attr.keySize));
  }
}

/** Waits for packets of others: what SO_REUSEPORT groups are of. */
function isReceiving(socket: Socket): boolean {
  return socket.listening || (socket.type === 2 && socket.bound);
}
