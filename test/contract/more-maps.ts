import type { BpfAttr } from '../../src/uapi/attr.ts';
import { mapTypeNumber } from '../../src/uapi/bpf.ts';
import type { Fd } from '../../src/uapi/fd.ts';
import { bpfMapInfo } from '../../src/uapi/info.ts';
import { number, outcome, type Session, u32, u64 } from './session.ts';
import type { Row } from './suite.ts';

type Attr = BpfAttr<'BPF_MAP_CREATE'>;
const [NOEXIST, EXIST] = [1n, 2n];
const [NO_PREALLOC, NUMA, RDONLY_PROG, MMAPABLE, INNER_MAP, ZERO_SEED] = [1, 4, 128, 1024, 4096, 64];

const T = mapTypeNumber;
const QUEUE: Attr = { map_type: T.queue, key_size: 0, value_size: 8, max_entries: 3 };
const STACK: Attr = { ...QUEUE, map_type: T.stack };
const BLOOM: Attr = { ...QUEUE, map_type: T.bloom_filter, max_entries: 100 };
const LPM: Attr = { map_type: T.lpm_trie, key_size: 8, value_size: 8, max_entries: 8, map_flags: NO_PREALLOC };
const RING: Attr = { map_type: T.ringbuf, key_size: 0, value_size: 0, max_entries: 4096 };

const DEVMAP: Attr = { map_type: T.devmap, key_size: 4, value_size: 4, max_entries: 4 };
const DEVHASH: Attr = { ...DEVMAP, map_type: T.devmap_hash };
const CPUMAP: Attr = { ...DEVMAP, map_type: T.cpumap, max_entries: 2 };
const PERF: Attr = { ...DEVMAP, map_type: T.perf_event_array };
/** The loopback device of every network namespace. */
const LO = 1;

/** The output of programs on CPU 0. */
const event = (s: Session): Fd =>
  s.own(s.kernel.perfEventOpen({ type: 1, config: 10n, sample_type: 1n << 10n, sample_period: 1n }, -1, 0, -1, 0));

/** Puts an event in through one file of a map, closes that, and takes the event out through another. */
function slotAfterClose(s: Session, map_flags: number): unknown {
  const map = s.create({ ...PERF, map_flags });
  const other = s.own(s.kernel.bpf('BPF_MAP_GET_FD_BY_ID', { map_id: s.mapId(map) }));
  s.update(map, 0, u32(event(s)));
  s.close(map);
  return outcome(() => s.delete(other, 0));
}

const makes = (attr: Attr) => (s: Session) => void s.create(attr);

// What maps without keys are given.
const push = (s: Session, map_fd: Fd, value: number, flags = 0n) =>
  s.kernel.bpf('BPF_MAP_UPDATE_ELEM', { map_fd, value: u64(value), flags });
function peek(s: Session, map_fd: Fd): number {
  const value = new Uint8Array(8);
  s.kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd, value });
  return number(value);
}
function pop(s: Session, map_fd: Fd): number {
  const value = new Uint8Array(8);
  s.kernel.bpf('BPF_MAP_LOOKUP_AND_DELETE_ELEM', { map_fd, value });
  return number(value);
}
const isIn = (s: Session, map_fd: Fd, value: number) =>
  outcome(() => void s.kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd, value: u64(value) }));

/** A prefix of a 4-byte key. */
function prefix(length: number, ...data: number[]): Uint8Array {
  const key = new Uint8Array(8);
  key.set(u32(length));
  key.set(data, 4);
  return key;
}
const put = (s: Session, map_fd: Fd, key: Uint8Array, value: number, flags = 0n) =>
  s.kernel.bpf('BPF_MAP_UPDATE_ELEM', { map_fd, key, value: u64(value), flags });
function get(s: Session, map_fd: Fd, key: Uint8Array): number {
  const value = new Uint8Array(8);
  s.kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd, key, value });
  return number(value);
}
const remove = (s: Session, map_fd: Fd, key: Uint8Array) => s.kernel.bpf('BPF_MAP_DELETE_ELEM', { map_fd, key });
/** All keys in order, as `length/data`. */
function walk(s: Session, map_fd: Fd): string[] {
  const seen: string[] = [];
  const next_key = new Uint8Array(8);
  let key: Uint8Array | undefined;
  while (outcome(() => s.kernel.bpf('BPF_MAP_GET_NEXT_KEY', { map_fd, key, next_key })) === 'ok') {
    seen.push(`${number(next_key)}/${[...next_key.subarray(4)].join('.')}`);
    key = next_key.slice();
    if (seen.length > 100) break;
  }
  return seen;
}
const ROUTES = [
  prefix(8, 10),
  prefix(16, 10, 1),
  prefix(24, 10, 1, 2),
  prefix(0),
  prefix(9, 10, 128),
  prefix(32, 192, 168, 0, 1),
];
function routes(s: Session): Fd {
  const fd = s.create(LPM);
  ROUTES.forEach((key, i) => void put(s, fd, key, i + 1));
  return fd;
}

