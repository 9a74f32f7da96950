import type { BpfAttr } from '../../src/uapi/attr.ts';
import { mapTypeNumber } from '../../src/uapi/bpf.ts';
import type { Session } from './session.ts';
import type { Row } from './suite.ts';

type Attr = BpfAttr<'BPF_MAP_CREATE'>;

const { array, hash, lru_hash, lru_percpu_hash, percpu_array, percpu_hash, prog_array } = mapTypeNumber;
const A: Attr = { map_type: array, key_size: 4, value_size: 8, max_entries: 4 };
const H: Attr = { map_type: hash, key_size: 4, value_size: 8, max_entries: 4 };
const P: Attr = { map_type: percpu_array, key_size: 4, value_size: 8, max_entries: 4 };
const T: Attr = { map_type: prog_array, key_size: 4, value_size: 4, max_entries: 4 };
const [NO_PREALLOC, NO_COMMON_LRU, NUMA, RDONLY, WRONLY, ZERO_SEED, RDONLY_PROG, WRONLY_PROG] = [
  1, 2, 4, 8, 16, 64, 128, 256,
];
const [MMAPABLE, PRESERVE_ELEMS, INNER_MAP] = [1024, 2048, 4096];

/** `ok`, or why not. */
function makes(attr: Attr): (session: Session) => string {
  return (session) => {
    session.create(attr);
    return 'ok';
  };
}

/** A map whose BTF is test data: see btf.ts for what the types are. */
function withBtf(attr: Attr): (session: Session) => string {
  return (session) => {
    session.create({ btf_fd: session.btf(), ...attr });
    return 'ok';
  };
}

