import { type AttachType, attachTypeNumber } from '../../../uapi/bpf.ts';
import { bpfSock } from '../../../uapi/contexts.ts';
import { errno } from '../../../uapi/errno.ts';
import { AF_INET } from '../inet/address.ts';
import { Placed } from '../placed.ts';
import type { Endpoint } from '../sockets/endpoint.ts';
import type { Socket } from '../sockets/socket.ts';
import type { SocketHooks } from '../sockets/socket-hooks.ts';
import { runCgroupHook } from './run-hook.ts';
import { runEgress, runIngress } from './skb-programs.ts';
import { runSockOps } from './sock-ops.ts';
import { SockAddrContext, sockBytes } from './socket-context.ts';

/** Calls the programs of the cgroup that a socket was made in. */
export const CGROUP_SOCKET_HOOKS: SocketHooks = {
  create: (socket) => runSock(socket, 'cgroup_inet_sock_create'),
  release(socket) {
    runSock(socket, 'cgroup_inet_sock_release');
  },
  postBind: (socket) => runSock(socket, byFamily(socket, 'cgroup_inet4_post_bind', 'cgroup_inet6_post_bind')),
  bind: (socket, address) => rewrite(socket, byFamily(socket, 'cgroup_inet4_bind', 'cgroup_inet6_bind'), address, true),
  connect: (socket, to) => rewrite(socket, byFamily(socket, 'cgroup_inet4_connect', 'cgroup_inet6_connect'), to),
  sendmsg(socket, to, from) {
    const hook = to.address.length === 4 ? 'cgroup_udp4_sendmsg' : 'cgroup_udp6_sendmsg';
    if (!hasPrograms(socket, hook)) return { to, from };
    using context = SockAddrContext.create(socket, to, from);
    if (context === undefined) return -errno.ENOMEM;
    const retval = run(socket, hook, context.address, context.sk);
    return retval === 0 ? { to: context.endpoint, from: context.source } : retval;
  },
  recvmsg: (socket, from) => rename(socket, byFamily(socket, 'cgroup_udp4_recvmsg', 'cgroup_udp6_recvmsg'), from),
  getpeername: (socket, peer) =>
    rename(socket, byFamily(socket, 'cgroup_inet4_getpeername', 'cgroup_inet6_getpeername'), peer),
  getsockname: (socket, name) =>
    rename(socket, byFamily(socket, 'cgroup_inet4_getsockname', 'cgroup_inet6_getsockname'), name),
  egress: runEgress,
  ingress: runIngress,
  sockOps: runSockOps,
};

function byFamily(socket: Socket, inet: AttachType, inet6: AttachType): AttachType {
  return socket.family === AF_INET ? inet : inet6;
}

function hasPrograms(socket: Socket, hook: AttachType): boolean {
  return socket.cgroup.effective(attachTypeNumber[hook]).length > 0;
}

/** 0 or -errno. `withFlags`: of what programs return, bit 0 alone is their verdict. */
function run(socket: Socket, hook: AttachType, context: number, skAt: number, withFlags = false): number {
  const { machine } = socket.network;
  const call = { kind: 'cgroup', retval: 0, socket, skAt } as const;
  return runCgroupHook(machine, socket.cgroup, attachTypeNumber[hook], context, call, { withFlags }).retval;
}

/** Programs that see the socket itself, of which they may change three fields. */
function runSock(socket: Socket, hook: AttachType): number {
  if (!hasPrograms(socket, hook)) return 0;
  using context = Placed.put(socket.network.machine.memory, sockBytes(socket));
  if (context === undefined) return -errno.ENOMEM;
  const retval = run(socket, hook, context.address, context.address);
  const { bound_dev_if, mark, priority } = bpfSock.decode(context.read(bpfSock.size));
  Object.assign(socket.options, { boundDevice: bound_dev_if, mark, priority });
  return retval;
}

/** Programs that may put another address in the place of one, or refuse. */
function rewrite(socket: Socket, hook: AttachType, address: Endpoint, withFlags = false): Endpoint | number {
  if (!hasPrograms(socket, hook)) return address;
  using context = SockAddrContext.create(socket, address);
  if (context === undefined) return -errno.ENOMEM;
  const retval = run(socket, hook, context.address, context.sk, withFlags);
  return retval === 0 ? context.endpoint : retval;
}

/** As {@link rewrite}, of those that cannot refuse. */
function rename(socket: Socket, hook: AttachType, address: Endpoint): Endpoint {
  const renamed = rewrite(socket, hook, address);
  return typeof renamed === 'number' ? address : renamed;
}
