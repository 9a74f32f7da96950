import { progTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { Device } from '../net/device.ts';
import type { XdpHop } from '../progs/frame.ts';
import type { BpfProg } from '../progs/prog.ts';
import { BpfMap, type Descriptors } from './map.ts';

/** Bytes of an entry: a number, and maybe `u32` fd, or to read the id, of a program that frames meet there. */
export const PLAIN = 4;
export const WITH_PROGRAM = 8;

export interface RedirectEntry {
  /** The number that user space put in. */
  readonly number: number;
  /** Of a map of devices: what the number stood for. */
  readonly device?: Device | undefined;
  readonly prog: BpfProg | undefined;
}

/** A map that bpf_redirect_map takes. */
export abstract class RedirectMap extends BpfMap {
  /** Flags of bpf_redirect_map beyond what is returned on a miss. */
  readonly redirectFlags: number = 0;
  /** Address of a byte for each index, 1 where something is, for compiled programs; 0: there are none. */
  get taken(): number {
    return 0;
  }
  protected readonly entries = new Map<number, RedirectEntry>();

  /** Where a frame that came in by the device `from` goes; `undefined` where there is nothing at `index`. */
  abstract hops(index: number, flags: number, from: number): readonly XdpHop[] | undefined;

  lookup(_key: number): number {
    return 0;
  }
  update(_key: number, _value: number, _flags: number): number {
    return -errno.EINVAL;
  }

  copyOut(key: number, out: number): number {
    const entry = this.entries.get(this.indexAt(key));
    if (entry === undefined) return -errno.ENOENT;
    this.show(entry, out);
    return 0;
  }

  protected indexAt(key: number): number {
    return this.machine.memory.dv.getUint32(key, true);
  }

  /** An entry as it is read. */
  protected show({ number, prog }: RedirectEntry, at: number): void {
    const { dv } = this.machine.memory;
    dv.setUint32(at, number, true);
    if (this.attr.valueSize === WITH_PROGRAM) dv.setUint32(at + 4, prog?.id ?? 0, true);
  }

  /** The fd in a value; 0 and less: none. */
  protected programFd(value: number): number {
    return this.attr.valueSize === WITH_PROGRAM ? this.machine.memory.dv.getInt32(value + 4, true) : 0;
  }

  protected putEntry(index: number, entry: RedirectEntry): void {
    entry.prog?.get(); // before the old one goes: it may be the same
    this.removeEntry(index);
    this.entries.set(index, entry);
    this.#mark(index, 1);
  }

  /** Takes away what is at `index`; false if there is nothing. */
  protected removeEntry(index: number): boolean {
    const entry = this.entries.get(index);
    this.entries.delete(index);
    this.#mark(index, 0);
    entry?.prog?.put();
    return entry !== undefined;
  }

  #mark(index: number, isTaken: 0 | 1): void {
    if (this.taken !== 0) this.machine.memory.u8[this.taken + index] = isTaken;
  }

  /** A device takes its entries along. */
  forget(device: Device): void {
    for (const [index, entry] of [...this.entries]) if (entry.device === device) this.removeEntry(index);
  }

  protected override freeMemory(): void {
    for (const index of [...this.entries.keys()]) this.removeEntry(index);
  }
}

/** The XDP program of an fd that was loaded for entries of such maps (BPF_XDP_DEVMAP, BPF_XDP_CPUMAP); `undefined` if it is none. */
export function entryProgram(fd: number, from: Descriptors, attachType: number): BpfProg | undefined {
  const prog = from.prog(fd);
  if (typeof prog === 'number') return undefined;
  const { type, expectedAttachType } = prog.attr;
  return type === progTypeNumber.xdp && expectedAttachType === attachType ? prog : undefined;
}
