/** What a node of a red-black tree has. */
export interface RbNode<N> {
  left: N | undefined;
  right: N | undefined;
  parent: N | undefined;
  isRed: boolean;
}

type Side = 'left' | 'right';
const OTHER = { left: 'right', right: 'left' } as const;

/** A red-black tree whose shape programs may see: insertion and removal are those of the textbook (Cormen et al.), and so are Linux's. */
export class RbTree<N extends RbNode<N>> {
  root: N | undefined;

  get first(): N | undefined {
    return this.root && leftmost(this.root);
  }

  /** Hangs a node below another, where there is none; without one it is the root. */
  insert(node: N, parent: N | undefined, side: Side): void {
    node.parent = parent;
    node.left = undefined;
    node.right = undefined;
    node.isRed = true;
    if (parent === undefined) this.root = node;
    else parent[side] = node;
    this.#balanceInserted(node);
  }

  remove(node: N): void {
    const { left, right } = node;
    let lost: N | undefined = node;
    let above = node.parent;
    let child: N | undefined;
    if (left === undefined || right === undefined) {
      child = left ?? right;
      this.#replace(node, child);
    } else {
      lost = leftmost(right);
      child = lost.right;
      above = lost === right ? lost : lost.parent;
      if (lost !== right) {
        this.#replace(lost, child);
        lost.right = right;
        right.parent = lost;
      }
      this.#replace(node, lost);
      lost.left = left;
      left.parent = lost;
      [lost.isRed, node.isRed] = [node.isRed, lost.isRed];
      lost = node; // whose colour is the one that is gone
    }
    if (lost.isRed) return;
    if (child?.isRed === true) child.isRed = false;
    else this.#balanceRemoved(child, above);
  }

  #balanceInserted(inserted: N): void {
    let node = inserted;
    for (;;) {
      const { parent } = node;
      if (parent === undefined) {
        node.isRed = false;
        return;
      }
      const above = parent.parent;
      if (!parent.isRed || above === undefined) return;
      const side: Side = above.left === parent ? 'left' : 'right';
      const uncle = above[OTHER[side]];
      if (uncle?.isRed === true) {
        parent.isRed = false;
        uncle.isRed = false;
        above.isRed = true;
        node = above;
        continue;
      }
      if (parent[OTHER[side]] === node) {
        this.#rotate(parent, side);
        node.isRed = false;
      } else {
        parent.isRed = false;
      }
      above.isRed = true;
      this.#rotate(above, OTHER[side]);
      return;
    }
  }

  /** The paths through `child`, below `parent`, have one black node less than the others. */
  #balanceRemoved(child: N | undefined, below: N | undefined): void {
    let node = child;
    let parent = below;
    while (parent !== undefined) {
      const side: Side = parent.left === node ? 'left' : 'right';
      let sibling = parent[OTHER[side]];
      if (sibling?.isRed === true) {
        sibling.isRed = false;
        parent.isRed = true;
        this.#rotate(parent, side);
        sibling = parent[OTHER[side]];
      }
      if (sibling === undefined) return;
      const [near, far] = [sibling[side], sibling[OTHER[side]]];
      if (near?.isRed !== true && far?.isRed !== true) {
        sibling.isRed = true;
        if (parent.isRed) {
          parent.isRed = false;
          return;
        }
        node = parent;
        parent = node.parent;
        continue;
      }
      let top = sibling;
      if (far?.isRed !== true && near !== undefined) {
        this.#rotate(sibling, OTHER[side]);
        top = near;
      } else if (far !== undefined) far.isRed = false;
      top.isRed = parent.isRed;
      parent.isRed = false;
      this.#rotate(parent, side);
      return;
    }
  }

  /** Turns a node down to a side; its child of the other side takes its place. */
  #rotate(node: N, side: Side): void {
    const up = node[OTHER[side]];
    if (up === undefined) return;
    const inner = up[side];
    node[OTHER[side]] = inner;
    if (inner !== undefined) inner.parent = node;
    this.#replace(node, up);
    up[side] = node;
    node.parent = up;
  }

  #replace(node: N, by: N | undefined): void {
    const { parent } = node;
    if (parent === undefined) this.root = by;
    else if (parent.left === node) parent.left = by;
    else parent.right = by;
    if (by !== undefined) by.parent = parent;
  }
}

function leftmost<N extends RbNode<N>>(top: N): N {
  let node = top;
  while (node.left !== undefined) node = node.left;
  return node;
}
