import { roundUpToPowerOfTwo } from '../../../bytes/round.ts';
import { attachTypeNumber, BPF_EXIST, BPF_F_RDONLY_PROG, BPF_NOEXIST, mapTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { Machine } from '../machine.ts';
import type { XdpHop } from '../progs/frame.ts';
import { nextIndex } from './array.ts';
import { checkFlags, FD_ACCESS_FLAGS, NUMA_FLAG, noBtf } from './check.ts';
import { type Descriptors, MAP_HEADER_SIZE, type MapAttr, type MapType } from './map.ts';
import { entryProgram, PLAIN, type RedirectEntry, RedirectMap, WITH_PROGRAM } from './redirect-map.ts';

const BPF_F_BROADCAST = 8;
const BPF_F_EXCLUDE_INGRESS = 16;
/** Bytes of Linux's struct bpf_dtab, and of each slot or bucket, for the memlock figure. */
const OVERHEAD = 344;
const SLOT = 8;

/** BPF_MAP_TYPE_DEVMAP: network devices by index, for bpf_redirect_map. An entry's number is the `ifindex`. */
export const devmap: MapType = {
  name: 'devmap',
  type: mapTypeNumber.devmap,
  checkBtf: noBtf,
  check,
  create: (machine, attr) => make(machine, attr, false),
};

/** BPF_MAP_TYPE_DEVMAP_HASH: by any number. */
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
  const address = machine.memory.alloc(MAP_HEADER_SIZE + (hashed ? 0 : attr.maxEntries));
  // What a program reads of it, it cannot write.
  const readOnly = { ...attr, flags: attr.flags | BPF_F_RDONLY_PROG };
  return address === 0 ? -errno.ENOMEM : new Devmap(machine, readOnly, address, hashed);
}

class Devmap extends RedirectMap {
  override readonly redirectFlags = BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS;
  readonly #hashed: boolean;
  /** Address of the value that a program looked up last: it is not in the memory until somebody asks. */
  #shown = 0;

  constructor(machine: Machine, attr: MapAttr, address: number, hashed: boolean) {
    super(machine, attr, address);
    this.#hashed = hashed;
  }

  override get taken(): number {
    return this.#hashed ? 0 : this.address + MAP_HEADER_SIZE;
  }

  override hops(index: number, flags: number, from: number): readonly XdpHop[] | undefined {
    const hop = ({ number, device, prog }: RedirectEntry): XdpHop => ({
      kind: 'device',
      device,
      ifindex: number,
      prog,
    });
    if ((flags & BPF_F_BROADCAST) !== 0) {
      const except = (flags & BPF_F_EXCLUDE_INGRESS) === 0 ? 0 : from;
      return [...this.entries.values()].filter(({ number }) => number !== except).map(hop);
    }
    const entry = this.entries.get(index);
    return entry && [hop(entry)];
  }

  override lookup(key: number): number {
    const entry = this.entries.get(this.indexAt(key));
    if (entry === undefined) return 0;
    if (this.#shown === 0) this.#shown = this.machine.memory.alloc(WITH_PROGRAM);
    if (this.#shown !== 0) this.show(entry, this.#shown);
    return this.#shown;
  }

  /** What was not there is no error in an array. */
  delete(key: number): number {
    const index = this.indexAt(key);
    if (!this.#hashed && index >= this.attr.maxEntries) return -errno.EINVAL;
    return this.removeEntry(index) || !this.#hashed ? 0 : -errno.ENOENT;
  }

  nextKey(key: number, next: number): number {
    if (!this.#hashed) return nextIndex(this, key, next);
    const keys = [...this.entries.keys()];
    // A key that is not there is followed by the first.
    const after = keys[key === 0 ? 0 : keys.indexOf(this.indexAt(key)) + 1];
    if (after === undefined) return -errno.ENOENT;
    this.machine.memory.dv.setUint32(next, after, true);
    return 0;
  }

  override copyIn(key: number, value: number, flags: number, from: Descriptors): number {
    const index = this.indexAt(key);
    const isThere = this.entries.has(index);
    if (flags > BPF_EXIST) return -errno.EINVAL;
    if (!this.#hashed && index >= this.attr.maxEntries) return -errno.E2BIG;
    if (flags === BPF_NOEXIST && (isThere || !this.#hashed)) return -errno.EEXIST;
    const ifindex = this.machine.memory.dv.getUint32(value, true);
    const fd = this.programFd(value);
    if (ifindex === 0 && !this.#hashed) {
      if (fd > 0) return -errno.EINVAL;
      this.removeEntry(index);
      return 0;
    }
    const device = this.machine.netns.device(ifindex);
    if (device === undefined) return -errno.EINVAL;
    const prog = fd > 0 ? entryProgram(fd, from, attachTypeNumber.xdp_devmap) : undefined;
    if (fd > 0 && prog === undefined) return -errno.EINVAL;
    if (!isThere && this.#hashed && this.entries.size >= this.attr.maxEntries) return -errno.E2BIG;
    this.putEntry(index, { number: ifindex, device, prog });
    return 0;
  }

  memoryUsage(): number {
    const slots = this.#hashed ? roundUpToPowerOfTwo(this.attr.maxEntries) : this.attr.maxEntries;
    return OVERHEAD + SLOT * slots;
  }

  protected override freeMemory(): void {
    super.freeMemory();
    this.machine.memory.free(this.#shown);
  }
}
