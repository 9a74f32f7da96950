import { describe, expect, it } from 'vitest';
import type { AttachType, ProgType } from '../uapi/bpf.ts';
import { programTypeOf, sectionRule } from './section.ts';

describe('sectionRule', () => {
  // biome-ignore format: aligned table
  it.each<[string, ProgType | undefined, AttachType | undefined]>([
    ['xdp',                    'xdp',              'xdp'],
    ['xdp.frags/devmap',       'xdp',              'xdp_devmap'],
    ['kprobe/do_mkdirat',      'kprobe',           undefined],
    ['tc/ingress',             'sched_cls',        'tcx_ingress'],
    ['cgroup/sock_release',    'cgroup_sock',      'cgroup_inet_sock_release'],
    // As a prefix, where nothing else matches.
    ['socket1',                'socket_filter',    undefined],
    ['socket_filter/a',        'socket_filter',    undefined],
    ['xdp_drop',               'xdp',              'xdp'],
    ['xdp/drop',               'xdp',              'xdp'],
    ['xdp_devmap/a',           'xdp',              'xdp_devmap'],
    ['tc_egress',              'sched_cls',        undefined],
    ['tcx/ingress_a',          'sched_cls',        undefined],
    ['classifier/second',      'sched_cls',        undefined],
    ['cgroup/connect4/a',      'cgroup_sock_addr', 'cgroup_inet4_connect'],
    ['cgroup/sock_created',    'cgroup_sock',      'cgroup_inet_sock_create'],
    ['sk_skb/stream_parser_a', 'sk_skb',           'sk_skb_stream_parser'],
    ['sched_cls/a',            'sched_cls',        undefined],
    // Nor are these prefixes of old libbpf.
    ['kprobes',                undefined,          undefined],
    ['tproxy',                 undefined,          undefined],
    ['from-netdev',            undefined,          undefined],
    ['2/7',                    undefined,          undefined],
    ['.text',                  undefined,          undefined],
  ])('%s', (section, type, attachType) => {
    const rule = sectionRule(section);
    expect([rule?.type, rule?.attachType]).toEqual([type, attachType]);
  });

  it('is taken at its word where a user names a type', () => {
    expect(programTypeOf('kprobe/a')).toBe('kprobe');
    expect(() => programTypeOf('xdpp')).toThrow('xdpp is no program type');
  });
});
