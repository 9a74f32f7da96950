import type { BpfAttr } from '../../src/uapi/attr.ts';
import { BPF_F_MMAPABLE, BPF_F_NO_USER_CONV, BPF_F_SEGV_ON_FAULT, mapTypeNumber } from '../../src/uapi/bpf.ts';
import type { Fd } from '../../src/uapi/fd.ts';
import { bpfMapInfo } from '../../src/uapi/info.ts';
import { type Session, u32 } from './session.ts';
import type { Row } from './suite.ts';

const PAGE = 4096;
const FLAGS = BPF_F_MMAPABLE;
/** An address that nothing else has; each row has one of its own. */
const at = (n: number): number => 0x120000000000 + n * 2 ** 32;

/** An arena of 16 pages. */
export function arena(s: Session, attr: BpfAttr<'BPF_MAP_CREATE'> = {}): Fd {
  return s.map('arena', { key_size: 0, value_size: 0, max_entries: 16, map_flags: FLAGS, ...attr });
}

function create(s: Session, attr: BpfAttr<'BPF_MAP_CREATE'>): string {
  arena(s, attr);
  return 'ok';
}

/** Bytes that a mapping has. */
function mapped(s: Session, fd: Fd, pages: number, address?: number, offset = 0): number {
  using mapping = s.kernel.mmap(fd, pages * PAGE, 'read and write', offset, address);
  return mapping.bytes.length / PAGE;
}

/** Does something while an arena is mapped there. */
function during<T>(s: Session, fd: Fd, address: number, use: () => T): T {
  using _ = s.kernel.mmap(fd, 16 * PAGE, 'read and write', 0, address);
  return use();
}

const KEY = new Uint8Array(4);
const elem = (s: Session, cmd: 'BPF_MAP_UPDATE_ELEM' | 'BPF_MAP_LOOKUP_ELEM', key?: Uint8Array) =>
  s.kernel.bpf(cmd, { map_fd: arena(s), key, value: new Uint8Array(8) });
const batch = { keys: KEY, values: new Uint8Array(8), out_batch: new Uint8Array(8) };

/** An array of maps like one of 16 pages, into which another is put. */
function putInto(s: Session, attr: BpfAttr<'BPF_MAP_CREATE'>): string {
  const outer = s.map('array_of_maps', { value_size: 4, inner_map_fd: arena(s) });
  s.update(outer, 0, u32(arena(s, attr)));
  return 'ok';
}

