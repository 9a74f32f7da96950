import { helper } from './helper.ts';

export const map_lookup_elem = helper({
  id: 1,
  name: 'map_lookup_elem',
  args: ['const_map_ptr', 'map_key'],
  returns: 'map_value_or_null',
  call: (_env, map, key) => map.lookup(key),
});

export const map_update_elem = helper({
  id: 2,
  name: 'map_update_elem',
  args: ['const_map_ptr', 'map_key', 'map_value', 'u64'],
  returns: 'integer',
  call: (_env, map, key, value, flags) => map.update(key, value, flags),
});

export const map_delete_elem = helper({
  id: 3,
  name: 'map_delete_elem',
  args: ['const_map_ptr', 'map_key'],
  returns: 'integer',
  call: (_env, map, key) => map.delete(key),
});
