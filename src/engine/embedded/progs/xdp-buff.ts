import { RedirectMap } from '../maps/redirect-map.ts';
import type { LinearMemory } from '../memory.ts';
import type { Network } from '../net/network.ts';
import type { Showing } from '../types/shown.ts';
import { ETH_HLEN, type XdpHop } from './frame.ts';

/** `struct xdp_md`: offset of each field. `data`, `data_end` and `data_meta` are addresses. */
// biome-ignore format: aligned table
export const XDP_MD = {
  data: 0, data_end: 4, data_meta: 8, ingress_ifindex: 12, rx_queue_index: 16, egress_ifindex: 20,
} as const;
export const XDP_MD_SIZE = 24;
/** Where the headroom begins, from the context on. */
export const XDP_HEAD = 40;
/** Where the address is that the frame's end can move to, which compiled code does itself. 0: there are fragments, and the end is theirs. */
export const XDP_LIMIT = 28;
/** Where compiled code says that the frame shall go: the address of a map, and an index in it; or 1, and the `ifindex` of a device. 0: nowhere. */
export const XDP_REDIRECT_BY = 32;
export const XDP_REDIRECT_TO = 36;
export const BY_IFINDEX = 1;
export const XDP_PACKET_HEADROOM = 256;
/** Bytes at the very start of the headroom that the kernel keeps for itself. */
export const XDP_FRAME_SIZE = 40;
/** Bytes that the kernel keeps at the end of the page. */
const XDP_TAILROOM = 320;
/** Bytes that a frame can grow to: a page without its headroom and what the kernel keeps behind it. */
export const XDP_MAX_FRAME = 4096 - XDP_PACKET_HEADROOM - XDP_TAILROOM;

/** Bytes that a fragment has, or can grow to. */
export const PAGE_SIZE = 4096;
const NOTHING = new Uint8Array(0);
const NO_HOPS: readonly XdpHop[] = [];

/**
 * A frame in linear memory as an XDP program sees it, with its `struct xdp_md` before it. Where it begins and ends is there alone: a program that no verifier has seen may
 * write anything to it, so that it is believed within the memory that the frame has.
 *
 *     0               24     28      32         40            80         296
 *     ┌──────────────┬──────┬───────┬──────────┬─────────────┬──────────┬──────┬──────┐
 *     │ struct       │      │ limit │ redirect │ the         │ headroom │ data │ room │
 *     │ xdp_md       │      │       │          │ kernel's    │          │      │      │
 *     └──────────────┴──────┴───────┴──────────┴─────────────┴──────────┴──────┴──────┘
 */
export class XdpBuff {
  readonly kind = 'xdp';
  readonly memory: LinearMemory;
  /** The namespace of the device that the frame came in by. */
  netns: Network;
  /** Address of the `struct xdp_md`. */
  readonly context: number;
  readonly #head: number;
  readonly #limit: number;
  ifindex = 0;
  rxQueue = 0;
  #fragments: Uint8Array = NOTHING;
  /** Bytes of the last fragment, and those that are free behind it. */
  #last = 0;
  #room = 0;
  /** For programs that run where a frame leaves: the device. */
  egressIfindex = 0;
  #hops: readonly XdpHop[] = NO_HOPS;
  /** Address of the struct xdp_buff that a program is shown of it; 0 if none has asked. */
  xdpBuff = 0;
  /** Holds it, and what it leads to. */
  shown: Showing | undefined;

  private constructor(memory: LinearMemory, netns: Network, context: number, frame: Uint8Array, metaLength: number) {
    this.memory = memory;
    this.netns = netns;
    this.context = context;
    this.#head = context + XDP_HEAD;
    const data = this.#head + XDP_PACKET_HEADROOM;
    const meta = data - metaLength;
    const end = meta + frame.length;
    this.#limit = Math.max(end, data + XDP_MAX_FRAME);
    memory.u8.set(frame, meta);
    this.#move(meta, data, end);
    this.hops = NO_HOPS;
  }

  /**
   * `frame`: metadata (its first `metaLength` bytes, at most XDP_PACKET_HEADROOM) and the Ethernet frame. `undefined` if there is no memory for
   * it. Give it back with {@link XdpBuff.free}.
   */
  static create(memory: LinearMemory, netns: Network, frame: Uint8Array, metaLength = 0): XdpBuff | undefined {
    const context = memory.alloc(XdpBuff.size(frame.length));
    return context === 0 ? undefined : new XdpBuff(memory, netns, context, frame, metaLength);
  }

