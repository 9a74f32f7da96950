import { BPF_EXIST, BPF_NOEXIST, mapTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { Machine } from '../machine.ts';
import { ACCESS_FLAGS, checkFlags, NUMA_FLAG } from './check.ts';
import { BpfMap, MAP_HEADER_SIZE, type MapAttr, type MapType } from './map.ts';

// Where a header has the numbers of places; see `QueueMap`.
export const HEAD = 36;
export const TAIL = 40;

/** Bytes of Linux's struct bpf_queue_stack before the values, for the memlock figure. */
const OVERHEAD = 312;
const MAX_VALUE = 4 * 1024 * 1024;

/** BPF_MAP_TYPE_QUEUE: values without keys, of which the oldest comes out first. */
export const queue: MapType = {
  name: 'queue',
  type: mapTypeNumber.queue,
  check,
  create: (machine, attr) => make(machine, attr, 'oldest'),
};

/** BPF_MAP_TYPE_STACK: of which the newest comes out first. */
export const stack: MapType = {
  name: 'stack',
  type: mapTypeNumber.stack,
  check,
  create: (machine, attr) => make(machine, attr, 'newest'),
};

function check({ keySize, valueSize, maxEntries, flags }: MapAttr): number {
  if (keySize !== 0 || valueSize === 0 || maxEntries === 0) return -errno.EINVAL;
  return checkFlags(flags, NUMA_FLAG | ACCESS_FLAGS) || (valueSize > MAX_VALUE ? -errno.E2BIG : 0);
}

function make(machine: Machine, attr: MapAttr, first: 'oldest' | 'newest'): BpfMap | number {
  const address = machine.memory.alloc(MAP_HEADER_SIZE + (attr.maxEntries + 1) * attr.valueSize);
  return address === 0 ? -errno.ENOMEM : new QueueMap(machine, attr, address, first);
}

/**
 * In linear memory a ring of `maxEntries + 1` places of `valueSize` bytes follows the header; one of them is always free. The type's own fields of the
 * header:
 *
 *      32        36              40                44
 *     ┌─────────┬───────────────┬─────────────────┬──────────┐
 *     │ places  │ next to fill  │ oldest          │ places   │
 *     │ address │               │                 │ in all   │
 *     └─────────┴───────────────┴─────────────────┴──────────┘
 */
export class QueueMap extends BpfMap {
  /** What comes out first. */
  readonly first: 'oldest' | 'newest';
  /** Address. */
  readonly places: number;

  constructor(machine: Machine, attr: MapAttr, address: number, first: 'oldest' | 'newest') {
    super(machine, attr, address);
    this.first = first;
    this.places = address + MAP_HEADER_SIZE;
    machine.memory.dv.setUint32(address + 32, this.places, true);
    machine.memory.dv.setUint32(address + 44, attr.maxEntries + 1, true);
  }

  override push(value: number, flags: number): number {
    const replaces = (flags & BPF_EXIST) !== 0;
    if ((flags & BPF_NOEXIST) !== 0 || flags > BPF_EXIST) return -errno.EINVAL;
    const head = this.#head;
    const next = this.#after(head);
    if (next === this.#tail) {
      if (!replaces) return -errno.E2BIG;
      this.#tail = this.#after(this.#tail);
    }
    const at = this.#place(head);
    this.machine.memory.copy(at, value, this.attr.valueSize);
    this.#head = next;
    return 0;
  }

  /** An empty queue leaves zeros behind. */
  override pop(out: number): number {
    return this.#take(out, true);
  }
  override peek(out: number): number {
    return this.#take(out, false);
  }

  lookup(_key: number): number {
    return 0;
  }
  update(_key: number, value: number, flags: number): number {
    return this.push(value, flags);
  }
  delete(_key: number): number {
    return -errno.EINVAL;
  }
  nextKey(_key: number, _next: number): number {
    return -errno.EINVAL;
  }
  copyOut(_key: number, out: number): number {
    return this.peek(out);
  }
  override takeOut(_key: number, out: number): number {
    return this.pop(out);
  }

  memoryUsage(): number {
    return OVERHEAD + (this.attr.maxEntries + 1) * this.attr.valueSize;
  }

  #take(out: number, removes: boolean): number {
    const { memory } = this.machine;
    const head = this.#head;
    const tail = this.#tail;
    if (head === tail) {
      memory.clear(out, this.attr.valueSize);
      return -errno.ENOENT;
    }
    const index = this.first === 'oldest' ? tail : this.#before(head);
    const at = this.#place(index);
    memory.copy(out, at, this.attr.valueSize);
    if (!removes) return 0;
    if (this.first === 'oldest') this.#tail = this.#after(tail);
    else this.#head = index;
    return 0;
  }

  // The header is believed only as far as it leads to a place: a program can write over it.
  get #head(): number {
    return this.machine.memory.dv.getUint32(this.address + HEAD, true) % (this.attr.maxEntries + 1);
  }
  set #head(index: number) {
    this.machine.memory.dv.setUint32(this.address + HEAD, index, true);
  }
  get #tail(): number {
    return this.machine.memory.dv.getUint32(this.address + TAIL, true) % (this.attr.maxEntries + 1);
  }
  set #tail(index: number) {
    this.machine.memory.dv.setUint32(this.address + TAIL, index, true);
  }
  #after(index: number): number {
    return index === this.attr.maxEntries ? 0 : index + 1;
  }
  #before(index: number): number {
    return index === 0 ? this.attr.maxEntries : index - 1;
  }
  #place(index: number): number {
    return this.places + index * this.attr.valueSize;
  }
}
