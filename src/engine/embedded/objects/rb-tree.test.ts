import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type RbNode, RbTree } from './rb-tree.ts';

interface Leaf extends RbNode<Leaf> {
  readonly key: number;
}

function insert(tree: RbTree<Leaf>, key: number): Leaf {
  const leaf: Leaf = { key, left: undefined, right: undefined, parent: undefined, isRed: false };
  let parent: Leaf | undefined;
  let side: 'left' | 'right' = 'left';
  for (let next = tree.root; next !== undefined; next = parent[side]) {
    parent = next;
    side = key < next.key ? 'left' : 'right';
  }
  tree.insert(leaf, parent, side);
  return leaf;
}

/** Black nodes on each way down; throws where that differs, where red is below red, or where a parent is not one. */
function blackHeight(node: Leaf | undefined, parent?: Leaf): number {
  if (node === undefined) return 1;
  expect(node.parent).toBe(parent);
  if (node.isRed) expect(parent?.isRed).toBe(false);
  const height = blackHeight(node.left, node);
  expect(blackHeight(node.right, node)).toBe(height);
  return height + (node.isRed ? 0 : 1);
}

function keys(node: Leaf | undefined): number[] {
  return node === undefined ? [] : [...keys(node.left), node.key, ...keys(node.right)];
}

it('stays a red-black tree in order, whatever comes and goes', () => {
  const steps = fc.array(fc.tuple(fc.boolean(), fc.nat(40)), { maxLength: 120 });
  fc.assert(
    fc.property(steps, (list) => {
      const tree = new RbTree<Leaf>();
      const leaves: Leaf[] = [];
      for (const [adds, number] of list) {
        if (adds || leaves.length === 0) leaves.push(insert(tree, number));
        else for (const leaf of leaves.splice(number % leaves.length, 1)) tree.remove(leaf);
        if (tree.root !== undefined) expect(tree.root.isRed).toBe(false);
        blackHeight(tree.root);
      }
      expect(keys(tree.root)).toEqual(leaves.map(({ key }) => key).sort((a, b) => a - b));
      expect(tree.first?.key).toBe(keys(tree.root)[0]);
    }),
    { seed: 5, numRuns: 200 },
  );
});
