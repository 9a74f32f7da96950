import {
  attachTypeNumber,
  BPF_EXIST,
  BPF_F_RDONLY_PROG,
  BPF_NOEXIST,
  mapTypeNumber,
  progTypeNumber,
} from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { Machine } from '../machine.ts';
import type { XdpHop } from '../progs/frame.ts';
import type { BpfProg } from '../progs/prog.ts';
import { nextIndex } from './array.ts';
import { checkFlags, FD_ACCESS_FLAGS, NUMA_FLAG, noBtf } from './check.ts';
import { type Descriptors, MAP_HEADER_SIZE, type MapAttr, type MapType } from './map.ts';
import { RedirectMap } from './redirect-map.ts';

const BPF_F_BROADCAST = 8;
const BPF_F_EXCLUDE_INGRESS = 16;
/** Bytes of an entry: `u32 ifindex`, and maybe `u32` fd, or to read the id, of the program that frames meet on their way out. */
const PLAIN = 4;
const WITH_PROGRAM = 8;
/** Bytes of Linux's struct bpf_dtab, and of each slot or bucket, for the memlock figure. */
const OVERHEAD = 344;
const SLOT = 8;

/** BPF_MAP_TYPE_DEVMAP: network devices by index, for bpf_redirect_map. */
export const devmap: MapType = {
  name: 'devmap',
  type: mapTypeNumber.devmap,
  checkBtf: noBtf,
  check,
  create: (machine, attr) => make(machine, attr, false),
};

/** BPF_MAP_TYPE_DEVMAP_HASH: by a number of any size. */
export const devmapHash: MapType = {
  name: 'devmap_hash',
  type: mapTypeNumber.devmap_hash,
  checkBtf: noBtf,
  check,
  create: (machine, attr) => make(machine, attr, true),
};

function check({ keySize, valueSize, maxEntries, flags }: MapAttr): number {
  const sized = keySize === 4 && (valueSize === PLAIN || valueSize === WITH_PROGRAM) && maxEntries > 0;
  return sized ? checkFlags(flags, NUMA_FLAG | FD_ACCESS_FLAGS) : -errno.EINVAL;
}

function make(machine: Machine, attr: MapAttr, hashed: boolean): Devmap | number {
  const address = machine.memory.alloc(MAP_HEADER_SIZE);
  // What a program reads of it, it cannot write.
  const readOnly = { ...attr, flags: attr.flags | BPF_F_RDONLY_PROG };
  return address === 0 ? -errno.ENOMEM : new Devmap(machine, readOnly, address, hashed);
}

interface Entry {
  readonly ifindex: number;
  readonly prog: BpfProg | undefined;
}

class Devmap extends RedirectMap {
  override readonly redirectFlags = BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS;
  readonly #hashed: boolean;
  readonly #entries = new Map<number, Entry>();
  /** Address of the value that a program looked up last: it is not in the memory until somebody asks. */
  #shown = 0;

  constructor(machine: Machine, attr: MapAttr, address: number, hashed: boolean) {
    super(machine, attr, address);
    this.#hashed = hashed;
  }

