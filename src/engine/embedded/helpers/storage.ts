import { mapTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import { LocalStorageMap } from '../maps/local-storage.ts';
import type { BpfMap } from '../maps/map.ts';
import { type HelperEnv, helper } from './helper.ts';

/** BPF_SK_STORAGE_GET_F_CREATE, BPF_LOCAL_STORAGE_GET_F_CREATE. */
const CREATE = 1;

/** The value of a socket; with {@link CREATE} a new one, of zeros or of what is given, where there is none. 0 if there is none. */
export const sk_storage_get = helper({
  id: 107,
  name: 'sk_storage_get',
  args: ['const_map_ptr', 'sock_or_null', 'map_value_or_null', 'u64'],
  returns: 'map_value_or_null',
  call(env, map, socket, initial, flags) {
    const storage = storageMap(env, map);
    if (storage === undefined || socket === undefined || socket.closed || flags > CREATE) return 0;
    return storage.storageOf(socket, flags === CREATE, initial);
  },
});

export const sk_storage_delete = helper({
  id: 108,
  name: 'sk_storage_delete',
  args: ['const_map_ptr', 'sock_or_null'],
  returns: 'integer',
  call(env, map, socket) {
    const storage = storageMap(env, map);
    return storage === undefined || socket === undefined ? -errno.EINVAL : storage.remove(socket);
  },
});

function storageMap(env: HelperEnv, map: BpfMap): LocalStorageMap | undefined {
  if (map instanceof LocalStorageMap && map.attr.type === mapTypeNumber.sk_storage) return map;
  env.fail('R1 of the call is no map of values of sockets');
  return undefined;
}
