import type { Mapping, MappingAccess } from '../../src/sys/kernel.ts';
import type { BpfAttr } from '../../src/uapi/attr.ts';
import { BPF_F_MMAPABLE, BPF_F_RDONLY, BPF_F_RDONLY_PROG } from '../../src/uapi/bpf.ts';
import type { Fd } from '../../src/uapi/fd.ts';
import type { Session } from './session.ts';
import type { Row } from './suite.ts';

const PAGE = 4096;

/** An array of 600 values of 8 bytes: two pages, of which the second is not full. */
function array(s: Session, attr: BpfAttr<'BPF_MAP_CREATE'> = {}): Fd {
  return s.map('array', { max_entries: 600, map_flags: BPF_F_MMAPABLE, ...attr });
}

function mapped<T>(
  s: Session,
  fd: Fd,
  access: MappingAccess,
  use: (mapping: Mapping) => T,
  size = PAGE,
  offset = 0,
): T {
  using mapping = s.kernel.mmap(fd, size, access, offset);
  return use(mapping);
}

// biome-ignore format: aligned table
export const mappingRows: readonly Row[] = [
  ['sees what is updated',               (s) => { const m = array(s); return mapped(s, m, 'read', (at) => { s.update(m, 2, 7); return at.bytes[16]; }); }, 7],
  ['changes the map',                    (s) => { const m = array(s); return mapped(s, m, 'read and write', (at) => { at.bytes[8] = 5; return s.lookup(m, 1); }); }, 5],
  ['has the length asked for',           (s) => mapped(s, array(s), 'read', (at) => at.bytes.length, 100), 100],
  ['from the second page',               (s) => { const m = array(s); s.update(m, 512, 9); return mapped(s, m, 'read', (at) => at.bytes[0], PAGE, PAGE); }, 9],
  ['all of it',                          (s) => mapped(s, array(s), 'read', (at) => at.bytes.length, 2 * PAGE), 2 * PAGE],
  ['more than there is',                 (s) => mapped(s, array(s), 'read', () => 0, 3 * PAGE), 'EINVAL'],
  ['nothing',                            (s) => mapped(s, array(s), 'read', () => 0, 0), 'EINVAL'],
  ['from the middle of a page',          (s) => mapped(s, array(s), 'read', () => 0, 16, 8), 'EINVAL'],
  ['from before the start',              (s) => mapped(s, array(s), 'read', () => 0, 16, -PAGE), 'EINVAL'],
  ['an array that is not mmapable',      (s) => mapped(s, s.map('array'), 'read', () => 0), 'EINVAL'],
  ['a hash',                             (s) => mapped(s, s.map('hash'), 'read', () => 0), 'ENOTSUPP'],
  ['a program',                          (s) => mapped(s, s.prog(), 'read', () => 0), 'ENODEV'],
  ['no fd',                              (s) => mapped(s, 999 as Fd, 'read', () => 0), 'EBADF'], // no kernel has handed it out
  ['writing through a read-only fd',     (s) => mapped(s, array(s, { map_flags: BPF_F_MMAPABLE | BPF_F_RDONLY }), 'read and write', () => 0), 'EACCES'],
  ['reading what programs only read',    (s) => mapped(s, array(s, { map_flags: BPF_F_MMAPABLE | BPF_F_RDONLY_PROG }), 'read', (at) => at.bytes[0]), 0],
  ['writing to what programs only read', (s) => mapped(s, array(s, { map_flags: BPF_F_MMAPABLE | BPF_F_RDONLY_PROG }), 'read and write', () => 0), 'EACCES'],
  ['writing to a frozen map',            (s) => { const m = array(s); s.freeze(m); mapped(s, m, 'read and write', () => 0); }, 'EPERM'],
  ['reading a frozen map',               (s) => { const m = array(s); s.freeze(m); return mapped(s, m, 'read', (at) => at.bytes[0]); }, 0],
  ['keeps a map from being frozen',      (s) => { const m = array(s); mapped(s, m, 'read and write', () => s.freeze(m)); }, 'EBUSY'],
  ['freezing after its end',             (s) => { const m = array(s); mapped(s, m, 'read and write', () => 0); s.freeze(m); }, 'ok'],
  ['outlives the fd',                    (s) => { const m = array(s); s.update(m, 0, 3); return mapped(s, m, 'read', (at) => { s.close(m); return at.bytes[0]; }); }, 3],
  ['is empty after its end',             (s) => { let mapping: Mapping | undefined; mapped(s, array(s), 'read', (at) => { mapping = at; }); return mapping?.bytes.length; }, 0],
];
