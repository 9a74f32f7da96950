import { mapTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { Cgroup } from '../cgroups/cgroup.ts';
import type { Descriptors, MapType } from './map.ts';
import { checkSlotArray, createSlotArray, SlotArray } from './slot-array.ts';

/** BPF_MAP_TYPE_CGROUP_ARRAY: cgroups that programs ask whether something is below. User space puts fds of their directories in and reads nothing. */
export const cgroupArray: MapType = {
  name: 'cgroup_array',
  type: mapTypeNumber.cgroup_array,
  check: (attr) => checkSlotArray(attr),
  create: (machine, attr) => createSlotArray(CgroupArray, machine, attr),
};

/** The number in a slot's memory is the cgroup's id. */
export class CgroupArray extends SlotArray<Cgroup> {
  cgroup(index: number): Cgroup | undefined {
    return this.held(index);
  }

  copyOut(): number {
    return -errno.ENOTSUPP;
  }

  protected override take(fd: number, from: Descriptors): Cgroup | number {
    return from.cgroupOf(fd);
  }
  protected override drop(): void {}
  protected override numberOf(cgroup: Cgroup): number {
    return cgroup.id;
  }

  protected override releaseUsers(): void {
    this.clear(() => true);
  }
}
