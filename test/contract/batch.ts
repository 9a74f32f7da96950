import { outcome, type Session, u32 } from './session.ts';
import type { Row } from './suite.ts';

type Fd = ReturnType<Session['map']>;

/** Values are of 8 bytes. */
function values(...list: readonly number[]): Uint8Array {
  return new Uint8Array(BigUint64Array.from(list, BigInt).buffer);
}
function keys(...list: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(list).buffer);
}

function filled(s: Session, type: 'hash' | 'array', max_entries = 4): Fd {
  const fd = s.map(type, { max_entries });
  for (let key = 0; key < 4; key++) s.update(fd, key, 100 + key);
  return fd;
}

/** What one BPF_MAP_LOOKUP_BATCH answers: its end, and how many. */
function look(
  s: Session,
  fd: Fd,
  count: number,
  more: object = {},
  cmd: 'BPF_MAP_LOOKUP_BATCH' | 'BPF_MAP_LOOKUP_AND_DELETE_BATCH' = 'BPF_MAP_LOOKUP_BATCH',
): { end: unknown; count: number; keys: Uint8Array; values: Uint8Array; out: Uint8Array } {
  const attr = {
    map_fd: fd,
    count,
    keys: new Uint8Array(4 * Math.max(count, 1)),
    values: new Uint8Array(8 * Math.max(count, 1)),
    out_batch: new Uint8Array(4),
    ...more,
  };
  const end = outcome(() => s.kernel.bpf(cmd, attr));
  return { end, count: attr.count, keys: attr.keys, values: attr.values, out: attr.out_batch };
}

/** All elements, in batches of `size`, as [key, value], sorted. */
function walk(s: Session, fd: Fd, size: number): unknown {
  const found: number[][] = [];
  let in_batch: Uint8Array | undefined;
  for (let n = 0; n < 20; n++) {
    const part = look(s, fd, size, { in_batch });
    const key = new Uint32Array(part.keys.buffer);
    const value = new BigUint64Array(part.values.buffer);
    for (let i = 0; i < part.count; i++) found.push([key[i] ?? -1, Number(value[i])]);
    if (part.end !== 'ok') return [part.end, found.sort()];
    in_batch = part.out;
  }
  return 'no end';
}

/** The end and the count of a batch that writes. */
function write(
  s: Session,
  cmd: 'BPF_MAP_UPDATE_BATCH' | 'BPF_MAP_DELETE_BATCH',
  attr: { count: number; [name: string]: unknown },
): unknown {
  const end = outcome(() => s.kernel.bpf(cmd, attr));
  return [end, attr.count];
}

const ALL = [
  [0, 100],
  [1, 101],
  [2, 102],
  [3, 103],
];

