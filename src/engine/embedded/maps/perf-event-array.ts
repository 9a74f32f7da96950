import { BPF_ANY, BPF_F_PRESERVE_ELEMS, mapTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { OpenFile } from '../files.ts';
import type { Machine } from '../machine.ts';
import type { PerfEvent } from '../perf-event.ts';
import { ARRAY_OVERHEAD, checkArraySizes, nextIndex } from './array.ts';
import { checkFlags, FD_ACCESS_FLAGS, NUMA_FLAG, noBtf } from './check.ts';
import { BpfMap, type Descriptors, MAP_HEADER_SIZE, type MapAttr, type MapType } from './map.ts';

const SLOT_SIZE = 8;

/** BPF_MAP_TYPE_PERF_EVENT_ARRAY: where bpf_perf_event_output goes, a slot for each CPU as a rule. User space puts fds of perf events in. */
export const perfEventArray: MapType = {
  name: 'perf_event_array',
  type: mapTypeNumber.perf_event_array,
  checkBtf: noBtf,
  check: (attr) =>
    attr.valueSize !== 4
      ? -errno.EINVAL
      : checkFlags(attr.flags, NUMA_FLAG | FD_ACCESS_FLAGS | BPF_F_PRESERVE_ELEMS) || checkArraySizes(attr),
  create(machine, attr) {
    const address = machine.memory.alloc(MAP_HEADER_SIZE);
    return address === 0 ? -errno.ENOMEM : new PerfEventArray(machine, attr, address);
  },
};

interface Slot {
  readonly event: PerfEvent;
  /** The file of the map that it came through: it goes when that is closed, unless the map has BPF_F_PRESERVE_ELEMS. */
  readonly through: OpenFile | undefined;
}

export class PerfEventArray extends BpfMap {
  readonly #slots = new Map<number, Slot>();

  constructor(machine: Machine, attr: MapAttr, address: number) {
    super(machine, attr, address);
  }

  event(index: number): PerfEvent | undefined {
    return this.#slots.get(index)?.event;
  }

  lookup(_key: number): number {
    return 0;
  }
  update(_key: number, _value: number, _flags: number): number {
    return -errno.EINVAL;
  }

  delete(key: number): number {
    const index = this.machine.memory.dv.getUint32(key, true);
    if (index >= this.attr.maxEntries) return -errno.E2BIG;
    return this.#clear(index) ? 0 : -errno.ENOENT;
  }

  nextKey(key: number, next: number): number {
    return nextIndex(this, key, next);
  }
  copyOut(_key: number, _out: number): number {
    return -errno.ENOTSUPP;
  }

  override copyIn(key: number, value: number, flags: number, from: Descriptors, through: OpenFile | undefined): number {
    const { dv } = this.machine.memory;
    const index = dv.getUint32(key, true);
    if (flags !== BPF_ANY) return -errno.EINVAL;
    if (index >= this.attr.maxEntries) return -errno.E2BIG;
    const event = from.perfEvent(dv.getUint32(value, true));
    if (typeof event === 'number') return event;
    event.get(); // before the old one goes: it may be the same
    this.#clear(index);
    this.#slots.set(index, { event, through });
    return 0;
  }

  override closedThrough(file: OpenFile): void {
    if ((this.attr.flags & BPF_F_PRESERVE_ELEMS) !== 0) return;
    for (const [index, { through }] of [...this.#slots]) if (through === file) this.#clear(index);
  }

  memoryUsage(): number {
    return ARRAY_OVERHEAD + SLOT_SIZE * this.attr.maxEntries;
  }

  protected override freeMemory(): void {
    for (const index of [...this.#slots.keys()]) this.#clear(index);
  }

  #clear(index: number): boolean {
    const slot = this.#slots.get(index);
    if (slot === undefined) return false;
    this.#slots.delete(index);
    slot.event.put();
    return true;
  }
}
