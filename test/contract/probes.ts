import type { BpfAttr } from '../../src/uapi/attr.ts';
import { attachTypeNumber, type ProgType, progTypeNumber } from '../../src/uapi/bpf.ts';
import type { Fd } from '../../src/uapi/fd.ts';
import { bpfLinkInfo } from '../../src/uapi/info.ts';
import { PERF_TYPE_SOFTWARE, PERF_TYPE_TRACEPOINT, type PerfEventAttr } from '../../src/uapi/perf.ts';
import { bytecode, I } from '../support/bytecode.ts';
import type { Session } from './session.ts';
import type { Row } from './suite.ts';

/** A tracepoint that nothing passes while the rows run: no process of this machine changes into another program in between. */
const NAME = 'sched_process_exec';
const RETURN_0 = bytecode(I.mov(0, 0), I.exit);
const NOT_OPEN = 999;

function prog(session: Session, type: ProgType): Fd {
  const attr = { prog_type: progTypeNumber[type], insns: RETURN_0, insn_cnt: 2, license: 'GPL' };
  return session.own(session.kernel.bpf('BPF_PROG_LOAD', attr));
}

function open(session: Session, attr: PerfEventAttr, pid = -1, cpu = 0): Fd {
  return session.own(session.kernel.perfEventOpen(attr, pid, cpu, -1, 0));
}

function tracepoint(session: Session): PerfEventAttr {
  for (const root of ['/sys/kernel/tracing', '/sys/kernel/debug/tracing']) {
    try {
      return { type: PERF_TYPE_TRACEPOINT, config: BigInt(session.text(`${root}/events/sched/${NAME}/id`).trim()) };
    } catch {}
  }
  throw new Error('there is no tracefs');
}
const event = (session: Session): Fd => open(session, tracepoint(session));
const sampling = (session: Session): Fd =>
  open(session, { type: PERF_TYPE_SOFTWARE, config: 0n, sample_period: 1_000_000_000n, flags: 1n });

function raw(session: Session, attr: BpfAttr<'BPF_RAW_TRACEPOINT_OPEN'>): Fd {
  return session.own(session.kernel.bpf('BPF_RAW_TRACEPOINT_OPEN', attr));
}
function rawLink(session: Session, type: ProgType = 'raw_tracepoint', name: string | undefined = NAME): Fd {
  return raw(session, { name, prog_fd: prog(session, type), cookie: 5n });
}
function link(session: Session, prog_fd: Fd, target_fd: number, more: BpfAttr<'BPF_LINK_CREATE'> = {}): Fd {
  const attach_type = attachTypeNumber.perf_event;
  const attr = { prog_fd, target_fd: target_fd as Fd, attach_type, 'perf_event.bpf_cookie': 7n, ...more }; // also one that is none
  return session.own(session.kernel.bpf('BPF_LINK_CREATE', attr));
}
const setBpf = ({ kernel }: Session, fd: Fd, argument: number): void =>
  kernel.ioctl(fd, 'PERF_EVENT_IOC_SET_BPF', argument);

/** What the info of a link says beside its ids. */
function info({ kernel }: Session, bpf_fd: Fd, pointer: string, length: keyof typeof bpfLinkInfo.fields, room: number) {
  const text = new Uint8Array(room);
  const given = bpfLinkInfo.encode({ [length]: room });
  const arrays = { [pointer]: text };
  kernel.bpf('BPF_OBJ_GET_INFO_BY_FD', { bpf_fd, info: given, info_len: given.length, arrays });
  const { type, [length]: size } = bpfLinkInfo.decode(given);
  return [type, size, new TextDecoder().decode(text.subarray(0, text.indexOf(0)))];
}

function fdinfo(session: Session, fd: Fd): string {
  const lines = session.text(`/proc/self/fdinfo/${fd}`).split('\n');
  const ours = lines.filter((line) => !/^(pos|flags|mnt_id|ino|link_id|prog_tag|prog_id):|^$/.test(line));
  return ours.map((line) => line.replace('\t', ' ')).join(', ');
}

