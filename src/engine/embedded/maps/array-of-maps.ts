import { mapTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { Machine } from '../machine.ts';
import { noBtf } from './check.ts';
import { InnerMeta } from './inner.ts';
import type { BpfMap, Descriptors, MapAttr, MapType } from './map.ts';
import { checkSlotArray, createSlotArray, SlotArray } from './slot-array.ts';

/** BPF_MAP_TYPE_ARRAY_OF_MAPS: user space puts map fds in and gets map ids out; a program's lookup gives it the map. */
export const arrayOfMaps: MapType = {
  name: 'array_of_maps',
  type: mapTypeNumber.array_of_maps,
  checkBtf: noBtf,
  ofMaps: true,
  check: (attr) => checkSlotArray(attr),
  create: (machine, attr) => createSlotArray(ArrayOfMaps, machine, attr),
};

/** The number in a slot's memory is the map's address. */
class ArrayOfMaps extends SlotArray<BpfMap> {
  override readonly batch = ['lookup', 'update'] as const;
  override readonly inner: InnerMeta;

  constructor(machine: Machine, attr: MapAttr, address: number) {
    super(machine, { ...attr, inner: undefined }, address);
    this.inner = new InnerMeta(attr);
  }

  override lookup(key: number): number {
    return this.held(this.indexAt(key))?.address ?? 0;
  }

  copyOut(key: number, out: number): number {
    const map = this.held(this.indexAt(key));
    if (map === undefined) return -errno.ENOENT;
    this.machine.memory.dv.setUint32(out, map.id, true);
    return 0;
  }

  protected override take(fd: number, from: Descriptors): BpfMap | number {
    const map = this.inner.admitted(fd, from);
    return typeof map === 'number' ? map : map.get();
  }
  protected override drop(map: BpfMap): void {
    map.put();
  }
  protected override numberOf(map: BpfMap): number {
    return map.address;
  }
}