// biome-ignore format: aligned table
export const batchRows: readonly Row[] = [
  ['hash: all at once',                   (s) => walk(s, filled(s, 'hash'), 4),                          ['ENOENT', ALL]],
  ['hash: more room than elements',       (s) => walk(s, filled(s, 'hash', 64), 10),                     ['ENOENT', ALL]],
  ['hash: in parts',                      (s) => walk(s, filled(s, 'hash', 256), 3),                     ['ENOENT', ALL]],
  ['array: all at once',                  (s) => walk(s, filled(s, 'array'), 10),                        ['ENOENT', ALL]],
  ['array: in parts',                     (s) => walk(s, filled(s, 'array'), 2),                         ['ENOENT', ALL]],
  ['array: exactly full is not the end',  (s) => { const { end, count } = look(s, filled(s, 'array'), 4); return [end, count]; }, ['ok', 4]],
  ['hash: an empty map',                  (s) => { const { end, count } = look(s, s.map('hash'), 4); return [end, count]; }, ['ENOENT', 0]],
  ['count 0',                             (s) => { const { end, count } = look(s, filled(s, 'hash'), 0); return [end, count]; }, ['ok', 0]],
  ['hash: elem_flags',                    (s) => look(s, filled(s, 'hash'), 4, { elem_flags: 1n }).end,  'EINVAL'],
  ['hash: flags',                         (s) => look(s, filled(s, 'hash'), 4, { flags: 1n }).end,       'EINVAL'],
  ['array: elem_flags',                   (s) => look(s, filled(s, 'array'), 4, { elem_flags: 1n }).end, 'EINVAL'],
  ['array: flags',                        (s) => look(s, filled(s, 'array'), 4, { flags: 1n }).end,      'ok'],
  ['hash: a bucket past the end',         (s) => look(s, filled(s, 'hash'), 4, { in_batch: u32(99) }).end, 'ENOENT'],
  ['hash: lookup and delete', (s) => {
    const fd = filled(s, 'hash');
    const { end, count } = look(s, fd, 4, {}, 'BPF_MAP_LOOKUP_AND_DELETE_BATCH');
    return [end, count, outcome(() => s.next(fd))];
  }, ['ENOENT', 4, 'ENOENT']],
  ['array: lookup and delete',            (s) => look(s, filled(s, 'array'), 4, {}, 'BPF_MAP_LOOKUP_AND_DELETE_BATCH').end, 'ENOTSUPP'],
  ['prog_array: lookup',                  (s) => look(s, s.map('prog_array'), 4).end,                    'ENOTSUPP'],
  ['a bad fd',                            (s) => s.kernel.bpf('BPF_MAP_LOOKUP_BATCH', { map_fd: 999, count: 1 }), 'EBADF'],
  ['a write-only fd',                     (s) => look(s, s.map('hash', { map_flags: 16 }), 4).end,       'EPERM'],
  ['a read-only fd: lookup and delete',   (s) => look(s, s.map('hash', { map_flags: 8 }), 4, {}, 'BPF_MAP_LOOKUP_AND_DELETE_BATCH').end, 'EPERM'],

  ['update', (s) => {
    const fd = s.map('hash');
    const done = write(s, 'BPF_MAP_UPDATE_BATCH', { map_fd: fd, count: 3, keys: keys(5, 6, 7), values: values(50, 60, 70) });
    return [done, s.lookup(fd, 5), s.lookup(fd, 7)];
  }, [['ok', 3], 50, 70]],
  ['update: the hash is full',            (s) => write(s, 'BPF_MAP_UPDATE_BATCH', { map_fd: filled(s, 'hash'), count: 2, keys: keys(1, 9), values: values(1, 2) }), ['E2BIG', 1]],
  ['update: past the end of the array',   (s) => write(s, 'BPF_MAP_UPDATE_BATCH', { map_fd: s.map('array'), count: 3, keys: keys(0, 3, 4), values: values(1, 2, 3) }), ['E2BIG', 2]],
  ['update: NOEXIST',                     (s) => write(s, 'BPF_MAP_UPDATE_BATCH', { map_fd: s.map('hash'), count: 1, keys: keys(0), values: values(1), elem_flags: 1n }), ['EINVAL', 1]],
  ['update: count 0',                     (s) => write(s, 'BPF_MAP_UPDATE_BATCH', { map_fd: s.map('hash'), count: 0 }), ['ok', 0]],
  ['update: a read-only fd',              (s) => write(s, 'BPF_MAP_UPDATE_BATCH', { map_fd: s.map('hash', { map_flags: 8 }), count: 1, keys: keys(0), values: values(1) }), ['EPERM', 1]],
  ['update: values that are too short',   (s) => write(s, 'BPF_MAP_UPDATE_BATCH', { map_fd: s.map('hash'), count: 2, keys: keys(0, 1), values: values(1) })?.toString().slice(0, 6), 'EFAULT'],
  ['delete',                              (s) => write(s, 'BPF_MAP_DELETE_BATCH', { map_fd: filled(s, 'hash'), count: 2, keys: keys(0, 1) }), ['ok', 2]],
  ['delete: stops at a missing key',      (s) => write(s, 'BPF_MAP_DELETE_BATCH', { map_fd: filled(s, 'hash'), count: 3, keys: keys(0, 9, 1) }), ['ENOENT', 1]],
  ['delete: array',                       (s) => write(s, 'BPF_MAP_DELETE_BATCH', { map_fd: filled(s, 'array'), count: 1, keys: keys(0) }), ['ENOTSUPP', 1]],
  ['delete: flags',                       (s) => write(s, 'BPF_MAP_DELETE_BATCH', { map_fd: filled(s, 'hash'), count: 1, keys: keys(0), flags: 1n }), ['ok', 1]],
];
