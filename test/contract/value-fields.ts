import type { BpfAttr } from '../../src/uapi/attr.ts';
import type { mapTypeNumber } from '../../src/uapi/bpf.ts';
import type { Fd } from '../../src/uapi/fd.ts';
import { outcome, type Session, u32 } from './session.ts';
import type { Row } from './suite.ts';
import { type Field, valueBtf } from './value-btf.ts';

type Type = keyof typeof mapTypeNumber;
const F_LOCK = 4n;
const [NOEXIST, EXIST] = [1n, 2n];
const [NO_PREALLOC, RDONLY_PROG, WRONLY_PROG, MMAPABLE] = [1, 128, 256, 1024];

/** Types of which a map can have any value, and what else they are made with. */
const SHAPES: readonly (readonly [Type, BpfAttr<'BPF_MAP_CREATE'>?])[] = [
  ['hash'],
  ['array'],
  ['percpu_hash'],
  ['percpu_array'],
  ['lru_hash'],
  ['lru_percpu_hash'],
  ['lpm_trie', { key_size: 8, map_flags: NO_PREALLOC, btf_key_type_id: 0 }],
  ['queue', { key_size: 0, btf_key_type_id: 0 }],
  ['bloom_filter', { key_size: 0, btf_key_type_id: 0 }],
  ['devmap', { value_size: 8 }],
];

function make(
  s: Session,
  type: Type,
  size: number,
  fields: readonly Field[],
  more: BpfAttr<'BPF_MAP_CREATE'> = {},
): Fd {
  const { bytes, int, value } = valueBtf(fields, size);
  const btf_fd = s.own(s.kernel.bpf('BPF_BTF_LOAD', { btf: bytes, btf_size: bytes.length }));
  return s.map(type, { value_size: size, btf_fd, btf_key_type_id: int, btf_value_type_id: value, ...more });
}

/** What BPF_MAP_CREATE answers for each type, those together that have the same answer. */
function answers(s: Session, size: number, fields: readonly Field[]): Record<string, string> {
  const all: Record<string, Type[]> = {};
  for (const [type, more] of SHAPES) {
    const answer = String(outcome(() => void make(s, type, size, fields, more)));
    all[answer] = [...(all[answer] ?? []), type];
  }
  return Object.fromEntries(Object.entries(all).map(([answer, types]) => [answer, types.join(' ')]));
}

/** As {@link answers}, or the one answer that all types give. */
const created =
  (fields: readonly Field[], size: number) =>
  (s: Session): unknown => {
    const all = answers(s, size, fields);
    const [only, ...others] = Object.keys(all);
    return others.length === 0 ? only : all;
  };
const makes = (type: Type, map_flags: number, fields: readonly Field[]) => (s: Session) =>
  void make(s, type, 16, fields, { map_flags });
const many = (count: number): Field[] => Array.from({ length: count }, (_, i) => ['kptr', 8 * i]);

const LOCK: readonly Field[] = [
  ['int', 0],
  ['bpf_spin_lock', 4],
  ['long', 8],
];
const ALL_ONES = new Uint8Array(16).fill(0xff);
const ALL_TWOS = new Uint8Array(16).fill(2);
const WITHOUT_LOCK = [...Array(4).fill(255), 0, 0, 0, 0, ...Array(8).fill(255)];

function shown(s: Session, map_fd: Fd, key: number, flags = 0n): number[] {
  const value = new Uint8Array(16);
  s.kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd, key: u32(key), value, flags });
  return [...value];
}

const ALL = 'hash array percpu_hash percpu_array lru_hash lru_percpu_hash';
/** Fields that are none, or are wrong in a way that only programs notice. */
const NONE = { ok: `${ALL} bloom_filter`, EINVAL: 'lpm_trie queue', ENOTSUPP: 'devmap' };
/** The same where the value is too long for a devmap. */
const NONE_LONG = { ok: NONE.ok, EINVAL: 'lpm_trie queue devmap' };
const LOCKS = {
  ok: 'hash array',
  EOPNOTSUPP: 'percpu_hash percpu_array lru_hash lru_percpu_hash lpm_trie bloom_filter',
  EINVAL: 'queue',
  EACCES: 'devmap',
};
const TIMERS = {
  ok: 'hash array lru_hash',
  EOPNOTSUPP: 'percpu_hash percpu_array lru_percpu_hash lpm_trie bloom_filter',
  EINVAL: 'queue devmap',
};
const LOCK_AND_TIMER = { ok: LOCKS.ok, EOPNOTSUPP: LOCKS.EOPNOTSUPP, EINVAL: 'queue devmap' };
const KPTRS = { ok: ALL, EOPNOTSUPP: 'lpm_trie bloom_filter', EINVAL: 'queue', EACCES: 'devmap' };
const MANY_KPTRS = { ok: ALL, EOPNOTSUPP: 'lpm_trie bloom_filter', EINVAL: 'queue devmap' };
const UPTR = { EOPNOTSUPP: `${ALL} lpm_trie bloom_filter`, EINVAL: 'queue', EACCES: 'devmap' };

