import { fnv1a } from '../../../bytes/fnv.ts';
import { roundUpToPowerOfTwo } from '../../../bytes/round.ts';
import { BPF_F_NUMA_NODE, BPF_F_RDONLY, BPF_F_STACK_BUILD_ID, BPF_F_WRONLY, mapTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import { noBtf } from './check.ts';
import { BpfMap, MAP_HEADER_SIZE, type MapAttr, type MapType } from './map.ts';

/** Frames of a stack at most: the default of kernel.perf_event_max_stack. */
const MAX_STACK = 127;
/** Bytes of a frame: an address, or a struct bpf_stack_build_id. */
export const ADDRESS = 8;
export const BUILD_ID = 32;
/** Bytes of Linux's structs, for the memlock figure: the map, a bucket's pointer, a stack without its frames. */
const [MAP_OVERHEAD, BUCKET, STACK] = [320, 8, 16];

/** BPF_MAP_TYPE_STACK_TRACE: stacks by their hash, which bpf_get_stackid puts in. */
export const stackTrace: MapType = {
  name: 'stack_trace',
  type: mapTypeNumber.stack_trace,
  checkBtf: noBtf,
  check({ flags, keySize, valueSize, maxEntries }) {
    if ((flags & ~(BPF_F_NUMA_NODE | BPF_F_RDONLY | BPF_F_WRONLY | BPF_F_STACK_BUILD_ID)) !== 0) return -errno.EINVAL;
    const frame = (flags & BPF_F_STACK_BUILD_ID) === 0 ? ADDRESS : BUILD_ID;
    const fits = valueSize >= ADDRESS && valueSize % frame === 0 && valueSize / frame <= MAX_STACK;
    return fits && keySize === 4 && maxEntries !== 0 ? 0 : -errno.EINVAL;
  },
  create(machine, attr) {
    const address = machine.memory.alloc(MAP_HEADER_SIZE);
    return address === 0 ? -errno.ENOMEM : new StackTraceMap(machine, attr, address);
  },
};

/** The status of a frame with a build id that is an address and no more. */
const BPF_STACK_BUILD_ID_IP = 2;
const IP_OFFSET = 24;

export class StackTraceMap extends BpfMap {
  /** Frames by number, as values have them. */
  readonly #stacks = new Map<number, Uint8Array>();

  /** The number of a stack, which is put in. -EEXIST: another one has its place, and `replaces` is not said. `byHash`: what has its place is it. -ENOMEM. */
  keep(frames: readonly bigint[], byHash: boolean, replaces: boolean): number {
    const value = this.#encode(frames);
    const hash = hashOf(frames);
    const id = hash & (bucketsOf(this.attr) - 1);
    const there = this.#stacks.get(id);
    // Where the hash alone counts, another stack with the same one would be taken for this, on Linux as well.
    if (there !== undefined && (byHash || isSame(there, value))) return id;
    if (there !== undefined && !replaces) return -errno.EEXIST;
    if (there === undefined && this.#stacks.size >= this.attr.maxEntries) return -errno.ENOMEM;
    if (there === undefined && !this.machine.charge(this.attr.valueSize)) return -errno.ENOMEM;
    this.#stacks.set(id, value);
    return id;
  }

  lookup(): number {
    return 0;
  }
  update(): number {
    return -errno.EINVAL;
  }
  copyOut(key: number, out: number): number {
    const stack = this.#stacks.get(this.#number(key));
    if (stack === undefined) return -errno.ENOENT;
    this.machine.memory.u8.set(stack, out);
    return 0;
  }
  override takeOut(key: number, out: number): number {
    const result = this.copyOut(key, out);
    return result < 0 ? result : this.delete(key);
  }
  nextKey(key: number, next: number): number {
    const after = key === 0 ? 0 : this.#number(key) + 1;
    const from = after > bucketsOf(this.attr) ? 0 : after;
    const id = [...this.#stacks.keys()].filter((one) => one >= from).sort((a, b) => a - b)[0];
    if (id === undefined) return -errno.ENOENT;
    this.machine.memory.dv.setUint32(next, id, true);
    return 0;
  }
  delete(key: number): number {
    const id = this.#number(key);
    if (id >= bucketsOf(this.attr)) return -errno.E2BIG;
    if (!this.#stacks.delete(id)) return -errno.ENOENT;
    this.machine.uncharge(this.attr.valueSize);
    return 0;
  }

  protected override freeMemory(): void {
    this.machine.uncharge(this.attr.valueSize * this.#stacks.size);
    this.#stacks.clear();
  }

  #number(key: number): number {
    return this.machine.memory.dv.getUint32(key, true);
  }

  /** The frames that there is room for, and zeros. */
  #encode(frames: readonly bigint[]): Uint8Array {
    const { valueSize, flags } = this.attr;
    const size = (flags & BPF_F_STACK_BUILD_ID) === 0 ? ADDRESS : BUILD_ID;
    const value = new Uint8Array(valueSize);
    const view = new DataView(value.buffer);
    for (const [i, address] of frames.slice(0, valueSize / size).entries()) {
      if (size === BUILD_ID) view.setInt32(size * i, BPF_STACK_BUILD_ID_IP, true);
      view.setBigUint64(size * i + (size === BUILD_ID ? IP_OFFSET : 0), address, true);
    }
    return value;
  }

  memoryUsage(): number {
    const { valueSize, maxEntries } = this.attr;
    return MAP_OVERHEAD + BUCKET * bucketsOf(this.attr) + (STACK + valueSize) * maxEntries;
  }
}

function bucketsOf({ maxEntries }: MapAttr): number {
  return roundUpToPowerOfTwo(maxEntries);
}

/** Any: Linux's begins with a number of its own. */
function hashOf(frames: readonly bigint[]): number {
  return fnv1a(new Uint8Array(BigUint64Array.from(frames).buffer));
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.every((byte, i) => byte === other[i]);
}
