import { BPF_ANY, mapTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { BpfProg } from '../progs/prog.ts';
import { ARRAY_OVERHEAD, checkArraySizes, nextIndex } from './array.ts';
import { checkFlags, FD_ACCESS_FLAGS, NUMA_FLAG } from './check.ts';
import { BpfMap, type Descriptors, MAP_HEADER_SIZE, type MapAttr, type MapType } from './map.ts';

const SLOT_SIZE = 8;

/** BPF_MAP_TYPE_PROG_ARRAY: the targets of tail calls. User space puts program fds in and gets program ids out. */
export const progArray: MapType = {
  name: 'prog_array',
  type: mapTypeNumber.prog_array,
  check: (attr) =>
    attr.valueSize !== 4 ? -errno.EINVAL : checkFlags(attr.flags, NUMA_FLAG | FD_ACCESS_FLAGS) || checkArraySizes(attr),
  create(machine, attr) {
    const address = machine.memory.alloc(MAP_HEADER_SIZE + SLOT_SIZE * attr.maxEntries);
    return address === 0 ? -errno.ENOMEM : new ProgArray(machine, attr, address);
  },
};

/** What the programs of one array have in common: BPF_PROG_TYPE_* and the attach type they were loaded for. */
interface Owner {
  readonly type: number;
  readonly expectedAttachType: number;
}

/**
 * In linear memory the slots follow the header. The type's own field of the header, and a slot:
 *
 *      32           0                        4
 *     ┌─────────┐  ┌────────────────────────┬─────┐
 *     │ slots   │  │ program id, 0 if empty │ 0   │
 *     └─────────┘  └────────────────────────┴─────┘
 */
export class ProgArray extends BpfMap {
  readonly #slots: number;
  readonly #progs = new Map<number, BpfProg>();
  /** Set by the first program that is put in or that uses the array, and kept when all slots are empty again. */
  #owner: Owner | undefined;

  constructor(machine: BpfMap['machine'], attr: MapAttr, address: number) {
    super(machine, attr, address);
    this.#slots = address + MAP_HEADER_SIZE;
    machine.memory.dv.setUint32(address + 32, this.#slots, true);
  }

  /** The program in a slot: the target of a tail call. `undefined` where there is none, or no such slot. */
  program(index: number): BpfProg | undefined {
    return this.#progs.get(index);
  }

  /** Whether programs of this kind may be in the array or use it. The first one to ask decides for all later ones. */
  admits(owner: Owner): boolean {
    this.#owner ??= { type: owner.type, expectedAttachType: owner.expectedAttachType };
    return this.#owner.type === owner.type && this.#owner.expectedAttachType === owner.expectedAttachType;
  }

  /** Programs cannot read the slots. */
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

  copyOut(key: number, out: number): number {
    const { dv } = this.machine.memory;
    const prog = this.#progs.get(dv.getUint32(key, true));
    if (prog === undefined) return -errno.ENOENT;
    dv.setUint32(out, prog.id, true);
    return 0;
  }

  override copyIn(key: number, value: number, flags: number, from: Descriptors): number {
    const { dv } = this.machine.memory;
    const index = dv.getUint32(key, true);
    if (flags !== BPF_ANY) return -errno.EINVAL;
    if (index >= this.attr.maxEntries) return -errno.E2BIG;
    const prog = from.prog(dv.getUint32(value, true));
    if (typeof prog === 'number') return prog;
    if (!this.admits(prog.attr)) return -errno.EINVAL;
    prog.get(); // before the old one goes: it may be the same
    this.#clear(index);
    this.#progs.set(index, prog);
    dv.setUint32(this.#slots + SLOT_SIZE * index, prog.id, true);
    return 0;
  }

  memoryUsage(): number {
    return ARRAY_OVERHEAD + SLOT_SIZE * this.attr.maxEntries;
  }

  override fdinfo(): readonly (readonly [string, number])[] {
    if (this.#owner === undefined) return [];
    return [
      ['owner_prog_type', this.#owner.type],
      ['owner_jited', 0],
    ];
  }

  /** Breaks the cycle of an array that holds a program that uses the array. */
  protected override releaseUsers(): void {
    for (const index of [...this.#progs.keys()]) this.#clear(index);
  }

  protected override freeMemory(): void {
    for (const index of [...this.#progs.keys()]) this.#clear(index);
  }

  #clear(index: number): boolean {
    const prog = this.#progs.get(index);
    if (prog === undefined) return false;
    this.#progs.delete(index);
    this.machine.memory.dv.setUint32(this.#slots + SLOT_SIZE * index, 0, true);
    prog.put();
    return true;
  }
}
