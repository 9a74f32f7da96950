import { BPF_F_PRESERVE_ELEMS, mapTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { OpenFile } from '../files.ts';
import type { PerfEvent } from '../perf-event.ts';
import { noBtf } from './check.ts';
import type { Descriptors, MapType } from './map.ts';
import { checkSlotArray, createSlotArray, SlotArray } from './slot-array.ts';

/** BPF_MAP_TYPE_PERF_EVENT_ARRAY: where bpf_perf_event_output goes, a slot for each CPU as a rule. User space puts fds of perf events in. */
export const perfEventArray: MapType = {
  name: 'perf_event_array',
  type: mapTypeNumber.perf_event_array,
  checkBtf: noBtf,
  check: (attr) => checkSlotArray(attr, BPF_F_PRESERVE_ELEMS),
  create: (machine, attr) => createSlotArray(PerfEventArray, machine, attr),
};

interface Entry {
  readonly event: PerfEvent;
  /** The file of the map that it came through: it goes when that is closed, unless the map has BPF_F_PRESERVE_ELEMS. */
  readonly through: OpenFile | undefined;
}

/** The number in a slot's memory is the event's id. */
export class PerfEventArray extends SlotArray<Entry> {
  event(index: number): PerfEvent | undefined {
    return this.held(index)?.event;
  }

  copyOut(_key: number, _out: number): number {
    return -errno.ENOTSUPP;
  }

  protected override take(fd: number, from: Descriptors, through: OpenFile | undefined): Entry | number {
    const event = from.perfEvent(fd);
    return typeof event === 'number' ? event : { event: event.get(), through };
  }
  protected override drop({ event }: Entry): void {
    event.put();
  }
  protected override numberOf({ event }: Entry): number {
    return event.id;
  }

  override closedThrough(file: OpenFile): void {
    if ((this.attr.flags & BPF_F_PRESERVE_ELEMS) === 0) this.clear(({ through }) => through === file);
  }
}
