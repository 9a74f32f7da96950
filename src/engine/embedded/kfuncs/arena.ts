import { errno } from '../../../uapi/errno.ts';
import { ArenaMap } from '../maps/arena.ts';
import { kfunc } from './kfunc.ts';

// The node of memory that is asked for says nothing here: there is one.

export const bpf_arena_alloc_pages = kfunc(
  'void *bpf_arena_alloc_pages(void *p__map, void *addr__ign, u32 page_cnt, int node_id, u64 flags)',
  {
    args: ['const_map_ptr', 'wide', 'anything', 'anything', 'wide'],
    returns: 'u64',
    call(env, map, address, count, _node, flags) {
      env.resultHigh = 0;
      if (!(map instanceof ArenaMap) || flags.low !== 0 || flags.high !== 0) return 0;
      const low = map.allocate(address, count >>> 0);
      if (low === undefined) return 0;
      env.resultHigh = map.userHigh | 0;
      return low;
    },
  },
);

export const bpf_arena_free_pages = kfunc('void bpf_arena_free_pages(void *p__map, void *ptr__ign, u32 page_cnt)', {
  args: ['const_map_ptr', 'wide', 'anything'],
  returns: 'void',
  call(_env, map, address, count) {
    const isNull = address.low === 0 && address.high === 0;
    if (map instanceof ArenaMap && !isNull) map.release(address.low, count >>> 0);
    return 0;
  },
});

export const bpf_arena_reserve_pages = kfunc(
  'int bpf_arena_reserve_pages(void *p__map, void *ptr__ign, u32 page_cnt)',
  {
    args: ['const_map_ptr', 'wide', 'anything'],
    returns: 'u32',
    call: (_env, map, address, count) => (map instanceof ArenaMap ? map.setAside(address, count >>> 0) : -errno.EINVAL),
  },
);
