import { bpfSockOps } from '../../../uapi/contexts.ts';
import { errno } from '../../../uapi/errno.ts';
import { SOCK_OPS_ALL_CB_FLAGS } from '../cgroups/sock-ops.ts';
import { helper } from './helper.ts';

/** Asks to be called for more. The flags that this kernel does not know. */
export const sock_ops_cb_flags_set = helper({
  id: 59,
  name: 'sock_ops_cb_flags_set',
  args: ['ctx', 'anything'],
  returns: 'integer',
  call({ subject, memory }, ctx, flags) {
    const socket = subject?.kind === 'cgroup' ? subject.socket : undefined;
    if (socket === undefined || socket.requested) return -errno.EINVAL;
    socket.sockOpsFlags = flags & SOCK_OPS_ALL_CB_FLAGS;
    memory.dv.setUint32(ctx + bpfSockOps.fields.bpf_sock_ops_cb_flags[1], socket.sockOpsFlags, true);
    return flags & ~SOCK_OPS_ALL_CB_FLAGS;
  },
});
