import type { BpfAttr } from '../../src/uapi/attr.ts';
import { progTypeNumber } from '../../src/uapi/bpf.ts';
import type { Fd } from '../../src/uapi/fd.ts';
import { bytecode, I } from '../support/bytecode.ts';
import { outcome, type Session, u32 } from './session.ts';
import type { Row } from './suite.ts';

const [NO_PREALLOC, NUMA, RDONLY, RDONLY_PROG] = [1, 4, 8, 128];
const [XDP_ABORTED, XDP_PASS, XDP_TX] = [0, 2, 3];

const xskmap = (s: Session, more: BpfAttr<'BPF_MAP_CREATE'> = {}): Fd => s.map('xskmap', { value_size: 4, ...more });
const makes = (more: BpfAttr<'BPF_MAP_CREATE'>) => (s: Session) => void xskmap(s, more);
const put = (s: Session, map: Fd, key: number, fd: number, flags = 0n) =>
  outcome(() => s.update(map, key, u32(fd), flags));

/** What bpf_redirect_map answers of a map without sockets. */
function redirected(s: Session, index: number, flags: number): number | undefined {
  const insns = bytecode(I.mapFd(1, xskmap(s)), I.mov(2, index), I.mov(3, flags), I.call(51), I.exit);
  const prog_fd = s.prog({ prog_type: progTypeNumber.xdp, insns, insn_cnt: insns.length / 8 });
  const run: BpfAttr<'BPF_PROG_TEST_RUN'> = { prog_fd, data_in: new Uint8Array(64), data_size_in: 64, retval: 0 };
  s.kernel.bpf('BPF_PROG_TEST_RUN', run);
  return run.retval;
}

// biome-ignore format: aligned table
export const xskmapRows: readonly Row[] = [
  ['xskmap',                    makes({}),                             'ok'],
  ['a key of 8 bytes',          makes({ key_size: 8 }),                'EINVAL'],
  ['a value of 8 bytes',        makes({ value_size: 8 }),              'EINVAL'],
  ['no entries',                makes({ max_entries: 0 }),             'EINVAL'],
  ['on a node',                 makes({ map_flags: NUMA }),            'ok'],
  ['RDONLY',                    makes({ map_flags: RDONLY }),          'ok'],
  ['RDONLY_PROG',               makes({ map_flags: RDONLY_PROG }),     'EINVAL'],
  ['NO_PREALLOC',               makes({ map_flags: NO_PREALLOC }),     'EINVAL'],
  ['with a BTF',                (s) => void xskmap(s, { btf_fd: s.btf(), btf_key_type_id: 1, btf_value_type_id: 1 }), 'ENOTSUPP'],
  ['what no socket is',         (s) => { const map = xskmap(s); return [put(s, map, 0, map), put(s, map, 0, 9999), put(s, map, 4, map), put(s, map, 0, map, 3n), put(s, map, 0, map, 1n), put(s, map, 0, map, 2n)]; }, ['ENOTSOCK', 'EBADF', 'E2BIG', 'EINVAL', 'ENOTSOCK', 'ENOTSOCK']],
  ['reading',                   (s) => { const map = xskmap(s); return outcome(() => s.lookup(map, 0, 0n, 4)); }, 'EOPNOTSUPP'],
  ['reading beyond',            (s) => { const map = xskmap(s); return outcome(() => s.lookup(map, 9, 0n, 4)); }, 'EOPNOTSUPP'],
  ['deleting',                  (s) => { const map = xskmap(s); return [0, 3, 4].map((key) => outcome(() => s.delete(map, key))); }, ['ok', 'ok', 'EINVAL']],
  ['keys',                      (s) => { const map = xskmap(s); return [s.next(map), s.next(map, 0), outcome(() => s.next(map, 3)), s.next(map, 9)]; }, [0, 1, 'ENOENT', 0]],
  ['taking',                    (s) => outcome(() => s.take(xskmap(s), 0)), 'ENOTSUPP'],
  ['frozen',                    (s) => { const map = xskmap(s); s.freeze(map); return put(s, map, 0, map); }, 'EPERM'],
  ['in a map',                  (s) => void s.map('array_of_maps', { value_size: 4, inner_map_fd: xskmap(s) }), 'ok'],
  ['batches',                   (s) => s.kernel.bpf('BPF_MAP_LOOKUP_BATCH', { map_fd: xskmap(s), keys: u32(0), values: u32(0), out_batch: u32(0), count: 1 }), 'ENOTSUPP'],
  ['memlock',                   (s) => /memlock:\s*(\d+)/.exec(s.text(`/proc/self/fdinfo/${xskmap(s)}`))?.[1], '336'],
  ['redirect: aborts',          (s) => redirected(s, 0, XDP_ABORTED),  XDP_ABORTED],
  ['redirect: passes',          (s) => redirected(s, 0, XDP_PASS),     XDP_PASS],
  ['redirect: sends back',      (s) => redirected(s, 9, XDP_TX),       XDP_TX],
  ['redirect: flags of a map of devices', (s) => redirected(s, 0, 8),  XDP_ABORTED],
];
