import { BPF_F_SLEEPABLE, progTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import { iterTarget } from '../iter/targets.ts';
import { IterLink } from '../links/iter-link.ts';
import type { Process } from '../process.ts';
import type { CheckedAttr } from './attr.ts';

/** BPF_LINK_CREATE of an iterator's program: the new fd or -errno. */
export function createIterLink(process: Process, attr: CheckedAttr<'BPF_LINK_CREATE'>): number {
  const prog = process.prog(attr.prog_fd);
  if (typeof prog === 'number') return prog;
  const { type, expectedAttachType, attachBtfId, flags } = prog.attr;
  if (type !== progTypeNumber.tracing || expectedAttachType !== attr.attach_type) return -errno.EINVAL;
  if (attr.flags !== 0 || attr.target_fd !== 0) return -errno.EINVAL;
  if ((attr.iter_info === undefined) !== (attr.iter_info_len === 0)) return -errno.EINVAL;
  const target = iterTarget(process.machine, attachBtfId);
  if (target === undefined) return -errno.ENOENT;
  // Linux lets programs sleep only where it may be left between two objects.
  if ((flags & BPF_F_SLEEPABLE) !== 0) return -errno.EINVAL;
  return process.installLink(new IterLink(prog, target));
}

/** BPF_ITER_CREATE: the fd that is read, or -errno. */
export function iterCreate(process: Process, attr: CheckedAttr<'BPF_ITER_CREATE'>): number {
  if (attr.flags !== 0) return -errno.EINVAL;
  const link = process.link(attr.link_fd);
  if (typeof link === 'number') return link;
  if (!(link instanceof IterLink)) return -errno.EINVAL;
  return process.files.add({ kind: 'iter', iterator: link.open() });
}
