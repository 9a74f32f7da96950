import { roundUp } from '../../../bytes/round.ts';
import { mapTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import { APART } from '../memory.ts';
import { ARRAY_OVERHEAD, checkArraySizes, checkArrayUpdate, ValueArray } from './array.ts';
import { ACCESS_FLAGS, checkFlags, checkPercpuValue, integerKey } from './check.ts';
import { type Descriptors, MAP_HEADER_SIZE, type MapAttr, type MapType } from './map.ts';

/** BPF_MAP_TYPE_PERCPU_ARRAY: an array with one value for each possible CPU. */
export const percpuArray: MapType = {
  name: 'percpu_array',
  type: mapTypeNumber.percpu_array,
  checkBtf: integerKey,
  check: (attr) => checkFlags(attr.flags, ACCESS_FLAGS) || checkArraySizes(attr) || checkPercpuValue(attr),
  create(machine, attr) {
    const address = machine.memory.alloc(MAP_HEADER_SIZE + cpuStrideOf(attr) * machine.cpus);
    return address === 0 ? -errno.ENOMEM : new PercpuArrayMap(machine, attr, address);
  },
};

/** Bytes from the values of one CPU to those of the next. */
function cpuStrideOf({ valueSize, maxEntries }: MapAttr): number {
  return roundUp(roundUp(valueSize, 8) * maxEntries, APART) + APART;
}

/**
 * In linear memory the values follow the header: all those of the first CPU, each `roundUp(valueSize, 8)` bytes, then those of the next. The type's own fields of the header:
 *
 *      32          36                 40       44
 *     ┌───────────┬──────────────────┬────────┬──────────────────────────┐
 *     │ values    │ bytes per value  │ cpus   │ bytes to the next CPU's  │
 *     └───────────┴──────────────────┴────────┴──────────────────────────┘
 */
export class PercpuArrayMap extends ValueArray {
  readonly cpuStride: number;

  constructor(machine: ValueArray['machine'], attr: MapAttr, address: number) {
    super(machine, attr, address);
    this.cpuStride = cpuStrideOf(attr);
    machine.memory.dv.setUint32(address + 40, machine.cpus, true);
    machine.memory.dv.setUint32(address + 44, this.cpuStride, true);
  }

  override get userValueSize(): number {
    return this.stride * this.machine.cpus;
  }

  lookup(key: number): number {
    const element = this.#element(key);
    return element === 0 ? 0 : element + this.machine.cpu * this.cpuStride;
  }

  update(key: number, value: number, flags: number): number {
    const refused = this.#checkUpdate(key, flags);
    if (refused !== 0) return refused;
    const at = this.lookup(key);
    this.copier.write(at, value);
    this.copier.drop(at);
    return 0;
  }

  copyOut(key: number, out: number): number {
    const element = this.#element(key);
    if (element === 0) return -errno.ENOENT;
    for (let cpu = 0; cpu < this.machine.cpus; cpu++)
      this.copier.show(out + cpu * this.stride, element + cpu * this.cpuStride, this.stride);
    return 0;
  }

  override copyIn(key: number, value: number, flags: number, _from: Descriptors): number {
    const refused = this.#checkUpdate(key, flags);
    if (refused !== 0) return refused;
    const element = this.#element(key);
    for (let cpu = 0; cpu < this.machine.cpus; cpu++) {
      const at = element + cpu * this.cpuStride;
      this.copier.write(at, value + cpu * this.stride, this.stride);
      this.copier.drop(at);
    }
    return 0;
  }

  memoryUsage(): number {
    const { maxEntries } = this.attr;
    return ARRAY_OVERHEAD + 8 * maxEntries + this.userValueSize * maxEntries;
  }

  override valueAround(address: number): number {
    const into = address - this.values;
    const cpu = Math.floor(into / this.cpuStride);
    const index = Math.floor((into - cpu * this.cpuStride) / this.stride);
    const isValue = cpu >= 0 && cpu < this.machine.cpus && index < this.attr.maxEntries;
    return isValue ? this.values + cpu * this.cpuStride + index * this.stride : 0;
  }

  override keyOf(value: number, room: number): number {
    const index = Math.floor(((value - this.values) % this.cpuStride) / this.stride);
    this.machine.memory.dv.setUint32(room, index, true);
    return room;
  }

  /** Address of the first CPU's value, or 0. */
  #element(key: number): number {
    const index = this.machine.memory.dv.getUint32(key, true);
    return index < this.attr.maxEntries ? this.values + index * this.stride : 0;
  }

  #checkUpdate(key: number, flags: number): number {
    return checkArrayUpdate(this.machine.memory.dv.getUint32(key, true), this.attr.maxEntries, flags);
  }
}
