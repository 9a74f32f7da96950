import { roundUp } from '../../../bytes/round.ts';
import { BPF_EXIST, BPF_F_NO_PREALLOC, BPF_NOEXIST, mapTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { Machine } from '../machine.ts';
import { ACCESS_FLAGS, checkFlags, NUMA_FLAG } from './check.ts';
import { LpmNodes } from './lpm-nodes.ts';
import { BpfMap, MAP_HEADER_SIZE, type MapAttr, type MapType } from './map.ts';

/** Bytes of the prefix length that a key starts with, and of the data after it. */
export const PREFIX = 4;
const MAX_DATA = 256;
const MAX_VALUE = 4 * 1024 * 1024;
/** Bytes of Linux's struct lpm_trie_node without data and value, for the memlock figure. */
const NODE_OVERHEAD = 24;

/** BPF_MAP_TYPE_LPM_TRIE: a lookup finds the longest prefix that its key starts with. A key is `u32 length in bits` and the bytes, first bit first. */
export const lpmTrie: MapType = {
  name: 'lpm_trie',
  type: mapTypeNumber.lpm_trie,
  checkBtf: (key) => (key?.kind === 'struct' ? 0 : -errno.EINVAL),
  check({ keySize, valueSize, maxEntries, flags }) {
    const data = keySize - PREFIX;
    if (maxEntries === 0 || (flags & BPF_F_NO_PREALLOC) === 0 || data < 1 || data > MAX_DATA) return -errno.EINVAL;
    if (valueSize === 0 || valueSize > MAX_VALUE) return -errno.EINVAL;
    return checkFlags(flags, BPF_F_NO_PREALLOC | NUMA_FLAG | ACCESS_FLAGS);
  },
  create(machine, attr) {
    const address = machine.memory.alloc(MAP_HEADER_SIZE);
    return address === 0 ? -errno.ENOMEM : new LpmTrie(machine, attr, address);
  },
};

// Offsets in a node; see the picture at LpmTrie.
export const CHILD = 0;
export const LENGTH = 8;
export const FORK = 12;
export const DATA = 16;
// Offsets in the header of the map.
export const ROOT = 32;
export const FREE = 44;
export const COUNT = 48;

/**
 * A tree in which each node's prefix starts with that of its parent, and the bit after it says which child. In linear memory nodes lie in chunks (`LpmNodes`); a free one has the next
 * in its first word. The type's own fields of the header, and a node, of which a fork has a prefix but no value:
 *
 *      32      36        40       44       48              0            8        12         16
 *     ┌───────┬─────────┬────────┬────────┬──────────┐    ┌────────────┬────────┬──────────┬───────────────┬───────────────────────┐
 *     │ root  │ value's │ bytes  │ first  │ prefixes │    │ child[0],  │ prefix │ 1 if a   │ data, padded  │ value, padded         │
 *     │ or 0  │ offset  │ of key │ free   │          │    │ child[1]   │ length │ fork     │ to 8          │ to 8                  │
 *     └───────┴─────────┴────────┴────────┴──────────┘    └────────────┴────────┴──────────┴───────────────┴───────────────────────┘
 *
 * Compiled programs look up, put in and take out by themselves, but for what needs another chunk, and while several CPUs run: then lookups alone.
 */
export class LpmTrie extends BpfMap {
  override readonly batch = ['lookup', 'update', 'delete'] as const;
  readonly #dataSize: number;
  readonly #maxLength: number;
  readonly #valueOffset: number;
  readonly #nodes: LpmNodes;
  // What #walk found: the last node of the way, and the two above it; 0 where there is none.
  #last = 0;
  #above = 0;
  #further = 0;

  constructor(machine: Machine, attr: MapAttr, address: number) {
    super(machine, attr, address);
    this.#dataSize = attr.keySize - PREFIX;
    this.#maxLength = 8 * this.#dataSize;
    this.#valueOffset = DATA + roundUp(this.#dataSize, 8);
    machine.memory.dv.setUint32(address + 36, this.#valueOffset, true);
    machine.memory.dv.setUint32(address + 40, this.#dataSize, true);
    // A fork has two children, so that there are fewer of them than of values; one more is taken while a new value replaces the old one.
    const size = roundUp(this.#valueOffset + attr.valueSize, 8);
    this.#nodes = new LpmNodes(machine, address + FREE, size, 2 * attr.maxEntries);
  }

  lookup(key: number): number {
    const length = this.#lengthOf(key);
    if (length > this.#maxLength) return 0;
    let found = 0;
    this.#walk(key + PREFIX, length, (node) => {
      if (!this.#isFork(node)) found = node;
    });
    return found === 0 ? 0 : found + this.#valueOffset;
  }

  update(key: number, value: number, flags: number): number {
    if (flags > BPF_EXIST) return -errno.EINVAL;
    const length = this.#lengthOf(key);
    if (length > this.#maxLength) return -errno.EINVAL;
    const data = key + PREFIX;
    this.#walk(data, length);
    const last = this.#last;
    const exact = last !== 0 && this.#length(last) === length ? last : 0;
    const isThere = exact !== 0 && !this.#isFork(exact);
    if (isThere && flags === BPF_NOEXIST) return -errno.EEXIST;
    if (!isThere && flags === BPF_EXIST) return -errno.ENOENT;
    if (!isThere && this.#count === this.attr.maxEntries) return -errno.ENOSPC;
    const node = this.#newNode(data, length);
    if (node === 0) return -errno.ENOMEM;
    const { memory } = this.machine;
    memory.copy(node + this.#valueOffset, value, this.attr.valueSize);
    if (exact !== 0) {
      // As on Linux, a pointer to the old value stays what it was until its memory is used again.
      for (const side of [0, 1] as const) this.#setChild(node, side, this.#child(exact, side));
      this.#relink(this.#above, exact, node);
      this.#nodes.give(exact);
    } else if (!this.#insert(node, last, data, length)) {
      this.#nodes.give(node);
      return -errno.ENOMEM;
    }
    if (!isThere) this.#count++;
    return 0;
  }

  /** Puts a node below `parent` (0: at the root), whose prefix it goes on from. False if no memory is left for the fork that this may take. */
  #insert(node: number, parent: number, data: number, length: number): boolean {
    const below = parent === 0 ? this.#root : this.#child(parent, this.#bit(data, this.#length(parent)));
    if (below === 0) {
      this.#attach(parent, data, node);
      return true;
    }
    const common = this.#common(below, data, length);
    if (common === length) {
      // The new prefix is a beginning of the one below.
      this.#setChild(node, this.#bit(below + DATA, length), below);
      this.#attach(parent, data, node);
      return true;
    }
    const fork = this.#newNode(data, common);
    if (fork === 0) return false;
    this.machine.memory.dv.setUint32(fork + FORK, 1, true);
    this.#setChild(fork, this.#bit(data, common), node);
    this.#setChild(fork, this.#bit(below + DATA, common), below);
    this.#attach(parent, data, fork);
    return true;
  }

  delete(key: number): number {
    const length = this.#lengthOf(key);
    if (length > this.#maxLength) return -errno.EINVAL;
    this.#walk(key + PREFIX, length);
    const node = this.#last;
    if (node === 0 || this.#length(node) !== length || this.#isFork(node)) return -errno.ENOENT;
    this.#count--;
    const [left, right] = [this.#child(node, 0), this.#child(node, 1)];
    if (left !== 0 && right !== 0) {
      // Its children still need it; without a value it is a fork.
      this.machine.memory.dv.setUint32(node + FORK, 1, true);
      return 0;
    }
    const parent = this.#above;
    this.#relink(parent, node, left || right);
    this.#nodes.give(node);
    // A fork with one child left is none.
    if (parent !== 0 && this.#isFork(parent) && left === 0 && right === 0) {
      this.#relink(this.#further, parent, this.#child(parent, 0) || this.#child(parent, 1));
      this.#nodes.give(parent);
    }
    return 0;
  }

  /** Longer prefixes come before those that they start with, those with a 0 before those with a 1. */
  nextKey(key: number, next: number): number {
    const after = this.#nodeAfter(key);
    if (after === 0) return -errno.ENOENT;
    const { memory } = this.machine;
    memory.dv.setUint32(next, this.#length(after), true);
    memory.copy(next + PREFIX, after + DATA, this.#dataSize);
    return 0;
  }

  #nodeAfter(key: number): number {
    const length = key === 0 ? Number.POSITIVE_INFINITY : this.#lengthOf(key);
    // The nodes whose prefixes this one starts with, shortest first.
    const path: number[] = [];
    if (length <= this.#maxLength) this.#walk(key + PREFIX, length, (found) => path.push(found));
    let node = path.at(-1) ?? 0;
    if (node === 0 || this.#length(node) !== length || this.#isFork(node)) return this.#leftmost(this.#root);
    for (let i = path.length - 2; i >= 0; i--) {
      const parent = path[i] ?? 0;
      const right = this.#child(parent, 1);
      if (node === this.#child(parent, 0) && right !== 0) return this.#leftmost(right);
      if (!this.#isFork(parent)) return parent;
      node = parent;
    }
    return 0;
  }

  /** The first in order of a node and what is below it: a leaf, and leaves have values. */
  #leftmost(from: number): number {
    let node = from;
    for (let depth = 0; node !== 0 && depth <= this.#maxLength; depth++) {
      const below = this.#child(node, 0) || this.#child(node, 1);
      if (below === 0) return node;
      node = below;
    }
    return node;
  }

  copyOut(key: number, out: number): number {
    const value = this.lookup(key);
    if (value !== 0) this.machine.memory.copy(out, value, this.attr.valueSize);
    return value === 0 ? -errno.ENOENT : 0;
  }

  memoryUsage(): number {
    return this.#count * (NODE_OVERHEAD + this.#dataSize + this.attr.valueSize);
  }

  protected override freeMemory(): void {
    this.#nodes.free();
  }

  /** Goes along the nodes whose prefixes the given one starts with, and leaves the last ones in `#last`, `#above` and `#further`. */
  #walk(data: number, length: number, tell?: (node: number) => void): void {
    this.#last = 0;
    this.#above = 0;
    this.#further = 0;
    let node = this.#root;
    // Lengths grow on the way down; a tree that a program has written over is left where they do not.
    for (let least = 0; node !== 0; ) {
      const own = this.#length(node);
      if (own < least || own > length || this.#common(node, data, length) < own) break;
      tell?.(node);
      this.#further = this.#above;
      this.#above = this.#last;
      this.#last = node;
      if (own === length) break;
      least = own + 1;
      node = this.#child(node, this.#bit(data, own));
    }
  }

  /** How many bits a node's prefix and another have in common. */
  #common(node: number, data: number, length: number): number {
    const { u8 } = this.machine.memory;
    const limit = Math.min(this.#length(node), length);
    for (let byte = 0; 8 * byte < limit; byte++) {
      const differs = (u8[node + DATA + byte] ?? 0) ^ (u8[data + byte] ?? 0);
      if (differs !== 0) return Math.min(8 * byte + Math.clz32(differs) - 24, limit);
    }
    return limit;
  }

  #bit(data: number, index: number): 0 | 1 {
    return ((this.machine.memory.u8[data + (index >> 3)] ?? 0) & (0x80 >> (index & 7))) === 0 ? 0 : 1;
  }

  /** A node without children, of which the value is whatever was there; 0 if no memory is left. */
  #newNode(data: number, length: number): number {
    const { memory } = this.machine;
    const node = this.#nodes.take();
    if (node === 0) return 0;
    memory.clear(node, DATA);
    memory.dv.setUint32(node + LENGTH, length, true);
    memory.copy(node + DATA, data, this.#dataSize);
    return node;
  }

  /** Makes `node` the child of `parent` that `data` goes to, or the root. */
  #attach(parent: number, data: number, node: number): void {
    if (parent === 0) this.machine.memory.dv.setUint32(this.address + ROOT, node, true);
    else this.#setChild(parent, this.#bit(data, this.#length(parent)), node);
  }

  /** Puts another node, or 0, in a node's place. */
  #relink(parent: number, old: number, node: number): void {
    if (parent === 0) this.machine.memory.dv.setUint32(this.address + ROOT, node, true);
    else this.#setChild(parent, this.#child(parent, 0) === old ? 0 : 1, node);
  }

  /** Prefixes that have a value: never more than there can be, whatever a program has written there. */
  get #count(): number {
    return Math.min(this.machine.memory.dv.getUint32(this.address + COUNT, true), this.attr.maxEntries);
  }
  set #count(count: number) {
    this.machine.memory.dv.setUint32(this.address + COUNT, Math.max(count, 0), true);
  }
  get #root(): number {
    return this.#nodes.at(this.address + ROOT);
  }
  #child(node: number, side: 0 | 1): number {
    return this.#nodes.at(node + CHILD + 4 * side);
  }
  #setChild(node: number, side: 0 | 1, child: number): void {
    this.machine.memory.dv.setUint32(node + CHILD + 4 * side, child, true);
  }
  #length(node: number): number {
    return Math.min(this.machine.memory.dv.getUint32(node + LENGTH, true), this.#maxLength);
  }
  #isFork(node: number): boolean {
    return this.machine.memory.dv.getUint32(node + FORK, true) === 1;
  }
  /** The prefix length of a key. */
  #lengthOf(key: number): number {
    return this.machine.memory.dv.getUint32(key, true);
  }
}
