import { errno } from '../../../uapi/errno.ts';
import { AF_INET, AF_INET6, type Family } from '../inet/address.ts';
import { IPPROTO_TCP, IPPROTO_UDP } from '../inet/packet.ts';
import type { Network } from '../net/network.ts';
import type { Socket } from '../sockets/socket.ts';
import { TcpSocket } from '../sockets/tcp-socket.ts';
import { type HelperEnv, helper, netnsOf, packetOf } from './helper.ts';

/** Bytes of struct bpf_sock_tuple: two addresses and two ports, in network order. */
const TUPLE_SIZE: ReadonlyMap<number, Family> = new Map([
  [12, AF_INET],
  [36, AF_INET6],
]);

/** The socket that gets what comes on the way of `tuple`, by the device that the packet came in by. */
function find(
  env: HelperEnv,
  protocol: number,
  tuple: number,
  size: number,
  netns: number,
  flags: number,
): Socket | undefined {
  const family = TUPLE_SIZE.get(size);
  const network = namespaceOf(netnsOf(env), env.high[4] ?? 0, netns);
  if (family === undefined || flags !== 0 || network === undefined) return undefined;
  const { u8, dv } = env.memory;
  const length = family === AF_INET ? 4 : 16;
  const address = (at: number) => u8.slice(tuple + at, tuple + at + length);
  const port = (at: number) => dv.getUint16(tuple + 2 * length + at);
  const device = network.device(packetOf(env)?.ifindex ?? 0) ?? network.loopback;
  if (device === undefined) return undefined;
  const flow = {
    family,
    protocol,
    remote: { address: address(0), port: port(0) },
    local: { address: address(length), port: port(2) },
  };
  return network.inet.sockets.find(flow, device);
}

/** `netns`: below 0 the packet's own; else the number by which that calls another. */
function namespaceOf(from: Network, high: number, netns: number): Network | undefined {
  if ((netns | 0) < 0) return from;
  return high === 0 ? from.numbered(netns) : undefined;
}

/** What is no connection yet is its listener's, and what is none any more is nobody's. */
function fullSocket(socket: Socket | undefined): Socket | undefined {
  if (!(socket instanceof TcpSocket)) return socket;
  if (socket.state === 'syn_recv') return socket.listener;
  return socket.state === 'time_wait' ? undefined : socket;
}

function shown(env: HelperEnv, socket: Socket | undefined): number {
  return socket === undefined ? 0 : env.machine.socketViews.show(socket);
}

export const sk_lookup_tcp = helper({
  id: 84,
  name: 'sk_lookup_tcp',
  args: ['ctx', 'mem', 'mem_size', 'anything', 'u64'],
  returns: 'map_value_or_null',
  call: (env, _context, tuple, size, netns, flags) =>
    shown(env, fullSocket(find(env, IPPROTO_TCP, tuple, size, netns, flags))),
});

export const sk_lookup_udp = helper({
  id: 85,
  name: 'sk_lookup_udp',
  args: ['ctx', 'mem', 'mem_size', 'anything', 'u64'],
  returns: 'map_value_or_null',
  call: (env, _context, tuple, size, netns, flags) => shown(env, find(env, IPPROTO_UDP, tuple, size, netns, flags)),
});

/** Also what is no connection yet, or none any more. */
export const skc_lookup_tcp = helper({
  id: 99,
  name: 'skc_lookup_tcp',
  args: ['ctx', 'mem', 'mem_size', 'anything', 'u64'],
  returns: 'map_value_or_null',
  call: (env, _context, tuple, size, netns, flags) => shown(env, find(env, IPPROTO_TCP, tuple, size, netns, flags)),
});

/** Sockets live as long as a run: there is no reference to give back. */
export const sk_release = helper({ id: 86, name: 'sk_release', args: ['sock'], returns: 'integer', call: () => 0 });

export const sk_fullsock = helper({
  id: 95,
  name: 'sk_fullsock',
  args: ['sock'],
  returns: 'map_value_or_null',
  call: (env, socket) => (fullSocket(socket) === socket ? env.machine.socketViews.show(socket) : 0),
});

export const tcp_sock = helper({
  id: 96,
  name: 'tcp_sock',
  args: ['sock'],
  returns: 'map_value_or_null',
  call: (env, socket) => (fullSocket(socket) === socket ? env.machine.socketViews.showTcp(socket) : 0),
});

export const get_listener_sock = helper({
  id: 98,
  name: 'get_listener_sock',
  args: ['sock'],
  returns: 'map_value_or_null',
  call(env, socket) {
    const full = fullSocket(socket);
    return full?.listening ? env.machine.socketViews.show(full) : 0;
  },
});

/** Gives the packet, or the lookup, to a socket. */
export const sk_assign = helper({
  id: 124,
  name: 'sk_assign',
  args: ['ctx', 'sock_or_null', 'u64'],
  returns: 'integer',
  call(env, _context, socket, flags) {
    const { subject } = env;
    if (subject?.kind === 'sk_lookup') return subject.assign(socket, flags);
    if (subject?.kind !== 'skb' || socket === undefined) return env.fail('this program has no packet to assign');
    if (flags !== 0) return -errno.EINVAL;
    if (!subject.atIngress) return -errno.EOPNOTSUPP;
    if (socket.network !== subject.netns) return -errno.ENETUNREACH;
    if (!socket.bound) return -errno.EOPNOTSUPP;
    subject.assigned = socket;
    subject.publish();
    return 0;
  },
});
