import { attachTypeNumber } from '../../../uapi/bpf.ts';
import { bpfSock, bpfSockOps } from '../../../uapi/contexts.ts';
import { AF_INET } from '../inet/address.ts';
import { swap16 } from '../interp/arith.ts';
import type { Socket } from '../sockets/socket.ts';
import { SOCK_OPS } from '../sockets/socket-hooks.ts';
import { runCgroupHook } from './run-hook.ts';
import { sockBytes } from './socket-context.ts';

/** BPF_SOCK_OPS_*_CB_FLAG: which a program has to ask for by bpf_sock_ops_cb_flags_set. */
// biome-ignore format: aligned table
const ASKED_FOR: ReadonlyMap<number, number> = new Map([
  [SOCK_OPS.rto, 1 << 0], [SOCK_OPS.retrans, 1 << 1], [SOCK_OPS.state, 1 << 2], [SOCK_OPS.rtt, 1 << 3],
]);
export const SOCK_OPS_ALL_CB_FLAGS = 0x7f;

/** Tells the programs what happens to a connection: their reply, -1 without one. `whole`: there is a socket that they may have to do with. */
export function runSockOps(socket: Socket, op: number, args: readonly number[], whole = true): number {
  const { machine } = socket.network;
  const attachType = attachTypeNumber.cgroup_sock_ops;
  if (socket.cgroup.effective(attachType).length === 0) return -1;
  const flag = ASKED_FOR.get(op) ?? 0;
  if ((flag & socket.sockOpsFlags) !== flag) return -1;
  const { memory } = machine;
  const context = memory.alloc(bpfSockOps.size + bpfSock.size);
  if (context === 0) return -1;
  const { family, local, remote } = socket;
  const bytes = bpfSockOps.encode({
    op,
    args: new Uint8Array(Uint32Array.from([0, 1, 2, 3], (i) => args[i] ?? 0).buffer),
    family,
    // In network byte order as a word of four bytes, the other in host order.
    remote_port: swap16(remote.port) * 0x1_0000,
    local_port: local.port,
    is_fullsock: Number(whole),
    bpf_sock_ops_cb_flags: whole ? socket.sockOpsFlags : 0,
    sk: whole ? BigInt(context + bpfSockOps.size) : 0n,
  });
  const { fields } = bpfSockOps;
  const v4 = family === AF_INET;
  bytes.set(remote.address, (v4 ? fields.remote_ip4 : fields.remote_ip6)[1]);
  bytes.set(local.address, (v4 ? fields.local_ip4 : fields.local_ip6)[1]);
  memory.u8.set(bytes, context);
  memory.u8.set(sockBytes(socket), context + bpfSockOps.size);
  const call = { kind: 'cgroup', retval: 0, socket, skAt: context + bpfSockOps.size } as const;
  const { retval } = runCgroupHook(machine, socket.cgroup, attachType, context, call);
  const reply = memory.dv.getInt32(context + fields.reply[1], true);
  memory.free(context);
  return retval === 0 ? reply : -1;
}
