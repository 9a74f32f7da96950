import type { HelperEnv } from '../helpers/helper.ts';
import type { GraphNode, Tree } from '../objects/graphs.ts';
import { kfunc } from './kfunc.ts';
import { push } from './list.ts';

/** `less`: a function of the program that says whether one node comes before another. Equal ones stay in the order in which they came. */
export const bpf_rbtree_add_impl = kfunc(
  'int bpf_rbtree_add_impl(struct bpf_rb_root *root, struct bpf_rb_node *node, ' +
    'bool (*less)(struct bpf_rb_node *a, const struct bpf_rb_node *b), void *meta__ign, u64 off)',
  {
    args: ['rb_root', 'rb_node', 'func'],
    underLock: true,
    returns: 'integer',
    call: (env, tree, node, less) => push(env, node, () => add(env, tree, node, less)),
  },
);

export const bpf_rbtree_remove = kfunc(
  'struct bpf_rb_node *bpf_rbtree_remove(struct bpf_rb_root *root, struct bpf_rb_node *node)',
  {
    args: ['rb_root', 'rb_node'],
    underLock: true,
    returns: 'map_value_or_null',
    call(_env, tree, node) {
      if (node.owner !== tree) return 0;
      tree.remove(node);
      return node.address;
    },
  },
);

export const bpf_rbtree_first = kfunc('struct bpf_rb_node *bpf_rbtree_first(struct bpf_rb_root *root)', {
  args: ['rb_root'],
  underLock: true,
  returns: 'map_value_or_null',
  call: (_env, tree) => tree.first?.address ?? 0,
});

export const bpf_rbtree_root = kfunc('struct bpf_rb_node *bpf_rbtree_root(struct bpf_rb_root *root)', {
  args: ['rb_root'],
  underLock: true,
  returns: 'map_value_or_null',
  call: (_env, tree) => tree.shape.root?.address ?? 0,
});

export const bpf_rbtree_left = kfunc(
  'struct bpf_rb_node *bpf_rbtree_left(struct bpf_rb_root *root, struct bpf_rb_node *node)',
  {
    args: ['rb_root', 'rb_node'],
    underLock: true,
    returns: 'map_value_or_null',
    call: (_env, tree, node) => (node.owner === tree ? (node.left?.address ?? 0) : 0),
  },
);

export const bpf_rbtree_right = kfunc(
  'struct bpf_rb_node *bpf_rbtree_right(struct bpf_rb_root *root, struct bpf_rb_node *node)',
  {
    args: ['rb_root', 'rb_node'],
    underLock: true,
    returns: 'map_value_or_null',
    call: (_env, tree, node) => (node.owner === tree ? (node.right?.address ?? 0) : 0),
  },
);

const NO_CONTEXT = { low: 0, high: 0 };

function add(env: HelperEnv, tree: Tree, node: GraphNode, less: number): void {
  let parent: GraphNode | undefined;
  let side: 'left' | 'right' = 'left';
  for (let next = tree.shape.root; next !== undefined; next = parent[side]) {
    parent = next;
    side = env.callback(less, NO_CONTEXT, node.address, next.address) !== 0 ? 'left' : 'right';
    if (env.fault !== undefined) return;
    // A program that nobody has shown safe may change the tree meanwhile.
    if (parent.owner !== tree || node.owner !== undefined) {
      env.fail('the tree was changed by who says the order');
      return;
    }
  }
  if (env.machine.objects.graphs.node(node.address, 'rb_node') !== node || parent?.[side] !== undefined) {
    env.fail('the tree was changed by who says the order');
    return;
  }
  node.owner = tree;
  tree.shape.insert(node, parent, side);
}