// biome-ignore format: aligned table
export const createRows: readonly Row[] = [
  ['array',                               makes(A),                                            'ok'],
  ['hash',                                makes(H),                                            'ok'],
  ['percpu_array',                        makes(P),                                            'ok'],
  ['prog_array',                          makes(T),                                            'ok'],
  ['type 0',                              makes({ ...A, map_type: 0 }),                        'EINVAL'],
  ['a type that no kernel has',           makes({ ...A, map_type: 9999 }),                     'EINVAL'],
  ['nothing',                             makes({}),                                           'EINVAL'],
  ['a name of 15 characters',             makes({ ...A, map_name: 'abcdefghijklmno' }),        'ok'],
  ['a name of 16 characters',             makes({ ...A, map_name: 'abcdefghijklmnop' }),       'EINVAL'],
  ['a name with a dot',                   makes({ ...A, map_name: 'a.rodata_1' }),             'ok'],
  ['a name with a dash',                  makes({ ...A, map_name: 'a-b' }),                    'EINVAL'],
  ['a name with a slash',                 makes({ ...A, map_name: 'a/b' }),                    'EINVAL'],

  ['array: key of 2 bytes',               makes({ ...A, key_size: 2 }),                        'EINVAL'],
  ['array: key of 8 bytes',               makes({ ...A, key_size: 8 }),                        'EINVAL'],
  ['array: no value',                     makes({ ...A, value_size: 0 }),                      'EINVAL'],
  ['array: no entries',                   makes({ ...A, max_entries: 0 }),                     'EINVAL'],
  ['array: value of 1 byte',              makes({ ...A, value_size: 1 }),                      'ok'],
  ['array: value of 2 GiB',               makes({ ...A, value_size: 2 ** 31 }),                'E2BIG'],
  ['array: more than there is memory',    makes({ ...A, max_entries: 2 ** 32 - 1, value_size: 2 ** 20 }), 'ENOMEM'],
  ['array: NO_PREALLOC',                  makes({ ...A, map_flags: NO_PREALLOC }),             'EINVAL'],
  ['array: ZERO_SEED',                    makes({ ...A, map_flags: ZERO_SEED }),               'EINVAL'],
  ['array: PRESERVE_ELEMS',               makes({ ...A, map_flags: PRESERVE_ELEMS }),          'EINVAL'],
  ['array: MMAPABLE',                     makes({ ...A, map_flags: MMAPABLE }),                'ok'],
  ['array: INNER_MAP',                    makes({ ...A, map_flags: INNER_MAP }),               'ok'],
  ['array: RDONLY_PROG',                  makes({ ...A, map_flags: RDONLY_PROG }),             'ok'],
  ['array: both _PROG',                   makes({ ...A, map_flags: RDONLY_PROG | WRONLY_PROG }), 'EINVAL'],
  ['array: both directions',              makes({ ...A, map_flags: RDONLY | WRONLY }),         'EINVAL'],
  ['array: on node 0',                    makes({ ...A, map_flags: NUMA, numa_node: 0 }),      'ok'],
  ['array: on node 77',                   makes({ ...A, map_flags: NUMA, numa_node: 77 }),     'EINVAL'],
  ['array: node 77 without the flag',     makes({ ...A, numa_node: 77 }),                      'ok'],
  ['array: map_extra',                    makes({ ...A, map_extra: 1n }),                      'EINVAL'],
  ['array: an unknown flag',              makes({ ...A, map_flags: 2 ** 31 }),                 'EINVAL'],

  ['hash: no key',                        makes({ ...H, key_size: 0 }),                        'EINVAL'],
  ['hash: no value',                      makes({ ...H, value_size: 0 }),                      'EINVAL'],
  ['hash: no entries',                    makes({ ...H, max_entries: 0 }),                     'EINVAL'],
  ['hash: key of 1 byte',                 makes({ ...H, key_size: 1 }),                        'ok'],
  ['hash: key of 116 bytes',              makes({ ...H, key_size: 116 }),                      'ok'],
  ['hash: value of 4 MiB',                makes({ ...H, value_size: 1 << 22 }),                'E2BIG'],
  ['hash: key of 4 MiB',                  makes({ ...H, key_size: 1 << 22 }),                  'E2BIG'],
  ['hash: 2^32 - 1 entries',              makes({ ...H, max_entries: 2 ** 32 - 1 }),           'E2BIG'],
  ['hash: NO_PREALLOC',                   makes({ ...H, map_flags: NO_PREALLOC }),             'ok'],
  ['hash: NO_COMMON_LRU',                 makes({ ...H, map_flags: NO_COMMON_LRU }),           'EINVAL'],
  ['hash: ZERO_SEED',                     makes({ ...H, map_flags: ZERO_SEED }),               'ok'],
  ['hash: MMAPABLE',                      makes({ ...H, map_flags: MMAPABLE }),                'EINVAL'],
  ['hash: both _PROG',                    makes({ ...H, map_flags: RDONLY_PROG | WRONLY_PROG }), 'EINVAL'],

  ['percpu_array: MMAPABLE',              makes({ ...P, map_flags: MMAPABLE }),                'EINVAL'],
  ['percpu_array: NUMA',                  makes({ ...P, map_flags: NUMA }),                    'EINVAL'],
  ['percpu_array: value of 32 KiB',       makes({ ...P, value_size: 32768 }),                  'ok'],
  ['percpu_array: value of 32 KiB + 1',   makes({ ...P, value_size: 32769 }),                  'E2BIG'],

  ['prog_array: value of 8 bytes',        makes({ ...T, value_size: 8 }),                      'EINVAL'],
  ['prog_array: RDONLY_PROG',             makes({ ...T, map_flags: RDONLY_PROG }),             'EINVAL'],
  ['prog_array: RDONLY',                  makes({ ...T, map_flags: RDONLY }),                  'ok'],

  ['percpu_hash',                         makes({ ...H, map_type: percpu_hash }),              'ok'],
  ['percpu_hash: NO_PREALLOC',            makes({ ...H, map_type: percpu_hash, map_flags: NO_PREALLOC }), 'ok'],
  ['percpu_hash: NUMA',                   makes({ ...H, map_type: percpu_hash, map_flags: NUMA }), 'EINVAL'],
  ['percpu_hash: NO_COMMON_LRU',          makes({ ...H, map_type: percpu_hash, map_flags: NO_COMMON_LRU }), 'EINVAL'],
  ['percpu_hash: value of 32 KiB',        makes({ ...H, map_type: percpu_hash, value_size: 32768 }), 'ok'],
  ['percpu_hash: value of 32 KiB + 1',    makes({ ...H, map_type: percpu_hash, value_size: 32769 }), 'E2BIG'],
  ['percpu_hash: no key',                 makes({ ...H, map_type: percpu_hash, key_size: 0 }), 'EINVAL'],
  ['lru_hash',                            makes({ ...H, map_type: lru_hash }),                 'ok'],
  ['lru_hash: NO_PREALLOC',               makes({ ...H, map_type: lru_hash, map_flags: NO_PREALLOC }), 'ENOTSUPP'],
  ['lru_hash: NO_COMMON_LRU',             makes({ ...H, map_type: lru_hash, map_flags: NO_COMMON_LRU }), 'ok'],
  ['lru_hash: NUMA',                      makes({ ...H, map_type: lru_hash, map_flags: NUMA }), 'ok'],
  ['lru_hash: NUMA and NO_COMMON_LRU',    makes({ ...H, map_type: lru_hash, map_flags: NUMA | NO_COMMON_LRU }), 'EINVAL'],
  ['lru_hash: MMAPABLE',                  makes({ ...H, map_type: lru_hash, map_flags: MMAPABLE }), 'EINVAL'],
  ['lru_hash: no entries',                makes({ ...H, map_type: lru_hash, max_entries: 0 }), 'EINVAL'],
  ['lru_percpu_hash',                     makes({ ...H, map_type: lru_percpu_hash }),          'ok'],
  ['lru_percpu_hash: NO_COMMON_LRU',      makes({ ...H, map_type: lru_percpu_hash, map_flags: NO_COMMON_LRU }), 'ok'],
  ['lru_percpu_hash: NUMA',               makes({ ...H, map_type: lru_percpu_hash, map_flags: NUMA }), 'EINVAL'],
  ['lru_percpu_hash: value of 32 KiB + 1', makes({ ...H, map_type: lru_percpu_hash, value_size: 32769 }), 'E2BIG'],

  ['BTF: int key and value',              withBtf({ ...H, btf_key_type_id: 1, btf_value_type_id: 2 }), 'ok'],
  ['BTF: array',                          withBtf({ ...A, btf_key_type_id: 1, btf_value_type_id: 2 }), 'ok'],
  ['BTF: array with a struct as key',     withBtf({ ...A, btf_key_type_id: 3, btf_value_type_id: 2 }), 'EINVAL'],
  ['BTF: hash with a struct as key',      withBtf({ ...H, btf_key_type_id: 3, btf_value_type_id: 2 }), 'ok'],
  ['BTF: lru_hash',                       withBtf({ ...H, map_type: lru_hash, btf_key_type_id: 1, btf_value_type_id: 2 }), 'ok'],
  ['BTF: percpu_array',                   withBtf({ ...P, btf_key_type_id: 1, btf_value_type_id: 2 }), 'ok'],
  ['BTF: prog_array',                     withBtf({ ...T, btf_key_type_id: 1, btf_value_type_id: 1 }), 'ok'],
  ['BTF: value of another size',          withBtf({ ...H, btf_key_type_id: 1, btf_value_type_id: 1 }), 'EINVAL'],
  ['BTF: key of another size',            withBtf({ ...H, btf_key_type_id: 2, btf_value_type_id: 2 }), 'EINVAL'],
  ['BTF: no value type',                  withBtf({ ...H, btf_key_type_id: 1 }),               'EINVAL'],
  ['BTF: no key type',                    withBtf({ ...H, btf_value_type_id: 2 }),             'EINVAL'],
  ['BTF: no such type',                   withBtf({ ...H, btf_key_type_id: 1, btf_value_type_id: 99 }), 'EINVAL'],
  ['BTF: only the fd',                    withBtf(H),                                          'ok'],
  ['BTF: array of one, data section',     withBtf({ ...A, max_entries: 1, btf_value_type_id: 5 }), 'ok'],
  ['BTF: array of two, data section',     withBtf({ ...A, max_entries: 2, btf_value_type_id: 5 }), 'EINVAL'],
  ['BTF: array, no key, an int',          withBtf({ ...A, max_entries: 1, btf_value_type_id: 2 }), 'EINVAL'],
  ['BTF: a closed fd',                    makes({ ...H, btf_fd: 999, btf_key_type_id: 1, btf_value_type_id: 2 }), 'EBADF'],
  ['BTF: the fd of a map', (session) => session.create({ ...H, btf_fd: session.map('array'), btf_key_type_id: 1, btf_value_type_id: 2 }), 'EINVAL'],
];
