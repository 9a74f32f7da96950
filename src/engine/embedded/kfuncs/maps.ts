import { HashMap } from '../maps/hash.ts';
import { kfunc } from './kfunc.ts';

/** How many elements a hash map has; 0 for maps of other types. */
export const bpf_map_sum_elem_count = kfunc('s64 bpf_map_sum_elem_count(const struct bpf_map *map)', {
  args: ['wide'],
  returns: 'u32',
  call(env, { low, high }) {
    // What iterators show of a map says which it is.
    const shown = env.subject?.kind === 'iter' ? env.machine.kernelStruct('bpf_map').place('id') : undefined;
    const id =
      shown === undefined || high !== 0 || !env.memory.check(low, shown + 4)
        ? 0
        : env.memory.dv.getUint32(low + shown, true);
    const map = (high === 0 ? env.machine.mapAt(low) : undefined) ?? env.machine.maps.get(id);
    return map instanceof HashMap ? map.count : 0;
  },
});
