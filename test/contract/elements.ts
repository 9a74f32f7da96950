import { outcome, possibleCpus, type Session, u32, u64 } from './session.ts';
import type { Row } from './suite.ts';

type Type = Parameters<Session['map']>[0];
type Run = (session: Session) => unknown;

const [NOEXIST, EXIST, LOCK] = [1n, 2n, 4n];

/** A map in which key 1 has value 10. */
function one(type: Type, use: (session: Session, fd: ReturnType<Session['map']>) => unknown): Run {
  return (session) => {
    const fd = session.map(type);
    session.update(fd, 1, 10);
    return use(session, fd);
  };
}

/** A full hash of four entries, keys 0 to 3. */
function full(use: (session: Session, fd: ReturnType<Session['map']>) => unknown, map_flags = 0): Run {
  return (session) => {
    const fd = session.map('hash', { map_flags });
    for (let key = 0; key < 4; key++) session.update(fd, key, 100 + key);
    return use(session, fd);
  };
}

/** All keys, as BPF_MAP_GET_NEXT_KEY walks them. */
function keys(session: Session, fd: ReturnType<Session['map']>): number[] {
  const found: number[] = [];
  for (let key: number | undefined; found.length < 100; ) {
    const next = outcome(() => [session.next(fd, key)]);
    if (!Array.isArray(next)) break;
    [key] = next;
    found.push(next[0]);
  }
  return found;
}

/** A value for each CPU: 1, 2, … */
function perCpu(cpus: number): Uint8Array {
  return new Uint8Array(BigUint64Array.from({ length: cpus }, (_, i) => BigInt(i + 1)).buffer);
}

