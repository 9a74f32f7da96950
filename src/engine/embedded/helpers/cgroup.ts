import { errno } from '../../../uapi/errno.ts';
import type { Cgroup } from '../cgroups/cgroup.ts';
import { CgroupArray } from '../maps/cgroup-array.ts';
import type { BpfMap } from '../maps/map.ts';
import type { Skb } from '../progs/skb.ts';
import { type HelperEnv, helper } from './helper.ts';

export const get_current_cgroup_id = helper({
  id: 80,
  name: 'get_current_cgroup_id',
  args: [],
  returns: 'u32',
  call: (env) => env.machine.cgroup.id,
});

export const get_current_ancestor_cgroup_id = helper({
  id: 123,
  name: 'get_current_ancestor_cgroup_id',
  args: ['anything'],
  returns: 'u32',
  call: (env, level) => env.machine.cgroup.ancestor(level)?.id ?? 0,
});

/** Of the socket that sent the packet; 0 without one. */
export const skb_cgroup_id = helper({
  id: 79,
  name: 'skb_cgroup_id',
  args: ['skb'],
  returns: 'u32',
  call: (env, skb) => cgroupOf(env, skb)?.id ?? 0,
});

export const skb_ancestor_cgroup_id = helper({
  id: 83,
  name: 'skb_ancestor_cgroup_id',
  args: ['skb', 'anything'],
  returns: 'u32',
  call: (env, skb, level) => cgroupOf(env, skb)?.ancestor(level)?.id ?? 0,
});

export const current_task_under_cgroup = helper({
  id: 37,
  name: 'current_task_under_cgroup',
  args: ['const_map_ptr', 'anything'],
  returns: 'integer',
  call: (env, map, index) => isUnder(env, env.machine.cgroup, map, index),
});

export const skb_under_cgroup = helper({
  id: 33,
  name: 'skb_under_cgroup',
  args: ['skb', 'const_map_ptr', 'anything'],
  returns: 'integer',
  call(env, skb, map, index) {
    const cgroup = cgroupOf(env, skb);
    return cgroup === undefined ? -errno.ENOENT : isUnder(env, cgroup, map, index);
  },
});

/** 1 or 0, or -errno: whether a cgroup is the one at `index` of a map, or below it. */
function isUnder(env: HelperEnv, cgroup: Cgroup, map: BpfMap, index: number): number {
  if (!(map instanceof CgroupArray)) return env.fail('the map of the call is no cgroup array');
  if (index >>> 0 >= map.attr.maxEntries) return -errno.E2BIG;
  const other = map.cgroup(index >>> 0);
  if (other === undefined) return -errno.EAGAIN;
  return cgroup.isWithin(other) ? 1 : 0;
}

/** The packet of a test run comes from a socket of the caller's. */
function cgroupOf(env: HelperEnv, skb: Skb): Cgroup | undefined {
  return skb.socketCookie === 0 ? undefined : env.machine.cgroup;
}
