import type { BpfAttr } from '../../src/uapi/attr.ts';
import { mapTypeNumber } from '../../src/uapi/bpf.ts';
import type { Fd } from '../../src/uapi/fd.ts';
import { outcome, type Session, u32 } from './session.ts';
import type { Row } from './suite.ts';
import { valueBtf } from './value-btf.ts';

type Attr = BpfAttr<'BPF_MAP_CREATE'>;
type Storage = 'sk_storage' | 'inode_storage' | 'task_storage' | 'cgrp_storage';
const [NO_PREALLOC, NUMA, RDONLY, BUILD_ID, RDONLY_PROG, CLONE] = [1, 4, 8, 32, 128, 512];
const [NOEXIST, EXIST, LOCK] = [1n, 2n, 4n];
const NO_FD = 9999;

export function storage(s: Session, type: Storage, more: Attr = {}): Fd {
  const size = more.value_size || 8;
  const { bytes, int, value } = valueBtf([['long', 0]], size);
  const btf_fd = s.own(s.kernel.bpf('BPF_BTF_LOAD', { btf: bytes, btf_size: bytes.length }));
  return s.create({
    map_type: mapTypeNumber[type],
    key_size: 4,
    value_size: size,
    map_flags: NO_PREALLOC,
    btf_fd,
    btf_key_type_id: int,
    btf_value_type_id: value,
    ...more,
  });
}

/** What each call on the value of an fd answers. */
export function uses(s: Session, fd: Fd, key: number): unknown[] {
  return [
    () => s.lookup(fd, key),
    () => s.update(fd, key, 7, EXIST),
    () => s.update(fd, key, 7, NOEXIST),
    () => s.update(fd, key, 7, NOEXIST),
    () => s.update(fd, key, 8, EXIST),
    () => s.lookup(fd, key),
    () => s.lookup(fd, key, LOCK),
    () => s.update(fd, key, 9, LOCK),
    () => s.update(fd, key, 9, 8n),
    () => s.take(fd, key),
    () => s.next(fd, key),
    () => s.delete(fd, key),
    () => s.delete(fd, key),
  ].map(outcome);
}

/** What they answer of one that may have a value, and has none. */
export const OWNED = [
  'ENOENT',
  'ENOENT',
  'ok',
  'EEXIST',
  'ok',
  8,
  'EINVAL',
  'EINVAL',
  'EINVAL',
  'ENOTSUPP',
  'ENOTSUPP',
  'ok',
  'ENOENT',
];
const refused = (code: string): string[] =>
  OWNED.map((_, i) => (i === 6 || i === 7 ? 'EINVAL' : i === 9 || i === 10 ? 'ENOTSUPP' : code));

const makes = (type: Storage, more: Attr) => (s: Session) => void storage(s, type, more);
const STACK: Attr = { map_type: mapTypeNumber.stack_trace, key_size: 4, value_size: 128, max_entries: 3 };
const stacks = (more: Attr) => (s: Session) => void s.create({ ...STACK, ...more });
const memlock = (s: Session, fd: Fd): string | undefined =>
  /memlock:\s*(\d+)/.exec(s.text(`/proc/self/fdinfo/${fd}`))?.[1];

