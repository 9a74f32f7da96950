import { BPF_F_SLEEPABLE, progTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import { elementSizes, isWalked } from '../iter/elements.ts';
import { iterTarget } from '../iter/targets.ts';
import { IterLink } from '../links/iter-link.ts';
import type { BpfMap } from '../maps/map.ts';
import type { Process } from '../process.ts';
import type { BpfProg } from '../progs/prog.ts';
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
  if (target.ofMap === undefined) return process.installLink(new IterLink(prog, target));
  const map = mapOf(process, prog, attr.iter_info);
  return typeof map === 'number' ? map : process.installLink(new IterLink(prog, target, map));
}

/** The map that an iterator is to go over, as union bpf_iter_link_info names it, or -errno. */
function mapOf(process: Process, prog: BpfProg, info: Uint8Array = new Uint8Array(0)): BpfMap | number {
  const fd = info.length < 4 ? 0 : new DataView(info.buffer, info.byteOffset).getUint32(0, true);
  const map = fd === 0 ? -errno.EBADF : process.map(fd);
  if (typeof map === 'number') return map;
  if (!isWalked(map)) return -errno.EINVAL;
  const { rdonly, rdwr } = prog.attr.bufferReach ?? { rdonly: 0, rdwr: 0 };
  const { key, value } = elementSizes(map);
  return rdonly > key || rdwr > value ? -errno.EACCES : map;
}

/** BPF_ITER_CREATE: the fd that is read, or -errno. */
export function iterCreate(process: Process, attr: CheckedAttr<'BPF_ITER_CREATE'>): number {
  if (attr.flags !== 0) return -errno.EINVAL;
  const link = process.link(attr.link_fd);
  if (typeof link === 'number') return link;
  if (!(link instanceof IterLink)) return -errno.EINVAL;
  return process.files.add({ kind: 'iter', iterator: link.open() });
}
