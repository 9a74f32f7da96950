import { mapTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import { CgroupStorageMap } from '../maps/cgroup-storage.ts';
import { LocalStorageMap } from '../maps/local-storage.ts';
import type { BpfMap } from '../maps/map.ts';
import { answer64, type HelperEnv, helper } from './helper.ts';

/** BPF_SK_STORAGE_GET_F_CREATE, BPF_LOCAL_STORAGE_GET_F_CREATE. */
const CREATE = 1;

/** The value of a socket; with {@link CREATE} a new one, of zeros or of what is given, where there is none. 0 if there is none. */
export const sk_storage_get = helper({
  id: 107,
  name: 'sk_storage_get',
  args: ['const_map_ptr', 'sock_or_null', 'map_value_or_null', 'u64'],
  returns: 'map_value_or_null',
  call: (env, map, socket, initial, flags) =>
    obtain(storageMap(env, map, 'sk_storage'), socket?.closed ? undefined : socket, initial, flags),
});

export const sk_storage_delete = helper({
  id: 108,
  name: 'sk_storage_delete',
  args: ['const_map_ptr', 'sock_or_null'],
  returns: 'integer',
  call: (env, map, socket) => remove(storageMap(env, map, 'sk_storage'), socket),
});

/** The running process as a task: what the helpers below take. */
export const get_current_task_btf = helper({
  id: 158,
  name: 'get_current_task_btf',
  gplOnly: true,
  args: [],
  returns: 'map_value_or_null',
  call: (env) => env.machine.task?.task ?? 0,
});

/** The same as a number. */
export const get_current_task = helper({
  id: 35,
  name: 'get_current_task',
  gplOnly: true,
  args: [],
  returns: 'u64',
  call: (env) => answer64(env, BigInt(env.machine.task?.task ?? 0)),
});

export const task_storage_get = helper({
  id: 156,
  name: 'task_storage_get',
  args: ['const_map_ptr', 'task_or_null', 'map_value_or_null', 'u64'],
  returns: 'map_value_or_null',
  call: (env, map, task, initial, flags) => obtain(storageMap(env, map, 'task_storage'), task, initial, flags),
});

export const task_storage_delete = helper({
  id: 157,
  name: 'task_storage_delete',
  args: ['const_map_ptr', 'task_or_null'],
  returns: 'integer',
  call: (env, map, task) => remove(storageMap(env, map, 'task_storage'), task),
});

/** Of a cgroup that was removed there is no new value. */
export const cgrp_storage_get = helper({
  id: 210,
  name: 'cgrp_storage_get',
  args: ['const_map_ptr', 'cgroup_or_null', 'map_value_or_null', 'u64'],
  returns: 'map_value_or_null',
  call: (env, map, cgroup, initial, flags) =>
    obtain(storageMap(env, map, 'cgrp_storage'), cgroup?.gone ? undefined : cgroup, initial, flags),
});

export const cgrp_storage_delete = helper({
  id: 211,
  name: 'cgrp_storage_delete',
  args: ['const_map_ptr', 'cgroup_or_null'],
  returns: 'integer',
  call: (env, map, cgroup) => remove(storageMap(env, map, 'cgrp_storage'), cgroup),
});

/** The value of the place in a cgroup where the program is attached. */
export const get_local_storage = helper({
  id: 81,
  name: 'get_local_storage',
  args: ['const_map_ptr', 'u64'],
  returns: 'map_value_or_null',
  call(env, map, flags) {
    const { storagePlace } = env.machine;
    if (!(map instanceof CgroupStorageMap) || flags !== 0)
      return env.fail('the call is of no cgroup_storage map, or its flags are not 0');
    const value = storagePlace === undefined ? 0 : map.storageOf(storagePlace);
    return value === 0 ? env.fail('the program is not attached to a cgroup with this map') : value;
  },
});

function obtain(
  storage: LocalStorageMap | undefined,
  owner: object | undefined,
  initial: number,
  flags: number,
): number {
  if (storage === undefined || owner === undefined || flags > CREATE) return 0;
  return storage.storageOf(owner, flags === CREATE, initial);
}

function remove(storage: LocalStorageMap | undefined, owner: object | undefined): number {
  return storage === undefined || owner === undefined ? -errno.EINVAL : storage.remove(owner);
}

function storageMap(
  env: HelperEnv,
  map: BpfMap,
  type: 'sk_storage' | 'task_storage' | 'cgrp_storage',
): LocalStorageMap | undefined {
  if (map instanceof LocalStorageMap && map.attr.type === mapTypeNumber[type]) return map;
  env.fail(`R1 of the call is no ${type} map`);
  return undefined;
}
