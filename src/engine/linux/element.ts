import type { BpfCmd } from '../../uapi/attr.ts';
import type { MapSizes } from './map-sizes.ts';
import { align8, type Memory } from './memory.ts';

/** Which buffer a command has besides `key`, and whether the kernel fills it. */
// biome-ignore format: aligned table
const ELEMENT_COMMANDS = {
  BPF_MAP_LOOKUP_ELEM:  { other: 'value',    back: true },
  BPF_MAP_UPDATE_ELEM:  { other: 'value',    back: false },
  BPF_MAP_GET_NEXT_KEY: { other: 'next_key', back: true },
} as const satisfies { readonly [C in BpfCmd]?: { other: string; back: boolean } };
type ElementCmd = keyof typeof ELEMENT_COMMANDS;

export function isElementCmd(cmd: BpfCmd): cmd is ElementCmd {
  return Object.hasOwn(ELEMENT_COMMANDS, cmd);
}

/** Bytes of `union bpf_attr` that these commands have, and where in it the two pointers and the flags are. */
const ATTR = { size: 32, key: 8, other: 16, flags: 24 };
/** Up to here a loop is faster than TypedArray.set. */
const SMALL = 64;

/**
 * The calls that programs make by the million, without the walk over the table: the same layout as attr.ts makes, for ordinary arguments. False,
 * with nothing done, for all others, which attr.ts lays out or refuses.
 */
export class ElementCall {
  readonly #memory: Memory;
  #back: Uint8Array | undefined;
  #offset = 0;
  #size = 0;

  constructor(memory: Memory) {
    this.#memory = memory;
  }

  layOut(cmd: ElementCmd, attr: Readonly<Record<string, unknown>>, sizes: MapSizes): boolean {
    const { other: name, back } = ELEMENT_COMMANDS[cmd];
    const { map_fd: fd, key, flags = 0n } = attr;
    const other = attr[name];
    const size = name === 'value' ? sizes.value : sizes.key;
    if (typeof fd !== 'number' || typeof flags !== 'bigint' || sizes.key === 0) return false;
    if (!(key instanceof Uint8Array) || key.length < sizes.key) return false;
    if (!(other instanceof Uint8Array) || other.length < size) return false;
    const memory = this.#memory;
    const at = ATTR.size + align8(sizes.key);
    memory.reset(at + size);
    const { view } = memory;
    view.setUint32(0, fd, true);
    view.setUint32(4, 0, true);
    memory.setAddress(ATTR.key, ATTR.size);
    memory.setAddress(ATTR.other, at);
    view.setBigUint64(ATTR.flags, flags, true);
    copy(key, 0, memory.bytes, ATTR.size, sizes.key);
    copy(other, 0, memory.bytes, at, size);
    this.#back = back ? other : undefined;
    this.#offset = at;
    this.#size = size;
    return true;
  }

  /** Size of the attributes, which are at the start of the memory. */
  readonly size = ATTR.size;

  copyBack(): void {
    if (this.#back !== undefined) copy(this.#memory.bytes, this.#offset, this.#back, 0, this.#size);
    this.#back = undefined;
  }
}

function copy(from: Uint8Array, fromAt: number, to: Uint8Array, toAt: number, size: number): void {
  if (size > SMALL) {
    to.set(from.subarray(fromAt, fromAt + size), toAt);
    return;
  }
  for (let i = 0; i < size; i++) to[toAt + i] = from[fromAt + i] ?? 0;
}
