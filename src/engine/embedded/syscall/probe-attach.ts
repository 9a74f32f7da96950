import { progTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import { TASK_FD_TYPES } from '../../../uapi/link.ts';
import { PerfLink, RawTracepointLink } from '../links/probe-link.ts';
import type { Process } from '../process.ts';
import type { CheckedAttr } from './attr.ts';
import { copyText } from './copy.ts';
import { attachExtension } from './extension-attach.ts';
import { attachTyped } from './tracing-attach.ts';

const RAW_TYPES = new Set([progTypeNumber.raw_tracepoint, progTypeNumber.raw_tracepoint_writable]);
const PROBE_TYPES = new Set([progTypeNumber.tracepoint, progTypeNumber.kprobe, progTypeNumber.perf_event]);

/** BPF_RAW_TRACEPOINT_OPEN: the fd of a link, or -errno. */
export function rawTracepointOpen(process: Process, attr: CheckedAttr<'BPF_RAW_TRACEPOINT_OPEN'>): number {
  const prog = process.prog(attr.prog_fd);
  if (typeof prog === 'number') return prog;
  if (prog.attr.type === progTypeNumber.tracing || prog.attr.type === progTypeNumber.lsm)
    return attr.name === undefined ? attachTyped(process, prog, attr.cookie) : -errno.EINVAL;
  if (prog.attr.type === progTypeNumber.ext) {
    const place = { targetFd: 0, typeId: 0, attachType: 0, cookie: 0n };
    return attr.name === undefined ? attachExtension(process, prog, place) : -errno.EINVAL;
  }
  if (!RAW_TYPES.has(prog.attr.type)) return -errno.EINVAL;
  if (attr.name === undefined) return -errno.EFAULT;
  const tracepoint = process.machine.tracing.tracepoints.get(attr.name);
  if (tracepoint === undefined) return -errno.ENOENT;
  const link = new RawTracepointLink(prog, tracepoint, attr.cookie);
  const result = link.attach();
  if (result === 0) return process.installLink(link);
  link.put();
  return result;
}

/** BPF_LINK_CREATE of a program on a perf event. */
export function createPerfLink(process: Process, attr: CheckedAttr<'BPF_LINK_CREATE'>): number {
  const prog = process.prog(attr.prog_fd);
  if (typeof prog === 'number') return prog;
  if (!PROBE_TYPES.has(prog.attr.type) || attr.flags !== 0) return -errno.EINVAL;
  const file = process.files.get(attr.target_fd);
  if (file?.kind !== 'probe_event' && file?.kind !== 'perf_event') return -errno.EBADF;
  if (file.kind === 'perf_event')
    return process.fail(errno.ENOTSUPP, 'no program runs on the output of programs in the embedded kernel');
  const link = new PerfLink(prog, file.event, attr['perf_event.bpf_cookie']);
  const result = link.attach();
  if (result === 0) return process.installLink(link);
  link.put();
  return result;
}

/** BPF_TASK_FD_QUERY: which program runs on the event of an fd of a process. */
export function taskFdQuery(process: Process, attr: CheckedAttr<'BPF_TASK_FD_QUERY'>): number {
  if (attr.flags !== 0) return -errno.EINVAL;
  const asked = process.machine.process(attr.pid);
  if (asked === undefined) return -errno.ENOENT;
  const file = asked.files.get(attr.fd);
  if (file === undefined) return -errno.EBADF;
  if (file.kind === 'link' && file.link instanceof RawTracepointLink) {
    return answer(process, attr, file.link.prog.id, 'raw_tracepoint', file.link.text().text);
  }
  if (file.kind !== 'probe_event') return -errno.ENOTSUPP;
  const { prog, place } = file.event;
  if (prog === undefined) return -errno.ENOENT;
  if (place.kind === 'event') return -errno.EOPNOTSUPP;
  attr.probe_addr = place.address;
  return answer(process, attr, prog.id, place.kind, place.name);
}

function answer(
  process: Process,
  attr: CheckedAttr<'BPF_TASK_FD_QUERY'>,
  id: number,
  type: (typeof TASK_FD_TYPES)[number],
  name: string,
): number {
  const room = attr.buf_len;
  attr.prog_id = id;
  attr.fd_type = TASK_FD_TYPES.indexOf(type);
  attr.buf_len = new TextEncoder().encode(name).length;
  return copyText(process, 'buf', attr.buf, room, name);
}
