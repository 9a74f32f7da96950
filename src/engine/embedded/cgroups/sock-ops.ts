import { attachTypeNumber } from '../../../uapi/bpf.ts';
import { bpfSock, bpfSockOps } from '../../../uapi/contexts.ts';
import { AF_INET } from '../inet/address.ts';
import { swap16 } from '../interp/arith.ts';
import type { LinearMemory } from '../memory.ts';
import type { ShownSegment, SockOpsCall } from '../sockets/sock-ops-call.ts';
import type { Socket } from '../sockets/socket.ts';
import { SOCK_OPS } from '../sockets/socket-hooks.ts';
import { TCP_NEW_SYN_RECV } from '../sockets/tcp-state.ts';
import { runCgroupHook } from './run-hook.ts';
import { sockBytes } from './socket-context.ts';

/** BPF_SOCK_OPS_*_CB_FLAG: which a program has to ask for by bpf_sock_ops_cb_flags_set. Of what concerns segments, who has them looks. */
// biome-ignore format: aligned table
const ASKED_FOR: ReadonlyMap<number, number> = new Map([
  [SOCK_OPS.rto, 1 << 0], [SOCK_OPS.retrans, 1 << 1], [SOCK_OPS.state, 1 << 2], [SOCK_OPS.rtt, 1 << 3],
]);
export const SOCK_OPS_ALL_CB_FLAGS = 0x7f;
/** Behind the context: what it leads to. Bytes. */
const SOCK = bpfSockOps.size;
const HEADER = SOCK + bpfSock.size;
const MAX_HEADER = 60;

/** Tells the programs what happens to a connection: their reply, -1 without one. What they do beside it is in `call`. */
export function runSockOps(socket: Socket, call: SockOpsCall): number {
  const { machine } = socket.network;
  const { memory } = machine;
  const attachType = attachTypeNumber.cgroup_sock_ops;
  if (socket.cgroup.effective(attachType).length === 0) return -1;
  const flag = ASKED_FOR.get(call.op) ?? 0;
  if ((flag & socket.sockOpsFlags) !== flag) return -1;
  const context = memory.alloc(HEADER + MAX_HEADER);
  if (context === 0) return -1;
  memory.u8.set(contextBytes(socket, call, context), context);
  memory.u8.set(sockBytes(socket), context + SOCK);
  if (call.segment !== undefined) showHeader(memory, context, call.segment);
  const { room } = call;
  const cgroupCall = { kind: 'cgroup', retval: 0, socket, skAt: context + SOCK, sockOps: call } as const;
  const { retval } = runCgroupHook(machine, socket.cgroup, attachType, context, cgroupCall);
  const reply = memory.dv.getInt32(context + bpfSockOps.fields.reply[1], true);
  memory.free(context);
  if (retval === 0) return reply;
  // What was refused has not been done.
  call.room = room;
  return -1;
}

function contextBytes(socket: Socket, { op, args = [], segment }: SockOpsCall, context: number): Uint8Array {
  const { family, local, remote, requested, stateNumber } = socket;
  const { fields } = bpfSockOps;
  const bytes = bpfSockOps.encode({
    op,
    args: new Uint8Array(Uint32Array.from([0, 1, 2, 3], (i) => args[i] ?? 0).buffer),
    family,
    // In network byte order as a word of four bytes, the other in host order.
    remote_port: swap16(remote.port) * 0x1_0000,
    local_port: local.port,
    state: requested ? TCP_NEW_SYN_RECV : stateNumber,
    ...(requested ? {} : { ...socket.figures, is_fullsock: 1, bpf_sock_ops_cb_flags: socket.sockOpsFlags }),
    sk: BigInt(requested ? 0 : context + SOCK),
  });
  const v4 = family === AF_INET;
  bytes.set(remote.address, (v4 ? fields.remote_ip4 : fields.remote_ip6)[1]);
  bytes.set(local.address, (v4 ? fields.local_ip4 : fields.local_ip6)[1]);
  if (segment === undefined) return bytes;
  const shown = { skb_data: BigInt(context + HEADER), skb_len: segment.length, skb_tcp_flags: segment.flags };
  return bpfSockOps.encode(shown, bytes);
}

/** Puts the header of a segment where the program sees it, as it is by now. */
export function showHeader(memory: LinearMemory, context: number, { bytes, end }: ShownSegment): void {
  memory.u8.set(bytes.subarray(0, end), context + HEADER);
  memory.dv.setBigUint64(context + bpfSockOps.fields.skb_data_end[1], BigInt(context + HEADER + end), true);
}
