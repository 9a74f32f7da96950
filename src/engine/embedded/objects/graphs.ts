import type { Machine } from '../machine.ts';
import type { KernelObjects } from './objects.ts';
import { RbTree } from './rb-tree.ts';

/** A node of an object, as a list or tree has it. `owner`: the one that it is in. */
export interface GraphNode {
  readonly kind: 'list_node' | 'rb_node';
  readonly address: number;
  /** Address of the object that it is a part of. */
  readonly object: number;
  owner: List | Tree | undefined;
  // Of a list: the neighbours. Of a tree: the children.
  left: GraphNode | undefined;
  right: GraphNode | undefined;
  parent: GraphNode | undefined;
  isRed: boolean;
}

/** A bpf_list_head: nodes in their order. */
export class List {
  readonly kind = 'list_head';
  first: GraphNode | undefined;
  last: GraphNode | undefined;

  pushFront(node: GraphNode): void {
    node.owner = this;
    node.right = this.first;
    if (this.first === undefined) this.last = node;
    else this.first.left = node;
    this.first = node;
  }

  pushBack(node: GraphNode): void {
    node.owner = this;
    node.left = this.last;
    if (this.last === undefined) this.first = node;
    else this.last.right = node;
    this.last = node;
  }

  remove(node: GraphNode): void {
    if (node.left === undefined) this.first = node.right;
    else node.left.right = node.right;
    if (node.right === undefined) this.last = node.left;
    else node.right.left = node.left;
    unlink(node);
  }
}

/** A bpf_rb_root: nodes in the order that the program gives them, in a tree of the shape that Linux gives it. */
export class Tree {
  readonly kind = 'rb_root';
  readonly shape = new RbTree<GraphNode>();

  get first(): GraphNode | undefined {
    return this.shape.first;
  }

  remove(node: GraphNode): void {
    this.shape.remove(node);
    unlink(node);
  }
}

function unlink(node: GraphNode): void {
  node.owner = undefined;
  node.left = undefined;
  node.right = undefined;
  node.parent = undefined;
}

/** The lists and trees in values of maps and in objects, and the nodes of objects, by address. Programs see nothing of how they hang together. */
export class Graphs {
  readonly #machine: Machine;
  readonly #objects: KernelObjects;
  readonly #roots = new Map<number, List | Tree>();
  readonly #nodes = new Map<number, GraphNode>();

  constructor(machine: Machine, objects: KernelObjects) {
    this.#machine = machine;
    this.#objects = objects;
  }

  /** The list or tree at an address; `undefined` if no value of a map and no object has one there. */
  root<K extends 'list_head' | 'rb_root'>(address: number, kind: K): (K extends 'list_head' ? List : Tree) | undefined {
    let root = this.#roots.get(address);
    if (root === undefined) {
      const isField = this.#objects.hasField(address, kind) || this.#machine.fieldAt(address, kind) !== undefined;
      if (!isField) return undefined;
      root = kind === 'list_head' ? new List() : new Tree();
      this.#roots.set(address, root);
    }
    // Its kind is what was asked for, which the table of both cannot say.
    return root.kind === kind ? (root as K extends 'list_head' ? List : Tree) : undefined;
  }

  node(address: number, kind: GraphNode['kind']): GraphNode | undefined {
    const node = this.#nodes.get(address);
    return node?.kind === kind ? node : undefined;
  }

  addNode(address: number, kind: GraphNode['kind'], object: number): void {
    const free = { owner: undefined, left: undefined, right: undefined, parent: undefined, isRed: false };
    this.#nodes.set(address, { kind, address, object, ...free });
  }

  /** The object of a node ends. */
  dropNode(address: number): void {
    const node = this.#nodes.get(address);
    node?.owner?.remove(node);
    this.#nodes.delete(address);
  }

  /** A list or tree ends: what is in it is let go of. */
  endRoot(address: number): void {
    const root = this.#roots.get(address);
    this.#roots.delete(address);
    for (let node = root?.first; node !== undefined; node = root?.first) {
      root?.remove(node);
      this.#objects.put(node.object);
    }
  }
}
