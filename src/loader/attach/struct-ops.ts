import { attachTypeNumber } from '../../uapi/bpf.ts';
import { saying } from '../calls.ts';
import { BpfLink } from '../link.ts';
import type { BpfMap } from '../map.ts';

/**
 * Registers the struct of functions in a map of type struct_ops that was made with BPF_F_LINK and filled, for as long as the link (Linux >= 6.4).
 * {@link BpfLink.update} exchanges it for another map in one step.
 */
export function attachStructOps(map: BpfMap): BpfLink {
  const { kernel } = map;
  const fd = saying(`of ${map.label}`, () =>
    kernel.bpf('BPF_LINK_CREATE', { map_fd: map.fd, attach_type: attachTypeNumber.struct_ops }),
  );
  try {
    return new BpfLink(kernel, fd);
  } catch (error) {
    kernel.close(fd);
    throw error;
  }
}