const innerArray = (s: Session, attr: Attr = {}) => s.map('array', attr);
const OUTER: Attr = { key_size: 4, value_size: 4, max_entries: 4 };
function outer(s: Session, type: 'array_of_maps' | 'hash_of_maps', inner: Fd, attr: Attr = {}): Fd {
  return s.create({ ...OUTER, map_type: T[type], inner_map_fd: inner, ...attr });
}
const insert = (s: Session, map: Fd, key: number, inner: Fd | number, flags = 0n) =>
  s.update(map, key, u32(inner), flags);

// biome-ignore format: aligned table
export const moreMapRows: readonly Row[] = [
  ['queue',                              makes(QUEUE),                                                  'ok'],
  ['queue: with a key',                  makes({ ...QUEUE, key_size: 4 }),                              'EINVAL'],
  ['queue: no value',                    makes({ ...QUEUE, value_size: 0 }),                            'EINVAL'],
  ['queue: no entries',                  makes({ ...QUEUE, max_entries: 0 }),                           'EINVAL'],
  ['queue: NO_PREALLOC',                 makes({ ...QUEUE, map_flags: NO_PREALLOC }),                   'EINVAL'],
  ['queue: on a node',                   makes({ ...QUEUE, map_flags: NUMA }),                          'ok'],
  ['queue: RDONLY_PROG',                 makes({ ...QUEUE, map_flags: RDONLY_PROG }),                   'ok'],
  ['queue: a value of 5 MiB',            makes({ ...QUEUE, value_size: 5 * 2 ** 20 }),                  'E2BIG'],
  ['queue: oldest first', (s) => {
    const fd = s.create(QUEUE);
    for (const n of [1, 2, 3]) push(s, fd, n);
    return [peek(s, fd), pop(s, fd), pop(s, fd), pop(s, fd), outcome(() => pop(s, fd)), outcome(() => peek(s, fd))];
  }, [1, 1, 2, 3, 'ENOENT', 'ENOENT']],
  ['stack: newest first', (s) => {
    const fd = s.create(STACK);
    for (const n of [1, 2, 3]) push(s, fd, n);
    return [peek(s, fd), pop(s, fd), pop(s, fd), pop(s, fd), outcome(() => pop(s, fd)), outcome(() => peek(s, fd))];
  }, [3, 3, 2, 1, 'ENOENT', 'ENOENT']],
  ...([['queue', QUEUE], ['stack', STACK]] as const).flatMap(([name, attr]): Row[] => [
    [`${name}: full`, (s) => {
      const fd = s.create(attr);
      for (const n of [1, 2, 3]) push(s, fd, n);
      push(s, fd, 4);
    }, 'E2BIG'],
    [`${name}: EXIST drops the oldest when full`, (s) => {
      const fd = s.create(attr);
      for (const n of [1, 2, 3, 4]) push(s, fd, n, EXIST);
      return [pop(s, fd), pop(s, fd), pop(s, fd), outcome(() => pop(s, fd))];
    }, name === 'queue' ? [2, 3, 4, 'ENOENT'] : [4, 3, 2, 'ENOENT']],
    [`${name}: NOEXIST`,                 (s) => push(s, s.create(attr), 1, NOEXIST),                    'EINVAL'],
    [`${name}: an unknown flag`,         (s) => push(s, s.create(attr), 1, 8n),                         'EINVAL'],
    [`${name}: a key`,                   (s) => s.update(s.create(attr), 0, 1),                         'EINVAL'],
    [`${name}: lookup with a key`,       (s) => s.lookup(s.create(attr), 0),                            'EINVAL'],
    [`${name}: delete`,                  (s) => s.kernel.bpf('BPF_MAP_DELETE_ELEM', { map_fd: s.create(attr) }), 'EINVAL'],
    [`${name}: next key`,                (s) => s.kernel.bpf('BPF_MAP_GET_NEXT_KEY', { map_fd: s.create(attr), next_key: new Uint8Array(8) }), 'EINVAL'],
    [`${name}: goes round`, (s) => {
      const fd = s.create(attr);
      const seen: number[] = [];
      for (let n = 0; n < 10; n++) {
        push(s, fd, n);
        seen.push(pop(s, fd));
      }
      return seen;
    }, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
  ]),

  ['bloom_filter',                       makes(BLOOM),                                                  'ok'],
  ['bloom_filter: with a key',           makes({ ...BLOOM, key_size: 4 }),                              'EINVAL'],
  ['bloom_filter: 15 hashes',            makes({ ...BLOOM, map_extra: 15n }),                           'ok'],
  ['bloom_filter: 16 hashes',            makes({ ...BLOOM, map_extra: 16n }),                           'EINVAL'],
  ['bloom_filter: ZERO_SEED',            makes({ ...BLOOM, map_flags: ZERO_SEED }),                     'ok'],
  ['bloom_filter: NO_PREALLOC',          makes({ ...BLOOM, map_flags: NO_PREALLOC }),                   'EINVAL'],
  ['bloom_filter: no entries',           makes({ ...BLOOM, max_entries: 0 }),                           'EINVAL'],
  ['bloom_filter: knows what was put in', (s) => {
    const fd = s.create(BLOOM);
    for (let n = 0; n < 100; n++) push(s, fd, n);
    return Array.from({ length: 100 }, (_, n) => isIn(s, fd, n)).every((is) => is === 'ok');
  }, true],
  ['bloom_filter: an empty one knows nothing', (s) => isIn(s, s.create(BLOOM), 7),                      'ENOENT'],
  ['bloom_filter: hardly ever errs', (s) => {
    const fd = s.create(BLOOM);
    for (let n = 0; n < 100; n++) push(s, fd, n);
    return Array.from({ length: 400 }, (_, n) => isIn(s, fd, 1000 + n)).filter((is) => is === 'ok').length < 40;
  }, true],
  ['bloom_filter: EXIST',                (s) => push(s, s.create(BLOOM), 1, EXIST),                     'EINVAL'],
  ['bloom_filter: NOEXIST',              (s) => push(s, s.create(BLOOM), 1, NOEXIST),                   'EINVAL'],
  ['bloom_filter: delete',               (s) => s.kernel.bpf('BPF_MAP_DELETE_ELEM', { map_fd: s.create(BLOOM) }), 'EOPNOTSUPP'],
  ['bloom_filter: next key',             (s) => s.kernel.bpf('BPF_MAP_GET_NEXT_KEY', { map_fd: s.create(BLOOM), next_key: new Uint8Array(8) }), 'EOPNOTSUPP'],
  ['bloom_filter: take',                 (s) => pop(s, s.create(BLOOM)),                                'ENOTSUPP'],

  ['lpm_trie',                           makes(LPM),                                                    'ok'],
  ['lpm_trie: preallocated',             makes({ ...LPM, map_flags: 0 }),                               'EINVAL'],
  ['lpm_trie: no data in the key',       makes({ ...LPM, key_size: 4 }),                                'EINVAL'],
  ['lpm_trie: 1 byte of data',           makes({ ...LPM, key_size: 5 }),                                'ok'],
  ['lpm_trie: 256 bytes of data',        makes({ ...LPM, key_size: 260 }),                              'ok'],
  ['lpm_trie: 257 bytes of data',        makes({ ...LPM, key_size: 261 }),                              'EINVAL'],
  ['lpm_trie: no value',                 makes({ ...LPM, value_size: 0 }),                              'EINVAL'],
  ['lpm_trie: RDONLY_PROG',              makes({ ...LPM, map_flags: NO_PREALLOC | RDONLY_PROG }),       'ok'],
  ['lpm_trie: ZERO_SEED',                makes({ ...LPM, map_flags: NO_PREALLOC | ZERO_SEED }),         'EINVAL'],
  ['lpm_trie: the longest prefix', (s) => {
    const fd = routes(s);
    const keys = [prefix(32, 10, 1, 2, 3), prefix(32, 10, 1, 9, 9), prefix(32, 10, 9, 9, 9), prefix(32, 10, 200, 0, 0), prefix(32, 11, 0, 0, 0), prefix(32, 192, 168, 0, 1)];
    return keys.map((key) => get(s, fd, key));
  }, [3, 2, 1, 5, 4, 6]],
  ['lpm_trie: no longer than the key',   (s) => get(s, routes(s), prefix(16, 10, 1, 2, 3)),             2],
  ['lpm_trie: nothing fits', (s) => {
    const fd = s.create(LPM);
    put(s, fd, prefix(8, 10), 1);
    get(s, fd, prefix(32, 11));
  }, 'ENOENT'],
  ['lpm_trie: an empty one',             (s) => get(s, s.create(LPM), prefix(32, 11)),                  'ENOENT'],
  ['lpm_trie: bits after the prefix do not count', (s) => {
    const fd = s.create(LPM);
    put(s, fd, prefix(8, 10, 1, 2, 3), 1);
    put(s, fd, prefix(8, 10, 9, 9, 9), 2, EXIST);
    return [get(s, fd, prefix(32, 10, 5)), walk(s, fd)];
  }, [2, ['8/10.9.9.9']]],
  ['lpm_trie: a prefix longer than the key', (s) => put(s, s.create(LPM), prefix(33, 1), 1),            'EINVAL'],
  ['lpm_trie: lookup of such a one',     (s) => get(s, routes(s), prefix(33, 10)),                      'ENOENT'],
  ['lpm_trie: delete of such a one',     (s) => remove(s, routes(s), prefix(33, 10)),                   'EINVAL'],
  ['lpm_trie: NOEXIST on what is there', (s) => put(s, routes(s), prefix(8, 10), 1, NOEXIST),           'EEXIST'],
  ['lpm_trie: EXIST on what is not',     (s) => put(s, routes(s), prefix(12, 10), 1, EXIST),            'ENOENT'],
  ['lpm_trie: EXIST on a fork',          (s) => put(s, routes(s), prefix(1), 1, EXIST),                 'ENOENT'],
  ['lpm_trie: an unknown flag',          (s) => put(s, routes(s), prefix(12, 10), 1, 8n),               'EINVAL'],
  ['lpm_trie: full', (s) => {
    const fd = s.create({ ...LPM, max_entries: 2 });
    put(s, fd, prefix(8, 1), 1);
    put(s, fd, prefix(8, 2), 1);
    put(s, fd, prefix(8, 2), 2);
    put(s, fd, prefix(8, 3), 1);
  }, 'ENOSPC'],
  ['lpm_trie: a fork counts for nothing', (s) => {
    const fd = s.create({ ...LPM, max_entries: 3 });
    put(s, fd, prefix(8, 1), 1);
    put(s, fd, prefix(8, 2), 2);
    put(s, fd, prefix(6, 0), 3);
    return walk(s, fd);
  }, ['8/1.0.0.0', '8/2.0.0.0', '6/0.0.0.0']],
  ['lpm_trie: keys in order',            (s) => walk(s, routes(s)),
    ['24/10.1.2.0', '16/10.1.0.0', '9/10.128.0.0', '8/10.0.0.0', '32/192.168.0.1', '0/0.0.0.0']],
  ['lpm_trie: the key after one that is not there', (s) => {
    const next_key = new Uint8Array(8);
    s.kernel.bpf('BPF_MAP_GET_NEXT_KEY', { map_fd: routes(s), key: prefix(12, 10), next_key });
    return number(next_key);
  }, 24],
  ['lpm_trie: delete', (s) => {
    const fd = routes(s);
    const left = [];
    for (const key of [ROUTES[1], ROUTES[0], ROUTES[3]]) {
      remove(s, fd, key ?? prefix(0));
      left.push(walk(s, fd).length, outcome(() => get(s, fd, prefix(32, 10, 1, 3))));
    }
    return left;
  }, [5, 1, 4, 4, 3, 'ENOENT']],
  ['lpm_trie: delete of a fork',         (s) => remove(s, routes(s), prefix(1)),                        'ENOENT'],
  ['lpm_trie: delete what is not there', (s) => remove(s, routes(s), prefix(12, 10)),                   'ENOENT'],
  ['lpm_trie: delete all', (s) => {
    const fd = routes(s);
    for (const key of ROUTES) remove(s, fd, key);
    return [walk(s, fd), outcome(() => get(s, fd, prefix(32, 10)))];
  }, [[], 'ENOENT']],
  ['lpm_trie: take', (s) => s.kernel.bpf('BPF_MAP_LOOKUP_AND_DELETE_ELEM', { map_fd: routes(s), key: prefix(8, 10), value: u64(0) }), 'ENOTSUPP'],
  ['lpm_trie: a batch', (s) => {
    const [keys, values, out_batch] = [new Uint8Array(64), new Uint8Array(64), new Uint8Array(8)];
    const attr = { map_fd: routes(s), keys, values, count: 8, out_batch };
    return [outcome(() => s.kernel.bpf('BPF_MAP_LOOKUP_BATCH', attr)), attr.count, number(values), number(values, 40)];
  }, ['ENOENT', 6, 3, 4]],

  ['hash_of_maps: take',                 (s) => s.take(outer(s, 'hash_of_maps', innerArray(s)), 0),     'ENOTSUPP'],
  ...(['array_of_maps', 'hash_of_maps'] as const).map((type): Row => [`${type}: a batch shows ids, of what is there`, (s) => {
    const inner = innerArray(s);
    const fd = outer(s, type, inner);
    insert(s, fd, 2, inner);
    const [keys, values, out_batch] = [new Uint8Array(16), new Uint8Array(16), new Uint8Array(4)];
    const attr = { map_fd: fd, keys, values, out_batch, count: 4 };
    return [outcome(() => s.kernel.bpf('BPF_MAP_LOOKUP_BATCH', attr)), attr.count, number(keys), number(values) === s.mapId(inner)];
  }, ['ENOENT', 1, 2, true]]),
  ['array_of_maps: no template',         makes({ ...OUTER, map_type: T.array_of_maps, inner_map_fd: 999 }),                'EBADF'],
  ['hash_of_maps: no template',          makes({ ...OUTER, map_type: T.hash_of_maps, inner_map_fd: 999 }),                 'EBADF'],
  ...(['array_of_maps', 'hash_of_maps'] as const).flatMap((type): Row[] => [
    [type,                               (s) => void outer(s, type, innerArray(s)),                     'ok'],
    [`${type}: value of 8 bytes`,        (s) => void outer(s, type, innerArray(s), { value_size: 8 }),  'EINVAL'],
    [`${type}: a program for a template`, (s) => void outer(s, type, s.prog()),                         'EINVAL'],
    [`${type}: a map of maps for a template`, (s) => void outer(s, type, outer(s, 'array_of_maps', innerArray(s))), 'EINVAL'],
    [`${type}: a prog array for a template`, (s) => void outer(s, type, s.map('prog_array')),           'ENOTSUPP'],
    [`${type}: a ring buffer for a template`, (s) => void outer(s, type, s.create(RING)),               'ok'],
    [`${type}: BTF`, (s) => {
      const types = { btf_fd: s.btf(), btf_key_type_id: 1, btf_value_type_id: 1 };
      void outer(s, type, innerArray(s), types);
    }, 'ENOTSUPP'],
    [`${type}: a map goes in, its id comes out`, (s) => {
      const inner = innerArray(s);
      const map = outer(s, type, inner);
      insert(s, map, 1, inner);
      return s.lookup(map, 1, 0n, 4) === s.mapId(inner);
    }, true],
    [`${type}: nothing there`,           (s) => s.lookup(outer(s, type, innerArray(s)), 1, 0n, 4),      'ENOENT'],
    [`${type}: a bad fd`,                (s) => insert(s, outer(s, type, innerArray(s)), 1, 999),       'EBADF'],
    [`${type}: a program`,               (s) => insert(s, outer(s, type, innerArray(s)), 1, s.prog()),  'EINVAL'],
    [`${type}: another type`,            (s) => insert(s, outer(s, type, innerArray(s)), 1, s.map('hash')), 'EINVAL'],
    [`${type}: another value`,           (s) => insert(s, outer(s, type, innerArray(s)), 1, innerArray(s, { value_size: 4 })), 'EINVAL'],
    [`${type}: other flags`,             (s) => insert(s, outer(s, type, innerArray(s)), 1, innerArray(s, { map_flags: MMAPABLE })), 'EINVAL'],
    [`${type}: an array of another length`, (s) => insert(s, outer(s, type, innerArray(s)), 1, innerArray(s, { max_entries: 9 })), 'EINVAL'],
    [`${type}: an array of another length with INNER_MAP`, (s) => {
      const map = outer(s, type, innerArray(s, { map_flags: INNER_MAP }));
      insert(s, map, 1, innerArray(s, { map_flags: INNER_MAP, max_entries: 9 }));
    }, 'ok'],
    [`${type}: a hash of another size`,  (s) => insert(s, outer(s, type, s.map('hash')), 1, s.map('hash', { max_entries: 9 })), 'ok'],
    [`${type}: delete`, (s) => {
      const inner = innerArray(s);
      const map = outer(s, type, inner);
      insert(s, map, 1, inner);
      s.delete(map, 1);
      return [outcome(() => s.lookup(map, 1, 0n, 4)), outcome(() => s.delete(map, 1))];
    }, ['ENOENT', 'ENOENT']],
    [`${type}: replaced`, (s) => {
      const [a, b] = [innerArray(s), innerArray(s)];
      const map = outer(s, type, a);
      insert(s, map, 1, a);
      insert(s, map, 1, b);
      return s.lookup(map, 1, 0n, 4) === s.mapId(b);
    }, true],
    [`${type}: holds its maps, and no longer than it lives`, (s) => {
      const inner = innerArray(s);
      const id = s.mapId(inner);
      const map = outer(s, type, innerArray(s));
      insert(s, map, 1, inner);
      s.close(inner);
      const held = s.mapLives(id);
      s.close(map);
      return [held, s.mapGoes(id)];
    }, [true, true]],
    [`${type}: lets go of what it deletes`, (s) => {
      const inner = innerArray(s);
      const id = s.mapId(inner);
      const map = outer(s, type, innerArray(s));
      insert(s, map, 1, inner);
      s.close(inner);
      s.delete(map, 1);
      return s.mapGoes(id);
    }, true],
    [`${type}: does without the template`, (s) => {
      const template = innerArray(s);
      const map = outer(s, type, template);
      s.close(template);
      insert(s, map, 1, innerArray(s));
    }, 'ok'],
  ]),
  ['array_of_maps: past the end',        (s) => insert(s, outer(s, 'array_of_maps', innerArray(s)), 4, innerArray(s)), 'E2BIG'],
  ['array_of_maps: delete past the end', (s) => s.delete(outer(s, 'array_of_maps', innerArray(s)), 4),  'E2BIG'],
  ['array_of_maps: NOEXIST',             (s) => insert(s, outer(s, 'array_of_maps', innerArray(s)), 1, innerArray(s), NOEXIST), 'EINVAL'],
  ['array_of_maps: NO_PREALLOC',         (s) => void outer(s, 'array_of_maps', innerArray(s), { map_flags: NO_PREALLOC }), 'EINVAL'],
  ['hash_of_maps: NO_PREALLOC',          (s) => void outer(s, 'hash_of_maps', innerArray(s), { map_flags: NO_PREALLOC }), 'ok'],
  ['hash_of_maps: NOEXIST', (s) => {
    const map = outer(s, 'hash_of_maps', innerArray(s));
    for (let n = 0; n < 2; n++) insert(s, map, 1, innerArray(s), NOEXIST);
  }, 'EEXIST'],
  ['hash_of_maps: EXIST',                (s) => insert(s, outer(s, 'hash_of_maps', innerArray(s)), 1, innerArray(s), EXIST), 'ENOENT'],
  ['hash_of_maps: full', (s) => {
    const map = outer(s, 'hash_of_maps', innerArray(s));
    for (let n = 0; n < 5; n++) insert(s, map, n, innerArray(s));
  }, 'E2BIG'],

  ['ringbuf',                            makes(RING),                                                   'ok'],
  ['ringbuf: half a page',               makes({ ...RING, max_entries: 2048 }),                         'EINVAL'],
  ['ringbuf: three pages',               makes({ ...RING, max_entries: 3 * 4096 }),                     'EINVAL'],
  ['ringbuf: with a key',                makes({ ...RING, key_size: 4 }),                               'EINVAL'],
  ['ringbuf: with a value',              makes({ ...RING, value_size: 4 }),                             'EINVAL'],
  ['ringbuf: RDONLY_PROG',               makes({ ...RING, map_flags: RDONLY_PROG }),                    'EINVAL'],
  ['user_ringbuf',                       makes({ ...RING, map_type: T.user_ringbuf }),                  'ok'],
  ['ringbuf: update',                    (s) => s.kernel.bpf('BPF_MAP_UPDATE_ELEM', { map_fd: s.create(RING), value: u64(0) }), 'ENOTSUPP'],
  ['ringbuf: lookup',                    (s) => s.kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd: s.create(RING), value: u64(0) }), 'ENOTSUPP'],
  ['ringbuf: delete',                    (s) => s.kernel.bpf('BPF_MAP_DELETE_ELEM', { map_fd: s.create(RING) }), 'ENOTSUPP'],
  ['ringbuf: next key',                  (s) => s.kernel.bpf('BPF_MAP_GET_NEXT_KEY', { map_fd: s.create(RING), next_key: u64(0) }), 'ENOTSUPP'],
  ['ringbuf: the position of the reader is his to write', (s) => void s.kernel.mmap(s.create(RING), 4096, 'read and write')[Symbol.dispose](), 'ok'],
  ['ringbuf: the rest is not',           (s) => s.kernel.mmap(s.create(RING), 8192, 'read and write'),  'EPERM'],
  ['ringbuf: that of the writer is not', (s) => s.kernel.mmap(s.create(RING), 4096, 'read and write', 4096), 'EPERM'],
  ['ringbuf: all of it, to read',        (s) => s.kernel.mmap(s.create(RING), 8192 + 8192, 'read').bytes.length, 16384],
  ['ringbuf: more than there is',        (s) => s.kernel.mmap(s.create(RING), 8192 + 12288, 'read'),    'EINVAL'],
  ['user_ringbuf: the position of the reader is not ours to write', (s) => s.kernel.mmap(s.create({ ...RING, map_type: T.user_ringbuf }), 4096, 'read and write'), 'EPERM'],
  ['user_ringbuf: the rest is', (s) => s.kernel.mmap(s.create({ ...RING, map_type: T.user_ringbuf }), 4096 + 8192, 'read and write', 4096).bytes.length, 12288],

  ['devmap',                             makes(DEVMAP),                                                 'ok'],
  ['devmap: value of 8 bytes',           makes({ ...DEVMAP, value_size: 8 }),                           'ok'],
  ['devmap: value of 12 bytes',          makes({ ...DEVMAP, value_size: 12 }),                          'EINVAL'],
  ['devmap: RDONLY_PROG',                makes({ ...DEVMAP, map_flags: RDONLY_PROG }),                  'EINVAL'],
  ['devmap: says that it is read-only for programs', (s) => s.info(s.create(DEVMAP), bpfMapInfo).map_flags, RDONLY_PROG],
  ...(['devmap', 'devmap_hash'] as const).flatMap((type): Row[] => {
    const attr = { ...DEVMAP, map_type: T[type] };
    return [
      [`${type}: a device`,              (s) => { const fd = s.create(attr); s.update(fd, 1, u32(LO)); return s.lookup(fd, 1, 0n, 4); }, LO],
      [`${type}: nothing there`,         (s) => s.lookup(s.create(attr), 1, 0n, 4),                     'ENOENT'],
      [`${type}: no device`,             (s) => s.update(s.create(attr), 1, u32(9999)),                 'EINVAL'],
      [`${type}: an unknown flag`,       (s) => s.update(s.create(attr), 1, u32(LO), 8n),               'EINVAL'],
      [`${type}: EXIST`,                 (s) => s.update(s.create(attr), 1, u32(LO), EXIST),            'ok'],
      [`${type}: a program that is none`, (s) => s.update(s.create({ ...attr, value_size: 8 }), 1, Uint8Array.of(...u32(LO), ...u32(999))), 'EINVAL'],
      [`${type}: a program of another kind`, (s) => s.update(s.create({ ...attr, value_size: 8 }), 1, Uint8Array.of(...u32(LO), ...u32(s.prog()))), 'EINVAL'],
      [`${type}: take`, (s) => s.kernel.bpf('BPF_MAP_LOOKUP_AND_DELETE_ELEM', { map_fd: s.create(attr), key: u32(0), value: u32(0) }), 'ENOTSUPP'],
    ];
  }),
  ['devmap: past the end',               (s) => s.update(s.create(DEVMAP), 4, u32(LO)),                 'E2BIG'],
  ['devmap: NOEXIST',                    (s) => s.update(s.create(DEVMAP), 1, u32(LO), NOEXIST),        'EEXIST'],
  ['devmap: device 0 takes away', (s) => {
    const fd = s.create(DEVMAP);
    s.update(fd, 1, u32(LO));
    s.update(fd, 1, u32(0));
    return s.lookup(fd, 1, 0n, 4);
  }, 'ENOENT'],
  ['devmap: delete what is not there',   (s) => s.delete(s.create(DEVMAP), 1),                          'ok'],
  ['devmap: delete past the end',        (s) => s.delete(s.create(DEVMAP), 4),                          'EINVAL'],
  ['devmap_hash: device 0',              (s) => s.update(s.create(DEVHASH), 1, u32(0)),                 'EINVAL'],
  ['devmap_hash: any key',               (s) => { const fd = s.create(DEVHASH); s.update(fd, 77, u32(LO)); return [s.lookup(fd, 77, 0n, 4), s.next(fd), outcome(() => s.next(fd, 77))]; }, [LO, 77, 'ENOENT']],
  ['devmap_hash: NOEXIST',               (s) => { const fd = s.create(DEVHASH); for (let n = 0; n < 2; n++) s.update(fd, 1, u32(LO), NOEXIST); }, 'EEXIST'],
  ['devmap_hash: full',                  (s) => { const fd = s.create(DEVHASH); for (let n = 0; n < 5; n++) s.update(fd, n, u32(LO)); }, 'E2BIG'],
  ['devmap_hash: delete what is not there', (s) => s.delete(s.create(DEVHASH), 1),                      'ENOENT'],

  ['cpumap',                             makes(CPUMAP),                                                 'ok'],
  ['cpumap: read-only',                  makes({ ...CPUMAP, map_flags: 8 }),                            'EINVAL'],
  ['cpumap: a queue',                    (s) => { const fd = s.create(CPUMAP); s.update(fd, 0, u32(64)); return s.lookup(fd, 0, 0n, 4); }, 64],
  ['cpumap: nothing there',              (s) => s.lookup(s.create(CPUMAP), 1, 0n, 4),                   'ENOENT'],
  ['cpumap: no queue takes away',        (s) => { const fd = s.create(CPUMAP); s.update(fd, 0, u32(64)); s.update(fd, 0, u32(0)); return s.lookup(fd, 0, 0n, 4); }, 'ENOENT'],
  ['cpumap: a queue that is too long',   (s) => s.update(s.create(CPUMAP), 0, u32(16385)),              'EOVERFLOW'],
  ['cpumap: past the end',               (s) => s.update(s.create(CPUMAP), 2, u32(64)),                 'E2BIG'],
  ['cpumap: NOEXIST',                    (s) => s.update(s.create(CPUMAP), 0, u32(64), NOEXIST),        'EEXIST'],
  ['cpumap: a program that is none',     (s) => s.update(s.create({ ...CPUMAP, value_size: 8 }), 0, Uint8Array.of(...u32(64), ...u32(999))), 'ENOMEM'],
  ['cpumap: a program of another kind',  (s) => s.update(s.create({ ...CPUMAP, value_size: 8 }), 0, Uint8Array.of(...u32(64), ...u32(s.prog()))), 'ENOMEM'],
  ['cpumap: delete what is not there',   (s) => s.delete(s.create(CPUMAP), 1),                          'ok'],

  ['perf_event_array: lookup',           (s) => s.lookup(s.create(PERF), 0, 0n, 4),                     'ENOTSUPP'],
  ['perf_event_array: no event',         (s) => s.update(s.create(PERF), 0, u32(999)),                  'EBADF'],
  ['perf_event_array: a map',            (s) => s.update(s.create(PERF), 0, u32(s.map('array'))),       'EBADF'],
  ['perf_event_array: delete of an empty slot', (s) => s.delete(s.create(PERF), 0),                     'ENOENT'],
  ['perf_event_array: an event', (s) => {
    const fd = s.create(PERF);
    s.update(fd, 0, u32(event(s)));
    s.delete(fd, 0);
    return outcome(() => s.delete(fd, 0));
  }, 'ENOENT'],
  ['perf_event_array: NOEXIST',          (s) => s.update(s.create(PERF), 0, u32(event(s)), NOEXIST),    'EINVAL'],
  ['perf_event_array: past the end',     (s) => s.update(s.create(PERF), 4, u32(event(s))),             'E2BIG'],
  ['perf_event_array: an event goes with the file of the map that it came through', (s) => slotAfterClose(s, 0), 'ENOENT'],
  ['perf_event_array: PRESERVE_ELEMS: it does not', (s) => slotAfterClose(s, 2048),                     'ok'],
];
