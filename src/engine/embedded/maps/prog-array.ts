import { mapTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { BpfProg } from '../progs/prog.ts';
import { cgroupStorages } from './cgroup-storage.ts';
import type { BpfMap, Descriptors, MapType } from './map.ts';
import { checkSlotArray, createSlotArray, SLOT_TABLE, SlotArray } from './slot-array.ts';

/** BPF_MAP_TYPE_PROG_ARRAY: the targets of tail calls. User space puts program fds in and gets program ids out. */
export const progArray: MapType = {
  name: 'prog_array',
  type: mapTypeNumber.prog_array,
  check: (attr) => checkSlotArray(attr),
  create: (machine, attr) => createSlotArray(ProgArray, machine, attr),
};

/** What the programs of one array have in common: BPF_PROG_TYPE_* and the attach type they were loaded for. */
interface Owner {
  readonly type: number;
  readonly expectedAttachType: number;
  /** Those that they use. */
  readonly maps: readonly BpfMap[];
}

/** The number in a slot's memory is the program's id. */
export class ProgArray extends SlotArray<BpfProg> {
  /** Set by the first program that is put in or that uses the array, and kept when all slots are empty again. */
  #owner: Owner | undefined;

  /** The program in a slot: the target of a tail call. `undefined` where there is none, or no such slot. */
  program(index: number): BpfProg | undefined {
    return this.held(index);
  }

  /** Says in the memory of a slot where its program is in the table of compiled ones. */
  setTablePlace(index: number, place: number): void {
    this.machine.memory.dv.setUint32(this.slotAt(index) + SLOT_TABLE, place + 1, true);
  }

  /** Whether programs of this kind may be in the array or use it. The first one to ask decides for all later ones. */
  admits(owner: Owner): boolean {
    const storages = cgroupStorages(owner.maps);
    this.#owner ??= { type: owner.type, expectedAttachType: owner.expectedAttachType, maps: storages };
    const { type, expectedAttachType, maps } = this.#owner;
    // Who is called has the values of cgroups that its caller has, or none.
    return (
      type === owner.type &&
      expectedAttachType === owner.expectedAttachType &&
      storages.every((map) => maps.includes(map))
    );
  }

  copyOut(key: number, out: number): number {
    const prog = this.held(this.indexAt(key));
    if (prog === undefined) return -errno.ENOENT;
    this.machine.memory.dv.setUint32(out, prog.id, true);
    return 0;
  }

  protected override take(fd: number, from: Descriptors): BpfProg | number {
    const prog = from.prog(fd);
    if (typeof prog === 'number') return prog;
    if (!this.admits({ ...prog.attr, type: prog.runType })) return -errno.EINVAL;
    // What took the place of its functions could call it again and again.
    if (prog.replacements.size > 0) return -errno.EBUSY;
    prog.arraySlots++;
    return prog.get();
  }
  protected override drop(prog: BpfProg): void {
    prog.arraySlots--;
    prog.put();
  }
  protected override numberOf(prog: BpfProg): number {
    return prog.id;
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
    this.clear(() => true);
  }
}
