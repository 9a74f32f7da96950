import { helper } from './helper.ts';

/** Chooses the socket of a map's entry for the packet. */
export const sk_select_reuseport = helper({
  id: 82,
  name: 'sk_select_reuseport',
  args: ['ctx', 'const_map_ptr', 'map_key', 'u64'],
  returns: 'integer',
  call(env, _context, map, key, flags) {
    const { subject } = env;
    if (subject?.kind !== 'sk_reuseport') return env.fail('this program has no socket to choose');
    return subject.select(map, key, flags);
  },
});
