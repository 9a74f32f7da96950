import { attachTypeNumber, BPF_EXIST, BPF_NOEXIST, mapTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { XdpHop } from '../progs/frame.ts';
import { nextIndex } from './array.ts';
import { checkFlags, NUMA_FLAG, noBtf } from './check.ts';
import { type Descriptors, MAP_HEADER_SIZE, type MapType } from './map.ts';
import { entryProgram, PLAIN, RedirectMap, WITH_PROGRAM } from './redirect-map.ts';

const MAX_QUEUE = 16384;
/** CPUs that Linux can be built for. */
const NR_CPUS = 8192;
/** Bytes of Linux's struct bpf_cpu_map, and of a slot, for the memlock figure. */
const OVERHEAD = 304;
const SLOT = 8;

/** BPF_MAP_TYPE_CPUMAP: bpf_redirect_map to it lets the stack of another CPU have the frame. An entry's number is the length of its queue. */
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
    const address = machine.memory.alloc(MAP_HEADER_SIZE + attr.maxEntries);
    return address === 0 ? -errno.ENOMEM : new Cpumap(machine, attr, address);
  },
};

class Cpumap extends RedirectMap {
  override get taken(): number {
    return this.address + MAP_HEADER_SIZE;
  }

  override hops(index: number): readonly XdpHop[] | undefined {
    const entry = this.entries.get(index);
    return entry && [{ kind: 'cpu', cpu: index, prog: entry.prog }];
  }

  delete(key: number): number {
    const cpu = this.indexAt(key);
    if (cpu >= this.attr.maxEntries) return -errno.EINVAL;
    this.removeEntry(cpu);
    return 0;
  }

  nextKey(key: number, next: number): number {
    return nextIndex(this, key, next);
  }

  override copyIn(key: number, value: number, flags: number, from: Descriptors): number {
    const cpu = this.indexAt(key);
    if (flags > BPF_EXIST) return -errno.EINVAL;
    if (cpu >= this.attr.maxEntries) return -errno.E2BIG;
    if (flags === BPF_NOEXIST) return -errno.EEXIST;
    const queue = this.machine.memory.dv.getUint32(value, true);
    if (queue > MAX_QUEUE) return -errno.EOVERFLOW;
    if (cpu >= this.machine.cpus) return -errno.ENODEV;
    if (queue === 0) {
      this.removeEntry(cpu);
      return 0;
    }
    const fd = this.programFd(value);
    const prog = fd > 0 ? entryProgram(fd, from, attachTypeNumber.xdp_cpumap) : undefined;
    // Whatever is wrong with it, Linux says that there was no memory for the entry.
    if (fd > 0 && prog === undefined) return -errno.ENOMEM;
    this.putEntry(cpu, { number: queue, prog });
    return 0;
  }

  memoryUsage(): number {
    return OVERHEAD + SLOT * this.attr.maxEntries;
  }
}
