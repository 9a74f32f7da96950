import type { Machine } from '../machine.ts';

/** Nodes of the first chunk. */
const FIRST_CHUNK = 8;
/** Bytes of a chunk at most, unless one node has more. */
const MAX_CHUNK = 65536;

/**
 * The nodes of a trie, in chunks that each have as many as all before, up to a limit. Those that are free are a list through their first words, the last that came being the first that goes; its head is in the
 * header of the map, and compiled programs take from it and give back by themselves. Which addresses are nodes is kept outside of linear memory.
 *
 * While several CPUs run, others may stand on a node that has left the trie: it is not used again before they are done.
 */
export class LpmNodes {
  readonly #machine: Machine;
  /** Address of the list's head. */
  readonly #head: number;
  readonly #size: number;
  readonly #most: number;
  readonly #nodes = new Set<number>();
  readonly #chunks: number[] = [];
  /** Nodes in blocks of their own: what came while several CPUs ran. */
  readonly #alone = new Set<number>();
  /** Nodes of chunks that left the trie meanwhile. */
  readonly #waiting: number[] = [];

  /** `size`: bytes of a node. `most`: nodes that there are ever need of at once. */
  constructor(machine: Machine, head: number, size: number, most: number) {
    this.#machine = machine;
    this.#head = head;
    this.#size = size;
    this.#most = most;
  }

  /** The node that a word of memory leads to, or 0. A program can write over links: those that lead to no node are none. */
  at(address: number): number {
    const node = this.#machine.memory.dv.getUint32(address, true);
    return this.#nodes.has(node) ? node : 0;
  }

  /** A free node, in which is whatever was; 0 if no memory is left. */
  take(): number {
    if (this.at(this.#head) === 0) {
      if (this.#machine.sharing) return this.#takeAlone();
      this.#fill();
    }
    const node = this.at(this.#head);
    if (node !== 0) this.#machine.memory.dv.setUint32(this.#head, this.at(node), true);
    return node;
  }

  /** Gives back a node that is not in the trie any more. */
  give(node: number): void {
    const { memory, sharing } = this.#machine;
    if (!this.#nodes.has(node)) return;
    if (!sharing) this.#list(node);
    else if (this.#alone.delete(node)) {
      this.#nodes.delete(node);
      memory.free(node);
    } else this.#waiting.push(node);
  }

  /** Gives back the memory of all. */
  free(): void {
    for (const block of [...this.#chunks, ...this.#alone]) this.#machine.memory.free(block);
  }

  #list(node: number): void {
    const { dv } = this.#machine.memory;
    dv.setUint32(node, this.at(this.#head), true);
    dv.setUint32(this.#head, node, true);
  }

  #fill(): void {
    const waiting = this.#waiting.splice(0);
    for (const node of waiting.length > 0 ? waiting : this.#newChunk()) this.#list(node);
  }

  /** The nodes of another chunk, the last first. More than there is need of come only where a program has written over links. */
  #newChunk(): number[] {
    const known = this.#nodes.size;
    const fit = Math.max(1, Math.floor(MAX_CHUNK / this.#size));
    const wanted = Math.min(Math.max(known, FIRST_CHUNK), fit, this.#most - known);
    for (const count of wanted > 1 ? [wanted, 1] : [wanted]) {
      const chunk = count <= 0 ? 0 : this.#machine.memory.alloc(count * this.#size);
      if (chunk === 0) continue;
      this.#chunks.push(chunk);
      const nodes = Array.from({ length: count }, (_, i) => chunk + (count - 1 - i) * this.#size);
      for (const node of nodes) this.#nodes.add(node);
      return nodes;
    }
    return [];
  }

  #takeAlone(): number {
    const node = this.#machine.memory.alloc(this.#size);
    if (node === 0) return 0;
    this.#nodes.add(node);
    this.#alone.add(node);
    return node;
  }
}
