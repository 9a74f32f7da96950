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

export const sk_cgroup_id = helper({
  id: 128,
  name: 'sk_cgroup_id',
  args: ['sock_or_null'],
  returns: 'u32',
  call: (_env, socket) => socket?.cgroup.id ?? 0,
});

export const sk_ancestor_cgroup_id = helper({
  id: 129,
  name: 'sk_ancestor_cgroup_id',
  args: ['sock_or_null', 'anything'],
  returns: 'u32',
  call: (_env, socket, level) => socket?.cgroup.ancestor(level)?.id ?? 0,
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

/** Of the socket that sent the packet; that of a test run comes from one of the caller's. */
function cgroupOf(env: HelperEnv, skb: Skb): Cgroup | undefined {
  if (skb.sender !== undefined) return skb.sender.cgroup;
  return skb.socketCookie === 0 ? undefined : env.machine.cgroup;
}

/** What the call that the programs are run for answers, as far as they have decided. */
export const get_retval = helper({
  id: 186,
  name: 'get_retval',
  args: [],
  returns: 'integer',
  call(env) {
    const { subject } = env;
    if (subject?.kind !== 'cgroup') return env.fail('the program runs for no call');
    return subject.retvalAt === undefined ? subject.retval : env.memory.dv.getInt32(subject.retvalAt, true);
  },
});

export const set_retval = helper({
  id: 187,
  name: 'set_retval',
  args: ['anything'],
  returns: 'integer',
  call(env, value) {
    const { subject } = env;
    if (subject?.kind !== 'cgroup') return env.fail('the program runs for no call');
    subject.retval = value;
    if (subject.retvalAt !== undefined) env.memory.dv.setInt32(subject.retvalAt, value, true);
    return 0;
  },
});