  /** Without a frame yet. `block`: address of `XdpBuff.size(XDP_MAX_FRAME)` bytes, which are the caller's. */
  static at(memory: LinearMemory, netns: Network, block: number): XdpBuff {
    return new XdpBuff(memory, netns, block, NOTHING, 0);
  }
  /** Bytes that a frame takes with its context, and the room to grow into. */
  static size(length: number): number {
    return XDP_HEAD + XDP_PACKET_HEADROOM + Math.max(length, XDP_MAX_FRAME);
  }

  /** As {@link XdpBuff.reset}, and nothing is left of what a program has written before the frame. */
  renew(frame: Uint8Array): void {
    this.memory.clear(this.#head, XDP_PACKET_HEADROOM);
    this.reset(frame);
  }
  /** Another frame in its place, without metadata: at most XDP_MAX_FRAME bytes. */
  reset(frame: Uint8Array): void {
    const data = this.#head + XDP_PACKET_HEADROOM;
    this.hops = NO_HOPS;
    this.memory.u8.set(frame, data);
    this.#move(data, data, data + frame.length);
    this.publish();
  }

  free(): void {
    this.hide();
    this.memory.free(this.context);
  }
  /** Gives back what programs were shown. */
  hide(): void {
    this.shown?.[Symbol.dispose]();
    this.shown = undefined;
    this.xdpBuff = 0;
  }

  /** Bytes from the start of the headroom to the end of the page. */
  get frameSize(): number {
    return XDP_PACKET_HEADROOM + XDP_MAX_FRAME + XDP_TAILROOM;
  }
  /** Addresses; `meta` equals `data` where there is no metadata. */
  get meta(): number {
    return Math.min(Math.max(this.#address(XDP_MD.data_meta), this.#head), this.data);
  }

  get data(): number {
    return Math.min(Math.max(this.#address(XDP_MD.data), this.#head), this.#limit);
  }

  get end(): number {
    return Math.min(Math.max(this.#address(XDP_MD.data_end), this.data), this.#limit);
  }

  #address(field: number): number {
    return (this.memory.i32[(this.context + field) / 4] ?? 0) >>> 0;
  }

  #move(meta: number, data: number, end: number): void {
    const { i32 } = this.memory;
    const at = this.context / 4;
    i32[at + XDP_MD.data / 4] = data;
    i32[at + XDP_MD.data_end / 4] = end;
    i32[at + XDP_MD.data_meta / 4] = meta;
    i32[at + XDP_LIMIT / 4] = this.#fragments.length > 0 ? 0 : this.#limit;
  }

  /** Bytes of the frame beyond `end`, each page of which is a fragment. Programs reach them by helpers alone. */
  get fragments(): Uint8Array {
    return this.#fragments;
  }
  set fragments(bytes: Uint8Array) {
    this.#fragments = bytes;
    this.#last = bytes.length % PAGE_SIZE || Math.min(bytes.length, PAGE_SIZE);
    this.#room = PAGE_SIZE - this.#last;
    this.#move(this.meta, this.data, this.end);
  }

  get length(): number {
    return this.end - this.data;
  }
  /** A copy of the frame. */
  bytes(): Uint8Array {
    return this.memory.u8.slice(this.data, this.end);
  }

  /** Address of `size` bytes at `offset` from the start of the data, or -1. */
  at(offset: number, size: number): number {
    return offset >= 0 && size >= 0 && offset + size <= this.length ? this.data + offset : -1;
  }

  /** Copies bytes from `offset` on to an address, or (`write`) from there, also those in fragments. False if there are not as many. */
  copy(offset: number, size: number, address: number, write: boolean): boolean {
    const { length, data, fragments, memory } = this;
    if (offset < 0 || size < 0 || offset + size > length + fragments.length) return false;
    const here = Math.max(0, Math.min(size, length - offset));
    if (here > 0) memory.copy(write ? data + offset : address, write ? address : data + offset, here);
    if (here === size) return true;
    const part = fragments.subarray(offset + here - length, offset + size - length);
    if (write) part.set(memory.u8.subarray(address + here, address + size));
    else memory.u8.set(part, address + here);
    return true;
  }

  /** Brings the first `length` bytes before `end`: what is in fragments is moved there, behind what is there already, and that to the front as far as it has to. */
  pull(length: number): boolean {
    const { data, meta, end, fragments } = this;
    const delta = length - this.length;
    if (delta <= 0) return true;
    const shift = Math.max(0, delta - (this.#limit - end));
    if (delta > fragments.length || meta - shift < this.#head + XDP_FRAME_SIZE) return false;
    this.memory.copy(meta - shift, meta, end - meta);
    this.memory.u8.set(fragments.subarray(0, delta), end - shift);
    this.#fragments = fragments.slice(delta);
    this.#move(meta - shift, data - shift, end - shift + delta);
    return true;
  }

  /** Where it goes if the program returns XDP_REDIRECT: several ways for a broadcast. */
  get hops(): readonly XdpHop[] {
    const { i32 } = this.memory;
    const [by = 0, to = 0] = [i32[(this.context + XDP_REDIRECT_BY) / 4], i32[(this.context + XDP_REDIRECT_TO) / 4]];
    if (by === 0) return this.#hops;
    if (by === BY_IFINDEX) return [{ kind: 'device', ifindex: to >>> 0, prog: undefined }];
    const map = this.netns.machine.mapAt(by);
    return (map instanceof RedirectMap ? map.hops(to >>> 0, 0, this.ifindex) : undefined) ?? NO_HOPS;
  }
  set hops(hops: readonly XdpHop[]) {
    this.#hops = hops;
    this.memory.i32[(this.context + XDP_REDIRECT_BY) / 4] = 0;
  }

  /** Writes down what the context says of devices. */
  publish(): void {
    const { i32 } = this.memory;
    const at = this.context / 4;
    i32[at + XDP_MD.ingress_ifindex / 4] = this.ifindex;
    i32[at + XDP_MD.rx_queue_index / 4] = this.rxQueue;
    i32[at + XDP_MD.egress_ifindex / 4] = this.egressIfindex;
  }

  /** Moves the start of the data by `delta` bytes, metadata with it. False where there is no room, or no packet would be left. */
  adjustHead(delta: number): boolean {
    const { data, meta, end } = this;
    if (meta + delta < this.#head + XDP_FRAME_SIZE || data + delta > end - ETH_HLEN) return false;
    this.memory.copy(meta + delta, meta, data - meta);
    this.#move(meta + delta, data + delta, end);
    return true;
  }

  /** Moves the end by `delta` bytes, that of the last fragment where there are some; new bytes are zero. */
  adjustTail(delta: number): boolean {
    if (this.#fragments.length > 0) return delta < 0 ? this.#shrinkFragments(-delta) : this.#growFragment(delta);
    const { data, meta, end } = this;
    if (end + delta > this.#limit || end + delta < data + ETH_HLEN) return false;
    if (delta > 0) this.memory.clear(end, delta);
    this.#move(meta, data, end + delta);
    return true;
  }

  #growFragment(delta: number): boolean {
    if (delta > this.#room) return false;
    const grown = new Uint8Array(this.#fragments.length + delta);
    grown.set(this.#fragments);
    this.#fragments = grown;
    this.#last += delta;
    this.#room -= delta;
    return true;
  }

  /** Fragments of which nothing is left go, with the room behind them; what is more is taken from the frame itself. */
  #shrinkFragments(size: number): boolean {
    let left = size;
    let { length } = this.#fragments;
    if (left > this.length + length - ETH_HLEN) return false;
    while (left > 0 && length > 0) {
      const last = Math.min(this.#last, length);
      const cut = Math.min(left, last);
      left -= cut;
      length -= cut;
      this.#last = cut === last ? PAGE_SIZE : last - cut;
      this.#room = cut === last ? 0 : this.#room + cut;
    }
    this.#fragments = this.#fragments.slice(0, length);
    this.#move(this.meta, this.data, this.end - left);
    return true;
  }

  /** Moves the start of the metadata by `delta` bytes: a multiple of 4, 255 bytes at most. */
  adjustMeta(delta: number): boolean {
    const { data, end } = this;
    const meta = this.meta + delta;
    const length = data - meta;
    if (meta < this.#head + XDP_FRAME_SIZE || length < 0 || length > 255 || length % 4 !== 0) return false;
    this.#move(meta, data, end);
    return true;
  }
}