// biome-ignore format: aligned table
export const storageRows: readonly Row[] = [
  ...(['sk_storage', 'inode_storage', 'task_storage', 'cgrp_storage'] as const).flatMap((type): Row[] => [
    [type,                               makes(type, {}),                                               'ok'],
    [`${type}: CLONE`,                   makes(type, { map_flags: NO_PREALLOC | CLONE }),               'ok'],
    [`${type}: preallocated`,            makes(type, { map_flags: 0 }),                                 'EINVAL'],
    [`${type}: on a node`,               makes(type, { map_flags: NO_PREALLOC | NUMA }),                'EINVAL'],
    [`${type}: RDONLY`,                  makes(type, { map_flags: NO_PREALLOC | RDONLY }),              'EINVAL'],
    [`${type}: RDONLY_PROG`,             makes(type, { map_flags: NO_PREALLOC | RDONLY_PROG }),         'EINVAL'],
    [`${type}: with entries`,            makes(type, { max_entries: 1 }),                               'EINVAL'],
    [`${type}: a key of 8 bytes`,        makes(type, { key_size: 8 }),                                  'EINVAL'],
    [`${type}: no value`,                makes(type, { value_size: 0 }),                                'EINVAL'],
    [`${type}: no BTF`,                  makes(type, { btf_fd: 0 as Fd, btf_key_type_id: 0, btf_value_type_id: 0 }), 'EINVAL'], // 0 is "none"
    [`${type}: the largest value`,       makes(type, { value_size: 65407 }),                            'ok'],
    [`${type}: a value beyond`,          makes(type, { value_size: 65408 }),                            'E2BIG'],
    [`${type}: of nothing`,              (s) => uses(s, storage(s, type), NO_FD),                       refused('EBADF')],
    [`${type}: of a map`, (s) => {
      const fd = storage(s, type);
      return uses(s, fd, fd);
    }, type === 'inode_storage' ? OWNED : refused(type === 'sk_storage' ? 'ENOTSOCK' : 'EBADF')],
    [`${type}: of a directory`, (s) => uses(s, storage(s, type), s.own(s.kernel.open('/sys/fs/bpf', 0))),
      type === 'inode_storage' ? OWNED : refused(type === 'sk_storage' ? 'ENOTSOCK' : 'EBADF')],
    [`${type}: batches`, (s) => s.kernel.bpf('BPF_MAP_LOOKUP_BATCH', { map_fd: storage(s, type), keys: u32(0), values: new Uint8Array(8), out_batch: u32(0), count: 1 }), 'ENOTSUPP'],
    [`${type}: memlock`,                 (s) => memlock(s, storage(s, type)),                           '480'],
  ]),
  ['stack_trace',                        stacks({}),                                                    'ok'],
  ['stack_trace: half an address',       stacks({ value_size: 4 }),                                     'EINVAL'],
  ['stack_trace: 127 addresses',         stacks({ value_size: 1016 }),                                  'ok'],
  ['stack_trace: 128 addresses',         stacks({ value_size: 1024 }),                                  'EINVAL'],
  ['stack_trace: a build id',            stacks({ value_size: 32, map_flags: BUILD_ID }),               'ok'],
  ['stack_trace: a quarter of one',      stacks({ value_size: 8, map_flags: BUILD_ID }),                'EINVAL'],
  ['stack_trace: a key of 8 bytes',      stacks({ key_size: 8 }),                                       'EINVAL'],
  ['stack_trace: no entries',            stacks({ max_entries: 0 }),                                    'EINVAL'],
  ['stack_trace: NO_PREALLOC',           stacks({ map_flags: NO_PREALLOC }),                            'EINVAL'],
  ['stack_trace: on a node',             stacks({ map_flags: NUMA }),                                   'ok'],
  ['stack_trace: RDONLY_PROG',           stacks({ map_flags: RDONLY_PROG }),                            'EINVAL'],
  ['stack_trace: an empty one', (s) => {
    const fd = s.create(STACK);
    const value = new Uint8Array(128);
    return [
      () => s.update(fd, 0, value),
      () => s.lookup(fd, 0, 0n, 128),
      () => s.next(fd),
      () => s.delete(fd, 3),
      () => s.delete(fd, 4),
      () => s.kernel.bpf('BPF_MAP_LOOKUP_AND_DELETE_ELEM', { map_fd: fd, key: u32(0), value }),
    ].map(outcome);
  }, ['EINVAL', 'ENOENT', 'ENOENT', 'ENOENT', 'E2BIG', 'ENOENT']],
  ['stack_trace: memlock', (s) => [memlock(s, s.create(STACK)), memlock(s, s.create({ ...STACK, value_size: 32, map_flags: BUILD_ID }))], ['784', '496']],
];
