import { BPF_ANY } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { OpenFile } from '../files.ts';
import type { Machine } from '../machine.ts';
import { ARRAY_OVERHEAD, checkArraySizes, nextIndex } from './array.ts';
import { checkFlags, FD_ACCESS_FLAGS, NUMA_FLAG } from './check.ts';
import { BpfMap, type Descriptors, MAP_HEADER_SIZE, type MapAttr } from './map.ts';

const SLOT_SIZE = 8;
// What is in a slot.
export const SLOT_PROGRAM = 0;
export const SLOT_TABLE = 4;

/** What BPF_MAP_CREATE asks of arrays whose values are file descriptors. `more`: flags of one type alone. */
export function checkSlotArray(attr: MapAttr, more = 0): number {
  if (attr.valueSize !== 4) return -errno.EINVAL;
  return checkFlags(attr.flags, NUMA_FLAG | FD_ACCESS_FLAGS | more) || checkArraySizes(attr);
}

/** The array in a block of its own, or -ENOMEM. */
export function createSlotArray<T>(
  Kind: new (machine: Machine, attr: MapAttr, address: number) => SlotArray<T>,
  machine: Machine,
  attr: MapAttr,
): SlotArray<T> | number {
  const address = machine.memory.alloc(MAP_HEADER_SIZE + SLOT_SIZE * attr.maxEntries);
  return address === 0 ? -errno.ENOMEM : new Kind(machine, attr, address);
}

/**
 * An array that holds objects: user space puts file descriptors in. In linear memory the slots follow the header. The type's own field of the header, and a
 * slot, where what counts is kept outside of the memory, so that no program changes it:
 *
 *      32           0                                          4
 *     ┌─────────┐  ┌──────────────────────────────────────────┬───────────────────────────────────────────────────────────────┐
 *     │ slots   │  │ a number for the object, 0 if empty      │ of a program that was called: its place in the table of       │
 *     └─────────┘  └──────────────────────────────────────────┴─ compiled programs plus 1, else 0 ────────────────────────────┘
 */
export abstract class SlotArray<T> extends BpfMap {
  readonly #address: number;
  readonly #slots = new Map<number, T>();

  constructor(machine: Machine, attr: MapAttr, address: number) {
    super(machine, attr, address);
    this.#address = address + MAP_HEADER_SIZE;
    machine.memory.dv.setUint32(address + 32, this.#address, true);
  }

  /** What an fd brings in, with a reference of the slot's, or -errno. */
  protected abstract take(fd: number, from: Descriptors, through: OpenFile | undefined): T | number;
  /** Gives that reference back. */
  protected abstract drop(held: T): void;
  /** The number for the object in the slot's memory. */
  protected abstract numberOf(held: T): number;

  protected slotAt(index: number): number {
    return this.#address + SLOT_SIZE * index;
  }
  protected held(index: number): T | undefined {
    return this.#slots.get(index);
  }
  protected indexAt(key: number): number {
    return this.machine.memory.dv.getUint32(key, true);
  }
  /** Empties the slots that `which` says. */
  protected clear(which: (held: T) => boolean): void {
    for (const [index, held] of [...this.#slots]) if (which(held)) this.#empty(index);
  }

  /** Programs cannot read the slots, unless the type says otherwise. */
  lookup(_key: number): number {
    return 0;
  }
  update(_key: number, _value: number, _flags: number): number {
    return -errno.EINVAL;
  }

  delete(key: number): number {
    const index = this.indexAt(key);
    if (index >= this.attr.maxEntries) return -errno.E2BIG;
    return this.#empty(index) ? 0 : -errno.ENOENT;
  }

  nextKey(key: number, next: number): number {
    return nextIndex(this, key, next);
  }

  override copyIn(key: number, value: number, flags: number, from: Descriptors, through: OpenFile | undefined): number {
    const { dv } = this.machine.memory;
    const index = this.indexAt(key);
    if (flags !== BPF_ANY) return -errno.EINVAL;
    if (index >= this.attr.maxEntries) return -errno.E2BIG;
    const taken = this.take(dv.getUint32(value, true), from, through);
    if (typeof taken === 'number') return taken;
    this.#empty(index);
    this.#slots.set(index, taken);
    dv.setUint32(this.slotAt(index) + SLOT_PROGRAM, this.numberOf(taken), true);
    return 0;
  }

  memoryUsage(): number {
    return ARRAY_OVERHEAD + SLOT_SIZE * this.attr.maxEntries;
  }

  protected override freeMemory(): void {
    this.clear(() => true);
  }

  #empty(index: number): boolean {
    const held = this.#slots.get(index);
    if (held === undefined) return false;
    this.#slots.delete(index);
    const { dv } = this.machine.memory;
    dv.setUint32(this.slotAt(index) + SLOT_PROGRAM, 0, true);
    dv.setUint32(this.slotAt(index) + SLOT_TABLE, 0, true);
    this.drop(held);
    return true;
  }
}
