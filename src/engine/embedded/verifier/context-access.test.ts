import { describe, expect, it } from 'vitest';
import { type AttachType, attachTypeNumber, type ProgType } from '../../../uapi/bpf.ts';
import { contextAccess, socketAccess } from './context-access.ts';

type Row = readonly [
  type: ProgType,
  hook: AttachType,
  off: number,
  size: number,
  mode: 'r' | 'w',
  kind: string | undefined,
];

// biome-ignore format: aligned table
const ROWS: readonly Row[] = [
  ['xdp',                     'xdp',                     0,    4, 'r', 'packet'],
  ['xdp',                     'xdp',                     0,    8, 'r', undefined],
  ['xdp',                     'xdp',                     20,   4, 'r', undefined],
  ['xdp',                     'xdp_devmap',              20,   4, 'r', 'scalar'],
  ['sched_cls',               'tcx_ingress',             8,    4, 'w', 'scalar'],
  ['sched_cls',               'tcx_ingress',             8,    2, 'w', undefined],
  ['sched_cls',               'tcx_ingress',             9,    2, 'r', undefined],
  ['sched_cls',               'tcx_ingress',             168,  8, 'r', 'sock_common_or_null'],
  ['socket_filter',           'cgroup_inet_ingress',     76,   4, 'r', undefined],
  ['cgroup_sock_addr',        'cgroup_inet4_connect',    8,    8, 'w', undefined],
  ['cgroup_sock_addr',        'cgroup_inet6_connect',    8,    8, 'w', 'scalar'],
  ['cgroup_sock',             'cgroup_inet_sock_create', 24,   4, 'r', undefined],
  ['cgroup_sock',             'cgroup_inet4_post_bind',  24,   4, 'r', 'scalar'],
  ['raw_tracepoint_writable', 'cgroup_inet_ingress',     0,    8, 'r', 'tp_buffer'],
  ['tracepoint',              'cgroup_inet_ingress',     8188, 4, 'r', 'scalar'],
  ['tracepoint',              'cgroup_inet_ingress',     8192, 4, 'r', undefined],
  ['tracing',                 'trace_fentry',            8,    8, 'r', 'btf'],
  ['xdp',                     'xdp',                     -4,   4, 'r', undefined],
];

describe('contextAccess', () => {
  it.each(ROWS)('%s for %s: off %i size %i %s', (type, hook, off, size, mode, kind) => {
    expect(contextAccess(type, attachTypeNumber[hook], { off, size, write: mode === 'w' })?.kind).toBe(kind);
  });
});

describe('socketAccess', () => {
  it('shows less of a common socket than of a whole one', () => {
    const mark = { off: 16, size: 4, write: false };
    expect([socketAccess('sock_common', mark), socketAccess('socket', mark)?.kind]).toEqual([undefined, 'scalar']);
  });

  it('lets only the keys of a flow dissector be written, aligned or not', () => {
    expect(socketAccess('socket', { off: 16, size: 4, write: true })).toBeUndefined();
    expect(socketAccess('flow_keys', { off: 1, size: 8, write: true })?.kind).toBe('scalar');
    expect(socketAccess('flow_keys', { off: 49, size: 8, write: true })).toBeUndefined();
  });
});
