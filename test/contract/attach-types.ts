import { ATTACH_TYPES, type AttachType, attachTypeNumber, type ProgType, progTypeNumber } from '../../src/uapi/bpf.ts';
import type { Fd } from '../../src/uapi/fd.ts';
import { bytecode, I } from '../support/bytecode.ts';
import { outcome, type Session } from './session.ts';
import type { Row } from './suite.ts';

/** No cgroup, map, namespace or device. */
const NOWHERE = 9999 as Fd; // none that any kernel gave
const RETURN_1 = bytecode(I.mov(0, 1), I.exit);
/** 2 or 3: what only programs on the way out may return. */
const RETURN_2_OR_3 = bytecode(I.call(5), { opcode: 0x57, dst: 0, imm: 1 }, { opcode: 0x47, dst: 0, imm: 2 }, I.exit);

/** What is said of places where this type of program cannot be attached, or where this kernel attaches none. */
const REFUSALS: readonly unknown[] = ['EINVAL', 'ENOTSUPP', 'EOPNOTSUPP'];

/** Where a program may be attached, and be linked to: there the answer is that there is no such target. */
function places(session: Session, type: ProgType, expected: AttachType | undefined, insns: Uint8Array): unknown {
  const prog = session.prog({
    prog_type: progTypeNumber[type],
    expected_attach_type: expected === undefined ? 0 : attachTypeNumber[expected],
    insns,
    insn_cnt: insns.length / 8,
  });
  const taken = (attach: (attach_type: number) => unknown) =>
    ATTACH_TYPES.filter((name) => !REFUSALS.includes(outcome(() => attach(attachTypeNumber[name])))).join(' ');
  const { kernel } = session;
  return {
    attached: taken((attach_type) =>
      kernel.bpf('BPF_PROG_ATTACH', { target_fd: NOWHERE, attach_bpf_fd: prog, attach_type }),
    ),
    linked: taken((attach_type) => kernel.bpf('BPF_LINK_CREATE', { target_fd: NOWHERE, prog_fd: prog, attach_type })),
  };
}

/** A type of programs, what they are loaded for, and where they may be attached and linked; `undefined`: where they are linked too. */
type Case = readonly [type: ProgType, expected: AttachType | undefined, linked: string, attached?: string];

const SKB = 'cgroup_inet_ingress cgroup_inet_egress';
const STREAMS = 'sk_skb_stream_parser sk_skb_stream_verdict sk_skb_verdict';
const TC = 'tcx_ingress tcx_egress';
const ADDRESSES = ATTACH_TYPES.filter((name) => /^cgroup_.*(\d_bind|connect|peername|sockname|msg)$/.test(name));

// biome-ignore format: aligned table
const CASES: readonly Case[] = [
  ['socket_filter',   undefined,                         ''],
  ['sched_act',       undefined,                         ''],
  ['xdp',             undefined,                         ''],
  ['xdp',             'xdp_devmap',                      ''],
  ['xdp',             'xdp_cpumap',                      ''],
  ['lwt_in',          undefined,                         ''],
  ['lwt_xmit',        undefined,                         ''],
  ['lwt_seg6local',   undefined,                         ''],
  ['raw_tracepoint',  undefined,                         ''],
  ['sk_reuseport',    undefined,                         ''],
  ['sk_reuseport',    'sk_reuseport_select_or_migrate',  ''],
  ['sched_cls',       undefined,                         TC],
  ['sched_cls',       'tcx_egress',                      TC],
  ['sched_cls',       'xdp',                             TC],
  ['flow_dissector',  undefined,                         'flow_dissector', ''],
  ['sk_lookup',       'sk_lookup',                       'sk_lookup', ''],
  ['sk_skb',          undefined,                         STREAMS],
  ['sk_skb',          'sk_skb_verdict',                  STREAMS],
  ['sk_msg',          undefined,                         'sk_msg_verdict'],
  ['tracepoint',      undefined,                         'perf_event', ''],
  ['perf_event',      undefined,                         'perf_event', ''],
  ['kprobe',          undefined,                         'perf_event', ''],
  ['cgroup_sysctl',   undefined,                         'cgroup_sysctl'],
  ['cgroup_device',   undefined,                         'cgroup_device'],
  ['sock_ops',        undefined,                         'cgroup_sock_ops'],
  ['cgroup_skb',      undefined,                         SKB],
  ['cgroup_skb',      'cgroup_inet_egress',              SKB],
  ['cgroup_sock',     undefined,                         'cgroup_inet_sock_create'],
  ['cgroup_sock',     'cgroup_inet_sock_release',        'cgroup_inet_sock_release'],
  ['cgroup_sock',     'cgroup_inet6_post_bind',          'cgroup_inet6_post_bind'],
  ['cgroup_sockopt',  'cgroup_getsockopt',               'cgroup_getsockopt'],
  ['cgroup_sockopt',  'cgroup_setsockopt',               'cgroup_setsockopt'],
  ...ADDRESSES.map((name): Case => ['cgroup_sock_addr', name, name]),
];

export const attachTypeRows: readonly Row[] = [
  ...CASES.map(
    ([type, expected, linked, attached = linked]): Row => [
      expected === undefined ? type : `${type} for ${expected}`,
      (s) => places(s, type, expected, RETURN_1),
      { attached, linked },
    ],
  ),
  [
    'cgroup_skb for cgroup_inet_egress that returns 2 or 3',
    (s) => places(s, 'cgroup_skb', 'cgroup_inet_egress', RETURN_2_OR_3),
    { attached: 'cgroup_inet_egress', linked: 'cgroup_inet_egress' },
  ],
];
