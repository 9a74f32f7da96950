import { roundUp } from '../../../bytes/round.ts';
import { errno } from '../../../uapi/errno.ts';
import { CHILD, DATA, FORK, FREE, LENGTH, type LpmTrie, PREFIX, ROOT } from '../maps/lpm-trie.ts';
import { emitCopy } from './emit-bytes.ts';
import { emitCommonBits, emitSide } from './lpm-trie.ts';
import type { WasmCode } from './wasm-code.ts';

/** Pieces of a function that changes a trie, and the locals that they share. */
export class TrieText {
  readonly code: WasmCode;
  readonly #map: LpmTrie;
  /** Bytes of data. */
  readonly #size: number;
  /** The length of the key's prefix. */
  readonly length: number;
  /** What {@link walk} found: the node with this prefix (`exact` is not 0), or the one that is where it is to be put in, or 0. */
  readonly node: number;
  readonly exact: number;
  /** Bits that its prefix and the key's have in common. */
  readonly common: number;
  /** Address of what leads to it. */
  readonly link: number;
  /** The node above it, or 0, and the address of what leads there. */
  readonly parent: number;
  readonly parentLink: number;
  readonly #own: number;

  constructor(map: LpmTrie, code: WasmCode) {
    this.code = code;
    this.#map = map;
    this.#size = map.attr.keySize - PREFIX;
    const local = () => code.local('i32');
    [this.length, this.node, this.exact, this.common] = [local(), local(), local(), local()];
    [this.link, this.parent, this.parentLink, this.#own] = [local(), local(), local(), local()];
  }

  /** Comes before all else. Returns -EINVAL where the prefix is too long. */
  walk(key: number): void {
    const { code, length, node, common, link } = this;
    const own = this.#own;
    code.get(key);
    code.memory('i32_load', 0);
    code.tee(length);
    code.i32(8 * this.#size);
    code.op('i32_gt_u');
    code.answerIf(-errno.EINVAL);
    code.i32(this.#map.address + ROOT);
    code.set(link);
    code.block('block');
    code.block('loop');
    this.load(link, 0);
    code.tee(node);
    code.op('i32_eqz');
    code.brIf(1);
    this.load(node, LENGTH);
    code.set(own);
    emitCommonBits(code, key, node, this.#size);
    code.tee(common);
    code.get(length);
    code.get(common);
    code.get(length);
    code.op('i32_lt_u');
    code.op('select');
    code.tee(common);
    code.get(own);
    code.op('i32_lt_u');
    code.brIf(1);
    code.get(own);
    code.get(length);
    code.op('i32_eq');
    code.tee(this.exact);
    code.brIf(1);
    code.get(node);
    code.set(this.parent);
    code.get(link);
    code.set(this.parentLink);
    emitSide(code, key, PREFIX, own);
    code.get(node);
    code.op('i32_add');
    code.set(link);
    code.br(0);
    code.end();
    code.end();
  }

  /** Puts a word on the stack. */
  load(from: number, offset: number): void {
    this.code.get(from);
    this.code.memory('i32_load', offset, 2);
  }
  store(to: number, offset: number, value: number): void {
    this.code.get(to);
    this.code.get(value);
    this.code.memory('i32_store', offset, 2);
  }
  header(field: number): void {
    this.code.i32(this.#map.address);
    this.code.memory('i32_load', field, 2);
  }
  setHeader(field: number, value: number): void {
    this.code.i32(this.#map.address);
    this.code.get(value);
    this.code.memory('i32_store', field, 2);
  }
  /** Adds what is on the stack to a word of the header. */
  addToHeader(field: number, by: () => void): void {
    this.code.i32(this.#map.address);
    this.header(field);
    by();
    this.code.op('i32_add');
    this.code.memory('i32_store', field, 2);
  }

  /** Makes a node the child of another for a bit of the data behind an address, or for the other bit. */
  setChild(parent: number, child: number, of: { from: number; offset: number; bit: number; other?: boolean }): void {
    const { code } = this;
    emitSide(code, of.from, of.offset, of.bit);
    if (of.other) {
      code.i32(4);
      code.op('i32_xor');
    }
    code.get(parent);
    code.op('i32_add');
    code.get(child);
    code.memory('i32_store', CHILD, 2);
  }

  /** Writes the prefix of a node, whose length is in a local. */
  writePrefix(node: number, key: number, length: number, fork: 0 | 1): void {
    const { code } = this;
    this.store(node, LENGTH, length);
    code.get(node);
    code.i32(fork);
    code.memory('i32_store', FORK, 2);
    emitCopy(code, node, key, DATA, PREFIX, this.#size);
  }

  writeValue(node: number, value: number): void {
    emitCopy(this.code, node, value, DATA + roundUp(this.#size, 8), 0, this.#map.attr.valueSize);
  }

  /** As `LpmNodes.give`. */
  give(node: number): void {
    this.code.get(node);
    this.header(FREE);
    this.code.memory('i32_store', 0, 2);
    this.setHeader(FREE, node);
  }
}
