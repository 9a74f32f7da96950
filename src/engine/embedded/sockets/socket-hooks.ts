import type { Device } from '../net/device.ts';
import type { Endpoint } from './endpoint.ts';
import type { SockOpsCall } from './sock-ops-call.ts';
import type { Socket } from './socket.ts';

/** BPF_SOCK_OPS_* that sockets here go through. */
// biome-ignore format: aligned table
export const SOCK_OPS = {
  timeoutInit: 1, rwndInit: 2, tcpConnect: 3, activeEstablished: 4, passiveEstablished: 5, needsEcn: 6, baseRtt: 7, rto: 8, retrans: 9,
  state: 10, tcpListen: 11, rtt: 12, parseHdr: 13, hdrOptLen: 14, writeHdrOpt: 15,
} as const;

/**
 * Where the programs of a socket's cgroup are called. Addresses that a hook returns take the place of those it was given; numbers below 0 are -errno and end the
 * call. All are called with the namespace's own state unchanged: a hook that refuses leaves nothing behind.
 */
export interface SocketHooks {
  /** BPF_CGROUP_INET_SOCK_CREATE: 0 or -errno. */
  create(socket: Socket): number;
  /** BPF_CGROUP_INET_SOCK_RELEASE. */
  release(socket: Socket): void;
  /** BPF_CGROUP_INET4_BIND, INET6_BIND. */
  bind(socket: Socket, address: Endpoint): Endpoint | number;
  /** BPF_CGROUP_INET4_POST_BIND, INET6_POST_BIND: 0 or -errno, which takes the port back. */
  postBind(socket: Socket): number;
  /** BPF_CGROUP_INET4_CONNECT, INET6_CONNECT. */
  connect(socket: Socket, to: Endpoint): Endpoint | number;
  /** BPF_CGROUP_UDP4_SENDMSG, UDP6_SENDMSG, by the family of `to`: of a datagram with an address of its own. `from`: the source, all 0 if the kernel is to choose. */
  sendmsg(
    socket: Socket,
    to: Endpoint,
    from: Uint8Array,
  ): { readonly to: Endpoint; readonly from: Uint8Array } | number;
  /** BPF_CGROUP_UDP4_RECVMSG, UDP6_RECVMSG: who the datagram shall have come from. */
  recvmsg(socket: Socket, from: Endpoint): Endpoint;
  /** BPF_CGROUP_INET4_GETPEERNAME, INET6_GETPEERNAME, and those of getsockname. */
  getpeername(socket: Socket, peer: Endpoint): Endpoint;
  getsockname(socket: Socket, name: Endpoint): Endpoint;
  /** BPF_CGROUP_INET_EGRESS: a packet of the socket, from its IP header on, on its way to `device`. 0 or -errno. */
  egress(socket: Socket, device: Device, packet: Uint8Array): number;
  /** BPF_CGROUP_INET_INGRESS: a packet for the socket. False drops it. */
  ingress(socket: Socket, device: Device, packet: Uint8Array): boolean;
  /** BPF_CGROUP_SOCK_OPS: the program's reply, -1 without one. */
  sockOps(socket: Socket, call: SockOpsCall): number;
}
