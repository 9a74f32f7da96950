import { roundUp } from '../../../bytes/round.ts';
import { mapTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
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
    const stride = roundUp(attr.valueSize, 8);
    const address = machine.memory.alloc(MAP_HEADER_SIZE + stride * machine.cpus * attr.maxEntries);
    return address === 0 ? -errno.ENOMEM : new PercpuArrayMap(machine, attr, address);
  },
};

/**
 * In linear memory the values follow the header: for each index one value of `roundUp(valueSize, 8)` bytes for each CPU, which is also how
 * user space sees an element. The type's own fields of the header:
 *
 *      32          36                 40
 *     ┌───────────┬──────────────────┬────────┐
 *     │ values    │ bytes per value  │ cpus   │
 *     └───────────┴──────────────────┴────────┘
 */
export class PercpuArrayMap extends ValueArray {
  constructor(machine: ValueArray['machine'], attr: MapAttr, address: number) {
    super(machine, attr, address);
    machine.memory.dv.setUint32(address + 40, machine.cpus, true);
  }

  override get userValueSize(): number {
    return this.stride * this.machine.cpus;
  }

  lookup(key: number): number {
    const element = this.#element(key);
    return element === 0 ? 0 : element + this.machine.cpu * this.stride;
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
    for (let at = 0; at < this.userValueSize; at += this.stride) this.copier.show(out + at, element + at, this.stride);
    return 0;
  }

  override copyIn(key: number, value: number, flags: number, _from: Descriptors): number {
    const refused = this.#checkUpdate(key, flags);
    if (refused !== 0) return refused;
    const element = this.#element(key);
    for (let at = 0; at < this.userValueSize; at += this.stride) {
      this.copier.write(element + at, value + at, this.stride);
      this.copier.drop(element + at);
    }
    return 0;
  }

  memoryUsage(): number {
    const { maxEntries } = this.attr;
    return ARRAY_OVERHEAD + 8 * maxEntries + this.userValueSize * maxEntries;
  }

  /** Address of all CPUs' values, or 0. */
  #element(key: number): number {
    const index = this.machine.memory.dv.getUint32(key, true);
    return index < this.attr.maxEntries ? this.values + index * this.userValueSize : 0;
  }

  #checkUpdate(key: number, flags: number): number {
    return checkArrayUpdate(this.machine.memory.dv.getUint32(key, true), this.attr.maxEntries, flags);
  }
}