// biome-ignore format: aligned table
export const arenaCallRows: readonly Row[] = [
  ['a key',                               (s) => create(s, { key_size: 4 }), 'EINVAL'],
  ['a value',                             (s) => create(s, { value_size: 4 }), 'EINVAL'],
  ['no pages',                            (s) => create(s, { max_entries: 0 }), 'EINVAL'],
  ['not mappable',                        (s) => create(s, { map_flags: 0 }), 'EINVAL'],
  ['SEGV_ON_FAULT',                       (s) => create(s, { map_flags: FLAGS | BPF_F_SEGV_ON_FAULT }), 'ok'],
  ['NO_USER_CONV',                        (s) => create(s, { map_flags: FLAGS | BPF_F_NO_USER_CONV }), 'ok'],
  ['a node of memory',                    (s) => create(s, { map_flags: FLAGS | 4 }), 'EINVAL'],
  ['RDONLY',                              (s) => create(s, { map_flags: FLAGS | 8 }), 'EINVAL'],
  ['RDONLY_PROG',                         (s) => create(s, { map_flags: FLAGS | 0x80 }), 'EINVAL'],
  ['a page more than 4 GiB',              (s) => create(s, { max_entries: 2 ** 20 + 1 }), 'E2BIG'],
  ['as many pages as can be said',        (s) => create(s, { max_entries: 2 ** 32 - 1 }), 'E2BIG'],
  ['an address in a page',                (s) => create(s, { map_extra: 0x1000000800n }), 'EINVAL'],
  ['over a multiple of 4 GiB',            (s) => create(s, { map_extra: 0x10ffffe000n, max_entries: 3 }), 'ERANGE'],
  ['up to a multiple of 4 GiB',           (s) => create(s, { map_extra: 0x10ffffe000n, max_entries: 2 }), 'ok'],
  ['at the first page',                   (s) => create(s, { map_extra: 0x1000n }), 'ok'],
  ['at the last page',                    (s) => create(s, { map_extra: 0xfffffffffffff000n, max_entries: 1 }), 'ok'],
  ['behind the last page',                (s) => create(s, { map_extra: 0xfffffffffffff000n, max_entries: 2 }), 'ERANGE'],
  ['info',                                (s) => { const { map_extra, max_entries, map_flags } = s.info(arena(s, { map_extra: 0x10000000n }), bpfMapInfo); return [map_extra, max_entries, map_flags]; }, [0x10000000n, 16, FLAGS]],

  ['lookup',                              (s) => elem(s, 'BPF_MAP_LOOKUP_ELEM'), 'EINVAL'],
  ['lookup with a key',                   (s) => elem(s, 'BPF_MAP_LOOKUP_ELEM', KEY), 'EINVAL'],
  ['update',                              (s) => elem(s, 'BPF_MAP_UPDATE_ELEM'), 'EOPNOTSUPP'],
  ['update with a key',                   (s) => elem(s, 'BPF_MAP_UPDATE_ELEM', KEY), 'EINVAL'],
  ['delete',                              (s) => s.kernel.bpf('BPF_MAP_DELETE_ELEM', { map_fd: arena(s) }), 'EOPNOTSUPP'],
  ['the next key',                        (s) => s.kernel.bpf('BPF_MAP_GET_NEXT_KEY', { map_fd: arena(s), next_key: new Uint8Array(8) }), 'EOPNOTSUPP'],
  ['take',                                (s) => s.kernel.bpf('BPF_MAP_LOOKUP_AND_DELETE_ELEM', { map_fd: arena(s), value: new Uint8Array(8) }), 'ENOTSUPP'],
  ['a batch',                             (s) => s.kernel.bpf('BPF_MAP_LOOKUP_BATCH', { map_fd: arena(s), count: 1, ...batch }), 'ENOTSUPP'],
  ['a batch to write',                    (s) => s.kernel.bpf('BPF_MAP_UPDATE_BATCH', { map_fd: arena(s), count: 1, ...batch }), 'ENOTSUPP'],
  ['in an array of maps',                 (s) => putInto(s, {}), 'ok'],
  ['in an array of maps, another size',   (s) => putInto(s, { max_entries: 3 }), 'ok'],
  ['in an array of maps, other flags',    (s) => putInto(s, { map_flags: FLAGS | BPF_F_NO_USER_CONV }), 'EINVAL'],

  ['mmap: all of it',                     (s) => mapped(s, arena(s), 16), 16],
  ['mmap: less of it',                    (s) => mapped(s, arena(s), 4), 4],
  ['mmap: more than there is',            (s) => mapped(s, arena(s), 32), 32],
  ['mmap: more than 4 GiB',               (s) => mapped(s, arena(s), 2 ** 20 + 1), 'E2BIG'],
  ['mmap: from the second page',          (s) => mapped(s, arena(s), 4, undefined, PAGE), 'EINVAL'],
  ['mmap: at an address',                 (s) => mapped(s, arena(s), 16, at(0)), 16],
  ['mmap: at an address in a page',       (s) => mapped(s, arena(s), 16, at(1) + 8), 'EINVAL'],
  ['mmap: over a multiple of 4 GiB',      (s) => mapped(s, arena(s), 16, at(2) - 4 * PAGE), 'EINVAL'],
  ['mmap: where no process has memory',   (s) => mapped(s, arena(s), 16, 2 ** 47 - PAGE), 'ENOMEM'],
  ['mmap: where it belongs',              (s) => mapped(s, arena(s, { map_extra: BigInt(at(3)) }), 16, at(3)), 16],
  ['mmap: anywhere, though it belongs somewhere', (s) => mapped(s, arena(s, { map_extra: BigInt(at(4)) }), 16), 'EINVAL'],
  ['mmap: elsewhere',                     (s) => mapped(s, arena(s, { map_extra: BigInt(at(5)) }), 16, at(6)), 'EINVAL'],
  ['mmap: less than belongs somewhere',   (s) => mapped(s, arena(s, { map_extra: BigInt(at(7)) }), 8, at(7)), 'EINVAL'],
  ['mmap: more than belongs somewhere',   (s) => mapped(s, arena(s, { map_extra: BigInt(at(8)) }), 17, at(8)), 'E2BIG'],
  ['mmap: again',                         (s) => { const m = arena(s); mapped(s, m, 16, at(9)); return mapped(s, m, 16, at(9)); }, 16],
  ['mmap: again, anywhere',               (s) => { const m = arena(s); mapped(s, m, 16, at(10)); return mapped(s, m, 16); }, 'EINVAL'],
  ['mmap: again, elsewhere',              (s) => { const m = arena(s); mapped(s, m, 16, at(11)); return mapped(s, m, 16, at(12)); }, 'EINVAL'],
  ['mmap: again, less',                   (s) => { const m = arena(s); mapped(s, m, 16, at(13)); return mapped(s, m, 8, at(13)); }, 'EINVAL'],
  ['mmap: twice at once',                 (s) => { const m = arena(s); return during(s, m, at(14), () => mapped(s, m, 16, at(14))); }, 'EEXIST'],
  ['mmap: where another is',              (s) => during(s, arena(s), at(15), () => mapped(s, arena(s), 16, at(15) + 8 * PAGE)), 'EEXIST'],
  ['mmap: behind another',                (s) => during(s, arena(s), at(16), () => mapped(s, arena(s), 16, at(16) + 16 * PAGE)), 16],
  ['mmap: frozen',                        (s) => { const m = arena(s); s.freeze(m); return mapped(s, m, 16); }, 'EPERM'],
  ['freezing what is mapped',             (s) => { const m = arena(s); during(s, m, at(17), () => s.freeze(m)); }, 'EBUSY'],
  ['memory outlives its mapping',         (s) => {
    const m = arena(s);
    { using first = s.kernel.mmap(m, 16 * PAGE, 'read and write', 0, at(19)); first.bytes[5] = 7; first.write(2 * PAGE, KEY); }
    using second = s.kernel.mmap(m, 16 * PAGE, 'read and write', 0, at(19));
    return second.bytes[5];
  }, 7],
  ['writing beyond the end',              (s) => { using mapping = s.kernel.mmap(arena(s), 16 * PAGE, 'read and write', 0, at(20)); mapping.write(16 * PAGE - 2, KEY); }, 'EFAULT'],
  ['its type',                            (s) => s.info(arena(s), bpfMapInfo).type, mapTypeNumber.arena],
];