  override hops(index: number, flags: number, from: number): readonly XdpHop[] | undefined {
    const hop = ({ ifindex, prog }: Entry): XdpHop => ({ kind: 'device', ifindex, prog });
    if ((flags & BPF_F_BROADCAST) !== 0) {
      const except = (flags & BPF_F_EXCLUDE_INGRESS) === 0 ? 0 : from;
      return [...this.#entries.values()].filter(({ ifindex }) => ifindex !== except).map(hop);
    }
    const entry = this.#live(index);
    return entry && [hop(entry)];
  }

  lookup(key: number): number {
    const entry = this.#live(this.#key(key));
    if (entry === undefined) return 0;
    if (this.#shown === 0) this.#shown = this.machine.memory.alloc(WITH_PROGRAM);
    if (this.#shown !== 0) this.#show(entry, this.#shown);
    return this.#shown;
  }
  update(_key: number, _value: number, _flags: number): number {
    return -errno.EINVAL;
  }

  /** What was not there is no error in an array. */
  delete(key: number): number {
    const index = this.#key(key);
    if (!this.#hashed && index >= this.attr.maxEntries) return -errno.EINVAL;
    return this.#drop(index) || !this.#hashed ? 0 : -errno.ENOENT;
  }

  nextKey(key: number, next: number): number {
    if (!this.#hashed) return nextIndex(this, key, next);
    const keys = [...this.#entries.keys()];
    // A key that is not there is followed by the first.
    const after = keys[key === 0 ? 0 : keys.indexOf(this.#key(key)) + 1];
    if (after === undefined) return -errno.ENOENT;
    this.machine.memory.dv.setUint32(next, after, true);
    return 0;
  }

  copyOut(key: number, out: number): number {
    const entry = this.#live(this.#key(key));
    if (entry === undefined) return -errno.ENOENT;
    this.#show(entry, out);
    return 0;
  }

  override copyIn(key: number, value: number, flags: number, from: Descriptors): number {
    const { dv } = this.machine.memory;
    const index = this.#key(key);
    if (flags > BPF_EXIST) return -errno.EINVAL;
    if (!this.#hashed && index >= this.attr.maxEntries) return -errno.E2BIG;
    if (!this.#hashed && flags === BPF_NOEXIST) return -errno.EEXIST;
    if (this.#hashed && flags === BPF_NOEXIST && this.#entries.has(index)) return -errno.EEXIST;
    const ifindex = dv.getUint32(value, true);
    const fd = this.attr.valueSize === WITH_PROGRAM ? dv.getInt32(value + 4, true) : 0;
    if (ifindex === 0 && !this.#hashed) {
      if (fd > 0) return -errno.EINVAL;
      this.#drop(index);
      return 0;
    }
    if (this.machine.network.device(ifindex) === undefined) return -errno.EINVAL;
    const prog = fd > 0 ? devmapProg(fd, from) : undefined;
    if (typeof prog === 'number') return prog;
    if (!this.#entries.has(index) && this.#hashed && this.#entries.size >= this.attr.maxEntries) return -errno.E2BIG;
    prog?.get();
    this.#drop(index);
    this.#entries.set(index, { ifindex, prog });
    return 0;
  }

  memoryUsage(): number {
    const slots = this.#hashed ? 2 ** Math.ceil(Math.log2(this.attr.maxEntries)) : this.attr.maxEntries;
    return OVERHEAD + SLOT * slots;
  }

  protected override freeMemory(): void {
    for (const index of [...this.#entries.keys()]) this.#drop(index);
    this.machine.memory.free(this.#shown);
  }

  #key(key: number): number {
    return this.machine.memory.dv.getUint32(key, true);
  }

  /** A device that is gone has taken its entries along. */
  #live(index: number): Entry | undefined {
    const entry = this.#entries.get(index);
    if (entry === undefined || this.machine.network.device(entry.ifindex) !== undefined) return entry;
    this.#drop(index);
    return undefined;
  }

  #show({ ifindex, prog }: Entry, at: number): void {
    const { dv } = this.machine.memory;
    dv.setUint32(at, ifindex, true);
    if (this.attr.valueSize === WITH_PROGRAM) dv.setUint32(at + 4, prog?.id ?? 0, true);
  }

  #drop(index: number): boolean {
    const entry = this.#entries.get(index);
    this.#entries.delete(index);
    entry?.prog?.put();
    return entry !== undefined;
  }
}

function devmapProg(fd: number, from: Descriptors): BpfProg | number {
  const prog = from.prog(fd);
  if (typeof prog === 'number') return -errno.EINVAL;
  const { type, expectedAttachType } = prog.attr;
  return type === progTypeNumber.xdp && expectedAttachType === attachTypeNumber.xdp_devmap ? prog : -errno.EINVAL;
}
