import { BPF_F_NUMA_NODE, BPF_F_RDONLY, BPF_F_STACK_BUILD_ID, BPF_F_WRONLY, mapTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import { noBtf } from './check.ts';
import { BpfMap, MAP_HEADER_SIZE, type MapAttr, type MapType } from './map.ts';

/** Frames of a stack at most: the default of kernel.perf_event_max_stack. */
const MAX_STACK = 127;
/** Bytes of a frame: an address, or a struct bpf_stack_build_id. */
const ADDRESS = 8;
const BUILD_ID = 32;
/** Bytes of Linux's structs, for the memlock figure: the map, a bucket's pointer, a stack without its frames. */
const [MAP_OVERHEAD, BUCKET, STACK] = [320, 8, 16];

/** BPF_MAP_TYPE_STACK_TRACE: stacks by their hash. Programs that could put any in are not here, so it stays empty. */
export const stackTrace: MapType = {
  name: 'stack_trace',
  type: mapTypeNumber.stack_trace,
  checkBtf: noBtf,
  check({ flags, keySize, valueSize, maxEntries }) {
    if ((flags & ~(BPF_F_NUMA_NODE | BPF_F_RDONLY | BPF_F_WRONLY | BPF_F_STACK_BUILD_ID)) !== 0) return -errno.EINVAL;
    const frame = (flags & BPF_F_STACK_BUILD_ID) === 0 ? ADDRESS : BUILD_ID;
    const fits = valueSize >= ADDRESS && valueSize % frame === 0 && valueSize / frame <= MAX_STACK;
    return fits && keySize === 4 && maxEntries !== 0 ? 0 : -errno.EINVAL;
  },
  create(machine, attr) {
    const address = machine.memory.alloc(MAP_HEADER_SIZE);
    return address === 0 ? -errno.ENOMEM : new StackTraceMap(machine, attr, address);
  },
};

class StackTraceMap extends BpfMap {
  lookup(): number {
    return 0;
  }
  update(): number {
    return -errno.EINVAL;
  }
  copyOut(): number {
    return -errno.ENOENT;
  }
  override takeOut(): number {
    return -errno.ENOENT;
  }
  nextKey(): number {
    return -errno.ENOENT;
  }
  delete(key: number): number {
    return this.machine.memory.dv.getUint32(key, true) >= bucketsOf(this.attr) ? -errno.E2BIG : -errno.ENOENT;
  }

  memoryUsage(): number {
    const { valueSize, maxEntries } = this.attr;
    return MAP_OVERHEAD + BUCKET * bucketsOf(this.attr) + (STACK + valueSize) * maxEntries;
  }
}

function bucketsOf({ maxEntries }: MapAttr): number {
  return 2 ** Math.ceil(Math.log2(maxEntries));
}