// biome-ignore format: aligned table
export const valueFieldRows: readonly Row[] = [
  ['no field',                          created([['int', 0]], 8),                                       NONE],
  ['a lock',                            created([['int', 0], ['bpf_spin_lock', 4]], 8),                 LOCKS],
  ['a lock in a struct',                created([['struct_of_lock', 0]], 8),                            LOCKS],
  ['a typedef of a lock',               created([['typedef_lock', 0]], 8),                              NONE],
  ['a const lock',                      created([['const_lock', 0]], 8),                                NONE],
  ['an array of locks',                 created([['locks', 0]], 8),                                     NONE],
  ['a lock at an odd place',            created([['bpf_spin_lock', 2]], 8),                             'EFAULT'],
  ['a lock of 8 bytes',                 created([['bpf_spin_lock_8', 0]], 8),                           'EFAULT'],
  ['two locks',                         created([['bpf_spin_lock', 0], ['bpf_spin_lock', 4]], 8),       'E2BIG'],
  ['a lock outside',                    created([['bpf_spin_lock', 8]], 8),                             'EINVAL'],
  ['a resilient lock',                  created([['bpf_res_spin_lock', 0]], 8),                         LOCKS],
  ['both locks',                        created([['bpf_spin_lock', 0], ['bpf_res_spin_lock', 4]], 8),   'EINVAL'],
  ['a timer',                           created([['bpf_timer', 0]], 16),                                TIMERS],
  ['two timers',                        created([['bpf_timer', 0], ['bpf_timer', 16]], 32),             NONE_LONG],
  ['a timer at an odd place',           created([['bpf_timer', 4]], 24),                                NONE_LONG],
  ['a work queue',                      created([['bpf_wq', 0]], 16),                                   TIMERS],
  ['a timer and a work queue',          created([['bpf_wq', 0], ['bpf_timer', 16]], 32),                TIMERS],
  ['a lock and a timer',                created([['bpf_spin_lock', 0], ['bpf_timer', 8]], 24),          LOCK_AND_TIMER],
  ['a refcount',                        created([['bpf_refcount', 0]], 8),                              KPTRS],
  ['a list of nothing',                 created([['bpf_list_head', 0], ['bpf_spin_lock', 16]], 24),     'EINVAL'],
  ['a tree of nothing',                 created([['bpf_rb_root', 0], ['bpf_spin_lock', 16]], 24),       'EINVAL'],
  ['a node of a list',                  created([['bpf_list_node', 0]], 24),                            NONE_LONG],
  ['a kptr',                            created([['kptr', 0]], 8),                                      KPTRS],
  ['an untrusted kptr',                 created([['kptr_untrusted', 0]], 8),                            KPTRS],
  ['a per-CPU kptr',                    created([['percpu_kptr', 0]], 8),                               KPTRS],
  ['a pointer to memory of user space', created([['uptr', 0]], 8),                                      UPTR],
  ['a kptr to a number',                created([['kptr_int', 0]], 8),                                  NONE],
  ['a kptr to what is not known',       created([['kptr_fwd', 0]], 8),                                  NONE],
  ['a kptr at an odd place',            created([['kptr', 4]], 16),                                     'EFAULT'],
  ['11 kptrs',                          created(many(11), 88),                                          MANY_KPTRS],
  ['12 kptrs',                          created(many(12), 96),                                          'E2BIG'],
  ['array: a lock, RDONLY_PROG',        makes('array', RDONLY_PROG, LOCK),                              'EACCES'],
  ['hash: a lock, WRONLY_PROG',         makes('hash', WRONLY_PROG, LOCK),                               'EACCES'],
  ['array: a lock, MMAPABLE',           makes('array', MMAPABLE, LOCK),                                 'ok'],
  ...(['hash', 'array'] as const).flatMap((type): Row[] => [
    [`${type}: a lock is not shown`, (s) => {
      const fd = make(s, type, 16, LOCK);
      s.update(fd, 1, ALL_ONES);
      return [shown(s, fd, 1), shown(s, fd, 1, F_LOCK)];
    }, [WITHOUT_LOCK, WITHOUT_LOCK]],
    [`${type}: nor in a batch`, (s) => {
      const fd = make(s, type, 16, LOCK, { max_entries: 1 });
      s.update(fd, 0, ALL_ONES, F_LOCK);
      const [keys, values, out_batch] = [new Uint8Array(16), new Uint8Array(64), new Uint8Array(4)];
      const attr = { map_fd: fd, keys, values, out_batch, count: 4, elem_flags: F_LOCK };
      return [outcome(() => s.kernel.bpf('BPF_MAP_LOOKUP_BATCH', attr)), attr.count, [...values.subarray(0, 16)]];
    }, ['ENOENT', 1, WITHOUT_LOCK]],
    [`${type}: an update with the lock`, (s) => {
      const fd = make(s, type, 16, LOCK);
      s.update(fd, 1, ALL_ONES);
      s.update(fd, 1, ALL_TWOS, F_LOCK);
      return shown(s, fd, 1)[0];
    }, 2],
    [`${type}: a batch of updates with the lock`, (s) => {
      const fd = make(s, type, 16, LOCK);
      const attr = { map_fd: fd, keys: u32(1), values: ALL_TWOS, count: 1, elem_flags: F_LOCK };
      s.kernel.bpf('BPF_MAP_UPDATE_BATCH', attr);
      return shown(s, fd, 1)[0];
    }, 2],
    [`${type}: a batch with another flag`, (s) => {
      const fd = make(s, type, 16, LOCK);
      const attr = { map_fd: fd, keys: u32(1), values: ALL_TWOS, count: 1, elem_flags: EXIST };
      s.kernel.bpf('BPF_MAP_UPDATE_BATCH', attr);
    }, 'EINVAL'],
    [`${type}: the lock, and the element exists`, (s) => {
      const fd = make(s, type, 16, LOCK);
      s.update(fd, 1, ALL_ONES);
      return [outcome(() => s.update(fd, 1, ALL_ONES, F_LOCK | EXIST)), outcome(() => s.update(fd, 1, ALL_ONES, F_LOCK | NOEXIST))];
    }, ['ok', 'EEXIST']],
    [`${type}: the lock and flags that no update has`, (s) => s.update(make(s, type, 16, LOCK), 1, ALL_ONES, F_LOCK | 3n),  'EINVAL'],
    [`${type}: the lock and a flag that nothing has`, (s) => s.update(make(s, type, 16, LOCK), 1, ALL_ONES, F_LOCK | 8n),   'EINVAL'],
    [`${type}: a lock, frozen`,          (s) => s.freeze(make(s, type, 16, LOCK)),                       'ENOTSUPP'],
    [`${type}: no lock, an update with it`,  (s) => s.update(make(s, type, 16, [['long', 0]]), 1, ALL_ONES, F_LOCK),        'EINVAL'],
    [`${type}: no lock, a lookup with it`,   (s) => shown(s, make(s, type, 16, [['long', 0]]), 1, F_LOCK),                  'EINVAL'],
    [`${type}: a kptr is not shown, and not written`, (s) => {
      const fd = make(s, type, 16, [['kptr', 8]]);
      s.update(fd, 1, ALL_ONES);
      return shown(s, fd, 1);
    }, [...Array(8).fill(255), ...Array(8).fill(0)]],
  ]),
  ['hash: taken without its lock', (s) => {
    const fd = make(s, 'hash', 16, LOCK);
    s.update(fd, 1, ALL_ONES);
    const value = new Uint8Array(16);
    s.kernel.bpf('BPF_MAP_LOOKUP_AND_DELETE_ELEM', { map_fd: fd, key: u32(1), value, flags: F_LOCK });
    return [...value];
  }, WITHOUT_LOCK],
  ['lru_hash: a timer is not shown', (s) => {
    const fd = make(s, 'lru_hash', 16, [['bpf_timer', 0]]);
    s.update(fd, 1, ALL_ONES);
    return shown(s, fd, 1);
  }, Array(16).fill(0)],
  ['percpu_array: kptrs of each CPU are not shown', (s) => {
    const fd = make(s, 'percpu_array', 16, [['kptr', 8]]);
    const value = new Uint8Array(16 * 64).fill(255);
    s.update(fd, 1, value);
    s.kernel.bpf('BPF_MAP_LOOKUP_ELEM', { map_fd: fd, key: u32(1), value });
    return [...value.subarray(0, 32)];
  }, [...Array(8).fill(255), ...Array(8).fill(0), ...Array(8).fill(255), ...Array(8).fill(0)]],
  ['programs of sockets and a lock', (s) => {
    const insns = new Uint8Array(32);
    insns.set([0x18, 0x11, 0, 0, ...u32(make(s, 'array', 16, LOCK))]);
    insns.set([0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95], 16);
    return [1, 3].map((prog_type) => outcome(() => void s.prog({ prog_type, insns, insn_cnt: 4 })));
  }, ['EINVAL', 'ok']],
];