// biome-ignore format: aligned table
export const probeRows: readonly Row[] = [
  ['raw tracepoint',                          (s) => { rawLink(s); },                                              'ok'],
  ['raw tracepoint: a writable program',      (s) => { rawLink(s, 'raw_tracepoint_writable'); },                   'ok'],
  ['raw tracepoint: one that is not there',   (s) => rawLink(s, 'raw_tracepoint', 'nix'),                          'ENOENT'],
  ['raw tracepoint: a long name',             (s) => rawLink(s, 'raw_tracepoint', 'x'.repeat(200)),                'ENOENT'],
  ['raw tracepoint: no name',                 (s) => raw(s, { prog_fd: prog(s, 'raw_tracepoint') }),               'EFAULT'],
  ['raw tracepoint: another type',            (s) => rawLink(s, 'socket_filter'),                                  'EINVAL'],
  ['raw tracepoint: of type tracepoint',      (s) => rawLink(s, 'tracepoint'),                                     'EINVAL'],
  ['raw tracepoint: no such fd',              (s) => raw(s, { name: NAME, prog_fd: NOT_OPEN as Fd }),              'EBADF'],
  ['raw tracepoint: update',                  (s) => s.kernel.bpf('BPF_LINK_UPDATE', { link_fd: rawLink(s), new_prog_fd: prog(s, 'raw_tracepoint') }), 'EINVAL'],
  ['raw tracepoint: detach',                  (s) => s.kernel.bpf('BPF_LINK_DETACH', { link_fd: rawLink(s) }),     'EOPNOTSUPP'],
  ['raw tracepoint: info',                    (s) => info(s, rawLink(s), 'raw_tracepoint.tp_name', 'raw_tracepoint.tp_name_len', 32), [1, 19, NAME]],
  ['raw tracepoint: info with little room',   (s) => info(s, rawLink(s), 'raw_tracepoint.tp_name', 'raw_tracepoint.tp_name_len', 8),  'ENOSPC'],
  ['raw tracepoint: fdinfo',                  (s) => fdinfo(s, rawLink(s)),                                        `link_type: raw_tracepoint, tp_name: ${NAME}, cookie: 5`],

  ['event: an unknown tracepoint',            (s) => open(s, { type: PERF_TYPE_TRACEPOINT, config: 99_999_999n }), 'EINVAL'],
  ['event: of no process on no CPU',          (s) => open(s, tracepoint(s), -1, -1),                               'EINVAL'],
  ['event: on a CPU that is not there',       (s) => open(s, tracepoint(s), -1, 4000),                             'EINVAL'],
  ['event: of this process',                  (s) => { open(s, tracepoint(s), 0, -1); },                           'ok'],
  ['event: of a process that is not there',   (s) => open(s, tracepoint(s), 99_999_999, -1),                       'ESRCH'],
  ['event: of no type',                       (s) => open(s, { type: 99, config: 1n }),                            'ENOENT'],
  ['event: an unknown event of software',     (s) => open(s, { type: PERF_TYPE_SOFTWARE, config: 99n }),           'ENOENT'],
  ['event: refresh',                          (s) => s.kernel.ioctl(event(s), 'PERF_EVENT_IOC_REFRESH', 1),        'EINVAL'],
  ['event: enable, disable and reset',        (s) => { const fd = event(s); for (const what of ['ENABLE', 'DISABLE', 'RESET'] as const) s.kernel.ioctl(fd, `PERF_EVENT_IOC_${what}`, 0); }, 'ok'],

  ['SET_BPF',                                 (s) => setBpf(s, event(s), prog(s, 'tracepoint')),                   'ok'],
  ['SET_BPF: twice',                          (s) => { const fd = event(s); setBpf(s, fd, prog(s, 'tracepoint')); setBpf(s, fd, prog(s, 'tracepoint')); }, 'EEXIST'],
  ['SET_BPF: one program on two events',      (s) => { const fd = prog(s, 'tracepoint'); setBpf(s, event(s), fd); setBpf(s, event(s), fd); }, 'EEXIST'],
  ['SET_BPF: again after the first is closed', (s) => { const fd = prog(s, 'tracepoint'); const first = event(s); setBpf(s, first, fd); s.close(first); setBpf(s, event(s), fd); }, 'ok'],
  ['SET_BPF: a kprobe program',               (s) => setBpf(s, event(s), prog(s, 'kprobe')),                       'EINVAL'],
  ['SET_BPF: a socket filter',                (s) => setBpf(s, event(s), prog(s, 'socket_filter')),                'EINVAL'],
  ['SET_BPF: a perf_event program',           (s) => setBpf(s, event(s), prog(s, 'perf_event')),                   'EINVAL'],
  ['SET_BPF: no such fd',                     (s) => setBpf(s, event(s), NOT_OPEN),                                'EBADF'],
  ['SET_BPF: of an event',                    (s) => setBpf(s, event(s), event(s)),                                'EINVAL'],

  ['link',                                    (s) => { link(s, prog(s, 'tracepoint'), event(s)); },                'ok'],
  ['link: flags',                             (s) => link(s, prog(s, 'tracepoint'), event(s), { flags: 1 }),       'EINVAL'],
  ['link: a kprobe program',                  (s) => link(s, prog(s, 'kprobe'), event(s)),                         'EINVAL'],
  ['link: a socket filter',                   (s) => link(s, prog(s, 'socket_filter'), event(s)),                  'EINVAL'],
  ['link: a raw tracepoint program',          (s) => link(s, prog(s, 'raw_tracepoint'), event(s)),                 'EINVAL'],
  ['link: no such fd',                        (s) => link(s, prog(s, 'tracepoint'), NOT_OPEN),                     'EBADF'],
  ['link: no event',                          (s) => link(s, prog(s, 'tracepoint'), prog(s, 'tracepoint')),        'EBADF'],
  ['link: two on one event',                  (s) => { const fd = event(s); link(s, prog(s, 'tracepoint'), fd); link(s, prog(s, 'tracepoint'), fd); }, 'EEXIST'],
  ['link: on one that has a program',         (s) => { const fd = event(s); setBpf(s, fd, prog(s, 'tracepoint')); link(s, prog(s, 'tracepoint'), fd); }, 'EEXIST'],
  ['link: one program on two events',         (s) => { const fd = prog(s, 'tracepoint'); link(s, fd, event(s)); link(s, fd, event(s)); }, 'EEXIST'],
  ['link: update',                            (s) => s.kernel.bpf('BPF_LINK_UPDATE', { link_fd: link(s, prog(s, 'tracepoint'), event(s)), new_prog_fd: prog(s, 'tracepoint') }), 'EINVAL'],
  ['link: detach',                            (s) => s.kernel.bpf('BPF_LINK_DETACH', { link_fd: link(s, prog(s, 'tracepoint'), event(s)) }), 'EOPNOTSUPP'],
  ['link: info',                              (s) => info(s, link(s, prog(s, 'tracepoint'), event(s)), 'perf_event.tracepoint.tp_name', 'perf_event.tracepoint.name_len', 32), [7, 19, NAME]],
  ['link: fdinfo',                            (s) => fdinfo(s, link(s, prog(s, 'tracepoint'), event(s))),          `link_type: perf, tp_name: ${NAME}, event_type: tracepoint, cookie: 7`],
  ['link: on a sample',                       (s) => { link(s, prog(s, 'perf_event'), sampling(s)); },             'ok'],
  ['link: two on a sample',                   (s) => { const fd = sampling(s); link(s, prog(s, 'perf_event'), fd); link(s, prog(s, 'perf_event'), fd); }, 'EEXIST'],
  ['link: a tracepoint program on a sample',  (s) => link(s, prog(s, 'tracepoint'), sampling(s)),                  'EINVAL'],
];
