import { errno } from '../../../uapi/errno.ts';
import type { HelperEnv } from '../helpers/helper.ts';
import type { GraphNode, List } from '../objects/graphs.ts';
import { kfunc } from './kfunc.ts';

export const bpf_list_push_front_impl = kfunc(
  'int bpf_list_push_front_impl(struct bpf_list_head *head, struct bpf_list_node *node, void *meta__ign, u64 off)',
  {
    args: ['list_head', 'list_node'],
    underLock: true,
    returns: 'integer',
    call: (env, list, node) => push(env, node, () => list.pushFront(node)),
  },
);

export const bpf_list_push_back_impl = kfunc(
  'int bpf_list_push_back_impl(struct bpf_list_head *head, struct bpf_list_node *node, void *meta__ign, u64 off)',
  {
    args: ['list_head', 'list_node'],
    underLock: true,
    returns: 'integer',
    call: (env, list, node) => push(env, node, () => list.pushBack(node)),
  },
);

export const bpf_list_pop_front = kfunc('struct bpf_list_node *bpf_list_pop_front(struct bpf_list_head *head)', {
  args: ['list_head'],
  underLock: true,
  returns: 'map_value_or_null',
  call: (_env, list) => pop(list, list.first),
});

export const bpf_list_pop_back = kfunc('struct bpf_list_node *bpf_list_pop_back(struct bpf_list_head *head)', {
  args: ['list_head'],
  underLock: true,
  returns: 'map_value_or_null',
  call: (_env, list) => pop(list, list.last),
});

export const bpf_list_front = kfunc('struct bpf_list_node *bpf_list_front(struct bpf_list_head *head)', {
  args: ['list_head'],
  underLock: true,
  returns: 'map_value_or_null',
  call: (_env, list) => list.first?.address ?? 0,
});

export const bpf_list_back = kfunc('struct bpf_list_node *bpf_list_back(struct bpf_list_head *head)', {
  args: ['list_head'],
  underLock: true,
  returns: 'map_value_or_null',
  call: (_env, list) => list.last?.address ?? 0,
});

/** The list or tree takes the caller's reference. One that is in a list or tree already stays there: -EINVAL, and the reference is gone. */
export function push(env: HelperEnv, node: GraphNode, insert: () => void): number {
  if (node.owner !== undefined) {
    env.machine.objects.put(node.object);
    return -errno.EINVAL;
  }
  insert();
  return 0;
}

function pop(list: List, node: GraphNode | undefined): number {
  if (node === undefined) return 0;
  list.remove(node);
  return node.address;
}
