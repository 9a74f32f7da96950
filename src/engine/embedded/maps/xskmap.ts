import { BPF_EXIST, mapTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import { nextIndex } from './array.ts';
import { checkFlags, FD_ACCESS_FLAGS, NUMA_FLAG, noBtf } from './check.ts';
import { type Descriptors, MAP_HEADER_SIZE, type MapType } from './map.ts';
import { PLAIN, RedirectMap } from './redirect-map.ts';

/** Bytes of Linux's struct xsk_map, and of a slot, for the memlock figure. */
const OVERHEAD = 304;
const SLOT = 8;

/** BPF_MAP_TYPE_XSKMAP: sockets of AF_XDP. There are none here, so it stays empty: what is sent to it goes on as the program says of a miss. */
export const xskmap: MapType = {
  name: 'xskmap',
  type: mapTypeNumber.xskmap,
  checkBtf: noBtf,
  check({ keySize, valueSize, maxEntries, flags }) {
    if (keySize !== 4 || valueSize !== PLAIN || maxEntries === 0) return -errno.EINVAL;
    return checkFlags(flags, NUMA_FLAG | FD_ACCESS_FLAGS);
  },
  create(machine, attr) {
    const address = machine.memory.alloc(MAP_HEADER_SIZE);
    return address === 0 ? -errno.ENOMEM : new Xskmap(machine, attr, address);
  },
};

class Xskmap extends RedirectMap {
  override hops(): undefined {
    return undefined;
  }

  override copyOut(): number {
    return -errno.EOPNOTSUPP;
  }

  override copyIn(key: number, value: number, flags: number, from: Descriptors): number {
    if (flags > BPF_EXIST) return -errno.EINVAL;
    if (this.indexAt(key) >= this.attr.maxEntries) return -errno.E2BIG;
    const file = from.file(this.machine.memory.dv.getUint32(value, true));
    if (file === undefined) return -errno.EBADF;
    return file.kind === 'socket' || file.kind === 'inet_socket' ? -errno.EOPNOTSUPP : -errno.ENOTSOCK;
  }

  delete(key: number): number {
    return this.indexAt(key) < this.attr.maxEntries ? 0 : -errno.EINVAL;
  }

  nextKey(key: number, next: number): number {
    return nextIndex(this, key, next);
  }

  memoryUsage(): number {
    return OVERHEAD + SLOT * this.attr.maxEntries;
  }
}