// biome-ignore format: aligned table
export const elementRows: readonly Row[] = [
  ['hash: lookup',                        one('hash', (s, m) => s.lookup(m, 1)),                         10],
  ['hash: lookup of a missing key',       one('hash', (s, m) => s.lookup(m, 2)),                         'ENOENT'],
  ['hash: lookup with LOCK',              one('hash', (s, m) => s.lookup(m, 1, LOCK)),                   'EINVAL'],
  ['hash: lookup with another flag',      one('hash', (s, m) => s.lookup(m, 1, 1n)),                     'EINVAL'],
  ['hash: update',                        one('hash', (s, m) => { s.update(m, 1, 11); return s.lookup(m, 1); }), 11],
  ['hash: NOEXIST on a key that is there', one('hash', (s, m) => s.update(m, 1, 11, NOEXIST)),           'EEXIST'],
  ['hash: NOEXIST on a missing key',      one('hash', (s, m) => s.update(m, 2, 11, NOEXIST)),            'ok'],
  ['hash: EXIST on a key that is there',  one('hash', (s, m) => s.update(m, 1, 11, EXIST)),              'ok'],
  ['hash: EXIST on a missing key',        one('hash', (s, m) => s.update(m, 2, 11, EXIST)),              'ENOENT'],
  ['hash: flags 3',                       one('hash', (s, m) => s.update(m, 1, 11, 3n)),                 'EINVAL'],
  ['hash: LOCK',                          one('hash', (s, m) => s.update(m, 1, 11, LOCK)),               'EINVAL'],
  ['hash: flags 8',                       one('hash', (s, m) => s.update(m, 1, 11, 8n)),                 'EINVAL'],
  ['hash: flags above 32 bits',           one('hash', (s, m) => s.update(m, 1, 11, 1n << 32n)),          'EINVAL'],
  ['hash: one too many',                  full((s, m) => s.update(m, 9, 1)),                             'E2BIG'],
  ['hash: NO_PREALLOC: one too many',     full((s, m) => s.update(m, 9, 1), 1),                          'E2BIG'],
  ['hash: NOEXIST when full',             full((s, m) => s.update(m, 9, 1, NOEXIST)),                    'E2BIG'],
  ['hash: EXIST of a missing one, full',  full((s, m) => s.update(m, 9, 1, EXIST)),                      'ENOENT'],
  ['hash: a key that is there, full',     full((s, m) => { s.update(m, 2, 7); return s.lookup(m, 2); }), 7],
  ['hash: NO_PREALLOC: the same',         full((s, m) => { s.update(m, 2, 7); return s.lookup(m, 2); }, 1), 7],
  ['hash: room again after a delete',     full((s, m) => { s.delete(m, 0); s.update(m, 9, 1); return s.lookup(m, 9); }), 1],
  ['hash: delete',                        one('hash', (s, m) => { s.delete(m, 1); return s.lookup(m, 1); }), 'ENOENT'],
  ['hash: delete of a missing key',       one('hash', (s, m) => s.delete(m, 2)),                         'ENOENT'],
  ['hash: lookup and delete',             one('hash', (s, m) => [s.take(m, 1), outcome(() => s.lookup(m, 1))]), [10, 'ENOENT']],
  ['hash: lookup and delete, missing',    one('hash', (s, m) => s.take(m, 2)),                           'ENOENT'],
  ['hash: lookup and delete, flags',      one('hash', (s, m) => s.take(m, 1, 1n)),                       'EINVAL'],
  ['hash: keys',                          full((s, m) => keys(s, m).sort()),                             [0, 1, 2, 3]],
  ['hash: an unknown key starts again',   full((s, m) => s.next(m, 77) === s.next(m)),                   true],
  ['hash: next of the only key',          one('hash', (s, m) => s.next(m, 1)),                           'ENOENT'],
  ['hash: next in an empty map',          (s) => s.next(s.map('hash')),                                  'ENOENT'],
  ['hash: no key',                        one('hash', (s, m) => s.kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd: m, value: new Uint8Array(8) })), 'EFAULT'],
  ['hash: no value',                      one('hash', (s, m) => s.kernel.bpf('BPF_MAP_UPDATE_ELEM', { map_fd: m, key: u32(1) })), 'EFAULT'],
  ['hash: a short key',                   one('hash', (s, m) => s.kernel.bpf('BPF_MAP_DELETE_ELEM', { map_fd: m, key: new Uint8Array(3) })), 'EFAULT'],
  ['hash: a short value',                 one('hash', (s, m) => s.kernel.bpf('BPF_MAP_UPDATE_ELEM', { map_fd: m, key: u32(1), value: new Uint8Array(7) })), 'EFAULT'],
  ['hash: no room for the value',         one('hash', (s, m) => s.kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd: m, key: u32(1), value: new Uint8Array(7) })), 'EFAULT'],
  ['hash: no room for the next key',      one('hash', (s, m) => s.kernel.bpf('BPF_MAP_GET_NEXT_KEY', { map_fd: m, next_key: new Uint8Array(3) })), 'EFAULT'],

  ['array: lookup',                       one('array', (s, m) => s.lookup(m, 1)),                        10],
  ['array: lookup of zeroes',             one('array', (s, m) => s.lookup(m, 0)),                        0],
  ['array: lookup past the end',          one('array', (s, m) => s.lookup(m, 4)),                        'ENOENT'],
  ['array: lookup with LOCK',             one('array', (s, m) => s.lookup(m, 1, LOCK)),                  'EINVAL'],
  ['array: update past the end',          one('array', (s, m) => s.update(m, 4, 1)),                     'E2BIG'],
  ['array: NOEXIST',                      one('array', (s, m) => s.update(m, 0, 1, NOEXIST)),            'EEXIST'],
  ['array: NOEXIST past the end',         one('array', (s, m) => s.update(m, 4, 1, NOEXIST)),            'E2BIG'],
  ['array: EXIST',                        one('array', (s, m) => s.update(m, 0, 1, EXIST)),              'ok'],
  ['array: flags 3',                      one('array', (s, m) => s.update(m, 0, 1, 3n)),                 'EINVAL'],
  ['array: flags 3 past the end',         one('array', (s, m) => s.update(m, 4, 1, 3n)),                 'EINVAL'],
  ['array: delete',                       one('array', (s, m) => s.delete(m, 1)),                        'EINVAL'],
  ['array: delete past the end',          one('array', (s, m) => s.delete(m, 4)),                        'EINVAL'],
  ['array: lookup and delete',            one('array', (s, m) => s.take(m, 1)),                          'ENOTSUPP'],
  ['array: keys',                         one('array', keys),                                            [0, 1, 2, 3]],
  ['array: next of a key past the end',   one('array', (s, m) => s.next(m, 99)),                         0],
  ['array: next of the last',             one('array', (s, m) => s.next(m, 3)),                          'ENOENT'],

  ['percpu_array: a value for each CPU', (s) => {
    const fd = s.map('percpu_array');
    const cpus = possibleCpus(s);
    const found = new Uint8Array(8 * cpus);
    s.update(fd, 1, perCpu(cpus));
    s.kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd: fd, key: u32(1), value: found });
    return found.every((byte, i) => byte === perCpu(cpus)[i]);
  }, true],
  ['percpu_array: other keys stay zero', (s) => {
    const fd = s.map('percpu_array');
    const cpus = possibleCpus(s);
    s.update(fd, 1, perCpu(cpus));
    return [0, 2].map((key) => s.lookup(fd, key, 0n, 8 * cpus));
  }, [0, 0]],
  ['percpu_array: a value of 3 bytes takes 8', (s) => {
    const fd = s.map('percpu_array', { value_size: 3 });
    const cpus = possibleCpus(s);
    s.update(fd, 0, perCpu(cpus));
    const found = new Uint8Array(8 * cpus);
    s.kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd: fd, key: u32(0), value: found });
    return [found[0], found[8 * (cpus - 1)]];
  }, [1, 2]],
  ['percpu_array: a value for one CPU only', (s) => s.update(s.map('percpu_array'), 1, 5),               'EFAULT'],
  ['percpu_array: update past the end',   (s) => s.update(s.map('percpu_array'), 4, perCpu(possibleCpus(s))), 'E2BIG'],
  ['percpu_array: NOEXIST',               (s) => s.update(s.map('percpu_array'), 1, perCpu(possibleCpus(s)), NOEXIST), 'EEXIST'],
  ['percpu_array: lookup past the end',   (s) => s.lookup(s.map('percpu_array'), 4, 0n, 8 * possibleCpus(s)), 'ENOENT'],
  ['percpu_array: delete',                (s) => s.delete(s.map('percpu_array'), 1),                     'EINVAL'],
  ['percpu_array: lookup and delete', (s) => {
    const value = new Uint8Array(8 * possibleCpus(s));
    s.kernel.bpf('BPF_MAP_LOOKUP_AND_DELETE_ELEM', { map_fd: s.map('percpu_array'), key: u32(1), value });
  }, 'ENOTSUPP'],

  ['percpu_hash: a value for each CPU', (s) => {
    const fd = s.map('percpu_hash');
    const cpus = possibleCpus(s);
    const found = new Uint8Array(8 * cpus);
    s.update(fd, 1, perCpu(cpus));
    s.kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd: fd, key: u32(1), value: found });
    return found.every((byte, i) => byte === perCpu(cpus)[i]);
  }, true],
  ['percpu_hash: a value for one CPU only', (s) => s.update(s.map('percpu_hash'), 1, 5),                 'EFAULT'],
  ['percpu_hash: one too many', (s) => {
    const fd = s.map('percpu_hash');
    for (let key = 0; key < 5; key++) s.update(fd, key, perCpu(possibleCpus(s)));
  }, 'E2BIG'],
  ['percpu_hash: NOEXIST on a key that is there', (s) => {
    const fd = s.map('percpu_hash');
    for (let n = 0; n < 2; n++) s.update(fd, 1, perCpu(possibleCpus(s)), NOEXIST);
  }, 'EEXIST'],
  ['percpu_hash: lookup and delete', (s) => {
    const fd = s.map('percpu_hash');
    const cpus = possibleCpus(s);
    s.update(fd, 1, perCpu(cpus));
    const value = new Uint8Array(8 * cpus);
    s.kernel.bpf('BPF_MAP_LOOKUP_AND_DELETE_ELEM', { map_fd: fd, key: u32(1), value });
    return [value[0], value[8 * (cpus - 1)] === cpus, outcome(() => s.lookup(fd, 1, 0n, 8 * cpus))];
  }, [1, true, 'ENOENT']],

  ['lru_hash: lookup',                    one('lru_hash', (s, m) => s.lookup(m, 1)),                     10],
  ['lru_hash: lookup of a missing key',   one('lru_hash', (s, m) => s.lookup(m, 2)),                     'ENOENT'],
  ['lru_hash: NOEXIST on a key that is there', one('lru_hash', (s, m) => s.update(m, 1, 11, NOEXIST)),   'EEXIST'],
  ['lru_hash: EXIST on a missing key',    one('lru_hash', (s, m) => s.update(m, 2, 11, EXIST)),          'ENOENT'],
  ['lru_hash: update',                    one('lru_hash', (s, m) => { s.update(m, 1, 11); return s.lookup(m, 1); }), 11],
  ['lru_hash: delete',                    one('lru_hash', (s, m) => { s.delete(m, 1); return s.lookup(m, 1); }), 'ENOENT'],
  ['lru_hash: take',                      one('lru_hash', (s, m) => s.take(m, 1)),                       10],
  ['lru_hash: never full, and never more than it may have', (s) => {
    const fd = s.map('lru_hash', { max_entries: 64 });
    for (let key = 0; key < 1000; key++) s.update(fd, key, key);
    return [s.lookup(fd, 999), keys(s, fd).length <= 64];
  }, [999, true]],
  ['lru_percpu_hash: never full', (s) => {
    const fd = s.map('lru_percpu_hash', { max_entries: 64 });
    const value = perCpu(possibleCpus(s));
    for (let key = 0; key < 200; key++) s.update(fd, key, value);
    return s.lookup(fd, 199, 0n, value.length);
  }, 1],

  ['prog_array: a program goes in, its id comes out', (s) => {
    const fd = s.map('prog_array');
    const prog = s.prog();
    s.update(fd, 2, u32(prog));
    return s.lookup(fd, 2, 0n, 4) === s.progId(prog);
  }, true],
  ['prog_array: an empty slot',           (s) => s.lookup(s.map('prog_array'), 0, 0n, 4),                'ENOENT'],
  ['prog_array: lookup past the end',     (s) => s.lookup(s.map('prog_array'), 4, 0n, 4),                'ENOENT'],
  ['prog_array: a bad fd',                (s) => s.update(s.map('prog_array'), 0, u32(999)),             'EBADF'],
  ['prog_array: a map in it',             (s) => s.update(s.map('prog_array'), 0, u32(s.map('array'))),  'EINVAL'],
  ['prog_array: NOEXIST',                 (s) => s.update(s.map('prog_array'), 0, u32(s.prog()), NOEXIST), 'EINVAL'],
  ['prog_array: EXIST',                   (s) => s.update(s.map('prog_array'), 0, u32(s.prog()), EXIST), 'EINVAL'],
  ['prog_array: update past the end',     (s) => s.update(s.map('prog_array'), 4, u32(s.prog())),        'E2BIG'],
  ['prog_array: delete of an empty slot', (s) => s.delete(s.map('prog_array'), 0),                       'ENOENT'],
  ['prog_array: delete past the end',     (s) => s.delete(s.map('prog_array'), 4),                       'E2BIG'],
  ['prog_array: delete', (s) => {
    const fd = s.map('prog_array');
    s.update(fd, 0, u32(s.prog()));
    s.delete(fd, 0);
    return s.lookup(fd, 0, 0n, 4);
  }, 'ENOENT'],
  ['prog_array: replaced', (s) => {
    const fd = s.map('prog_array');
    const [a, b] = [s.prog(), s.prog()];
    s.update(fd, 0, u32(a));
    s.update(fd, 0, u32(b));
    return s.lookup(fd, 0, 0n, 4) === s.progId(b);
  }, true],
  ['prog_array: programs of two types', (s) => {
    const fd = s.map('prog_array');
    s.update(fd, 0, u32(s.prog()));
    s.delete(fd, 0);
    s.update(fd, 1, u32(s.prog({ prog_type: 6 })));
  }, 'EINVAL'],
  ['prog_array: programs for two attach types', (s) => {
    const fd = s.map('prog_array');
    s.update(fd, 0, u32(s.prog({ prog_type: 6, expected_attach_type: 37 })));
    s.update(fd, 1, u32(s.prog({ prog_type: 6 })));
  }, 'EINVAL'],
  ['prog_array: keys',                    (s) => keys(s, s.map('prog_array')),                           [0, 1, 2, 3]],
  ['prog_array: lookup and delete', (s) => s.kernel.bpf('BPF_MAP_LOOKUP_AND_DELETE_ELEM', { map_fd: s.map('prog_array'), key: u32(0), value: new Uint8Array(4) }), 'ENOTSUPP'],

  ['lookup: a bad fd',                    (s) => s.kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd: 999, key: u32(0), value: u64(0) }), 'EBADF'],
  ['lookup: the fd of a program',         (s) => s.kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd: s.prog(), key: u32(0), value: u64(0) }), 'EINVAL'],
  ['a read-only fd: update',              (s) => s.update(s.map('array', { map_flags: 8 }), 0, 1),       'EPERM'],
  ['a read-only fd: lookup',              (s) => s.lookup(s.map('array', { map_flags: 8 }), 0),          0],
  ['a read-only fd: delete',              (s) => s.delete(s.map('hash', { map_flags: 8 }), 0),           'EPERM'],
  ['a read-only fd: take',                (s) => s.take(s.map('hash', { map_flags: 8 }), 0),             'EPERM'],
  ['a write-only fd: update',             (s) => s.update(s.map('array', { map_flags: 16 }), 0, 1),      'ok'],
  ['a write-only fd: lookup',             (s) => s.lookup(s.map('array', { map_flags: 16 }), 0),         'EPERM'],
  ['a write-only fd: next',               (s) => s.next(s.map('hash', { map_flags: 16 })),               'EPERM'],
  ['a write-only fd: take',               (s) => s.take(s.map('hash', { map_flags: 16 }), 0),            'EPERM'],
];
