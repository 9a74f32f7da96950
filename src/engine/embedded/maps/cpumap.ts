import { attachTypeNumber, BPF_EXIST, BPF_NOEXIST, mapTypeNumber, progTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { Machine } from '../machine.ts';
import type { XdpHop } from '../progs/frame.ts';
import type { BpfProg } from '../progs/prog.ts';
import { nextIndex } from './array.ts';
import { checkFlags, NUMA_FLAG, noBtf } from './check.ts';
import { type Descriptors, MAP_HEADER_SIZE, type MapAttr, type MapType } from './map.ts';
import { RedirectMap } from './redirect-map.ts';

/** Bytes of an entry: `u32` length of the queue, and maybe `u32` fd, or to read the id, of a program that runs on the other CPU. */
const PLAIN = 4;
const WITH_PROGRAM = 8;
const MAX_QUEUE = 16384;
/** CPUs that Linux can be built for. */
const NR_CPUS = 8192;
/** Bytes of Linux's struct bpf_cpu_map, and of a slot, for the memlock figure. */
const OVERHEAD = 304;
const SLOT = 8;

/** BPF_MAP_TYPE_CPUMAP: bpf_redirect_map to it lets the stack of another CPU have the frame. */
export const cpumap: MapType = {
  name: 'cpumap',
  type: mapTypeNumber.cpumap,
  checkBtf: noBtf,
  check({ keySize, valueSize, maxEntries, flags }) {
    const sized = keySize === 4 && (valueSize === PLAIN || valueSize === WITH_PROGRAM) && maxEntries > 0;
    if (!sized || checkFlags(flags, NUMA_FLAG) !== 0) return -errno.EINVAL;
    return maxEntries > NR_CPUS ? -errno.E2BIG : 0;
  },
  create(machine, attr) {
    const address = machine.memory.alloc(MAP_HEADER_SIZE);
    return address === 0 ? -errno.ENOMEM : new Cpumap(machine, attr, address);
  },
};

interface Entry {
  readonly queue: number;
  readonly prog: BpfProg | undefined;
}

class Cpumap extends RedirectMap {
  readonly #entries = new Map<number, Entry>();

  constructor(machine: Machine, attr: MapAttr, address: number) {
    super(machine, attr, address);
  }

  override hops(index: number): readonly XdpHop[] | undefined {
    const entry = this.#entries.get(index);
    return entry && [{ kind: 'cpu', cpu: index, prog: entry.prog }];
  }

  lookup(_key: number): number {
    return 0;
  }
  update(_key: number, _value: number, _flags: number): number {
    return -errno.EINVAL;
  }

  delete(key: number): number {
    const cpu = this.#key(key);
    if (cpu >= this.attr.maxEntries) return -errno.EINVAL;
    this.#drop(cpu);
    return 0;
  }

  nextKey(key: number, next: number): number {
    return nextIndex(this, key, next);
  }

  copyOut(key: number, out: number): number {
    const entry = this.#entries.get(this.#key(key));
    if (entry === undefined) return -errno.ENOENT;
    const { dv } = this.machine.memory;
    dv.setUint32(out, entry.queue, true);
    if (this.attr.valueSize === WITH_PROGRAM) dv.setUint32(out + 4, entry.prog?.id ?? 0, true);
    return 0;
  }

  override copyIn(key: number, value: number, flags: number, from: Descriptors): number {
    const { dv } = this.machine.memory;
    const cpu = this.#key(key);
    if (flags > BPF_EXIST) return -errno.EINVAL;
    if (cpu >= this.attr.maxEntries) return -errno.E2BIG;
    if (flags === BPF_NOEXIST) return -errno.EEXIST;
    const queue = dv.getUint32(value, true);
    if (queue > MAX_QUEUE) return -errno.EOVERFLOW;
    if (cpu >= this.machine.cpus) return -errno.ENODEV;
    if (queue === 0) {
      this.#drop(cpu);
      return 0;
    }
    const fd = this.attr.valueSize === WITH_PROGRAM ? dv.getInt32(value + 4, true) : 0;
    const prog = fd > 0 ? cpumapProg(fd, from) : undefined;
    if (typeof prog === 'number') return prog;
    prog?.get();
    this.#drop(cpu);
    this.#entries.set(cpu, { queue, prog });
    return 0;
  }

  memoryUsage(): number {
    return OVERHEAD + SLOT * this.attr.maxEntries;
  }

  protected override freeMemory(): void {
    for (const cpu of [...this.#entries.keys()]) this.#drop(cpu);
  }

  #key(key: number): number {
    return this.machine.memory.dv.getUint32(key, true);
  }

  #drop(cpu: number): void {
    this.#entries.get(cpu)?.prog?.put();
    this.#entries.delete(cpu);
  }
}

/** Whatever is wrong with it, Linux says that there was no memory for the entry. */
function cpumapProg(fd: number, from: Descriptors): BpfProg | number {
  const prog = from.prog(fd);
  if (typeof prog === 'number') return -errno.ENOMEM;
  const { type, expectedAttachType } = prog.attr;
  return type === progTypeNumber.xdp && expectedAttachType === attachTypeNumber.xdp_cpumap ? prog : -errno.ENOMEM;
}
