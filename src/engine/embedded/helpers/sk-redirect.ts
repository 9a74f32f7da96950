import { errno } from '../../../uapi/errno.ts';
import type { BpfMap } from '../maps/map.ts';
import { SocketMap } from '../maps/socket-map.ts';
import type { SkMsg, SocketRedirect } from '../progs/sk-msg.ts';
import { SOCK_OPS } from '../sockets/socket-hooks.ts';
import { type ArgKinds, type HelperEnv, helper } from './helper.ts';

const SK_DROP = 0;
const SK_PASS = 1;
const BPF_F_INGRESS = 1;
const IPPROTO_TCP = 6;

/** Data goes to the socket at an index of a sockmap. */
export const sk_redirect_map = helper({
  id: 52,
  name: 'sk_redirect_map',
  args: ['skb', 'const_map_ptr', 'anything', 'u64'],
  returns: 'integer',
  call: (env, skb, map, index, flags) =>
    redirectPacket(
      skb,
      target(env, map, (sockets) => sockets.socketAtIndex(index), flags),
    ),
});

/** And to that of a key of a sockhash. */
export const sk_redirect_hash = helper({
  id: 72,
  name: 'sk_redirect_hash',
  args: ['skb', 'const_map_ptr', 'map_key', 'u64'],
  returns: 'integer',
  call: (env, skb, map, key, flags) =>
    redirectPacket(
      skb,
      target(env, map, (sockets) => sockets.socketAt(key), flags),
    ),
});

function redirectPacket(skb: ArgKinds['skb'], to: SocketRedirect | undefined): number {
  skb.socketRedirect = to;
  return to === undefined ? SK_DROP : SK_PASS;
}

export const msg_redirect_map = helper({
  id: 60,
  name: 'msg_redirect_map',
  args: ['ctx', 'const_map_ptr', 'anything', 'u64'],
  returns: 'integer',
  call: (env, _ctx, map, index, flags) =>
    redirectMessage(
      env,
      target(env, map, (sockets) => sockets.socketAtIndex(index), flags),
    ),
});

export const msg_redirect_hash = helper({
  id: 71,
  name: 'msg_redirect_hash',
  args: ['ctx', 'const_map_ptr', 'map_key', 'u64'],
  returns: 'integer',
  call: (env, _ctx, map, key, flags) =>
    redirectMessage(
      env,
      target(env, map, (sockets) => sockets.socketAt(key), flags),
    ),
});

function redirectMessage(env: HelperEnv, to: SocketRedirect | undefined): number {
  const message = messageOf(env);
  if (message === undefined) return SK_DROP;
  // A message of a stream cannot be sent as a datagram.
  message.redirect = to?.ingress || to?.socket.protocol === IPPROTO_TCP ? to : undefined;
  return message.redirect === undefined ? SK_DROP : SK_PASS;
}

function target(
  env: HelperEnv,
  map: BpfMap,
  find: (sockets: SocketMap) => SocketRedirect['socket'] | undefined,
  flags: number,
): SocketRedirect | undefined {
  if (!(map instanceof SocketMap)) {
    env.fail('the map of the call is no map of sockets');
    return undefined;
  }
  const socket = flags > BPF_F_INGRESS ? undefined : find(map);
  return socket?.redirectable ? { socket, ingress: flags === BPF_F_INGRESS } : undefined;
}

export const msg_apply_bytes = helper({
  id: 61,
  name: 'msg_apply_bytes',
  args: ['ctx', 'anything'],
  returns: 'integer',
  call: (env, _ctx, bytes) =>
    withMessage(env, (message) => {
      message.apply = bytes >>> 0;
      return 0;
    }),
});

export const msg_cork_bytes = helper({
  id: 62,
  name: 'msg_cork_bytes',
  args: ['ctx', 'anything'],
  returns: 'integer',
  call: (env, _ctx, bytes) =>
    withMessage(env, (message) => {
      message.cork = bytes >>> 0;
      return 0;
    }),
});

export const msg_pull_data = helper({
  id: 63,
  name: 'msg_pull_data',
  args: ['ctx', 'anything', 'anything', 'u64'],
  returns: 'integer',
  call: (env, _ctx, start, end, flags) =>
    withMessage(env, (message) => (flags === 0 ? message.pull(start >>> 0, end >>> 0) : -errno.EINVAL)),
});

export const msg_push_data = helper({
  id: 90,
  name: 'msg_push_data',
  args: ['ctx', 'anything', 'anything', 'u64'],
  returns: 'integer',
  call: (env, _ctx, start, length, flags) =>
    withMessage(env, (message) => (flags === 0 ? message.push(start >>> 0, length >>> 0) : -errno.EINVAL)),
});

export const msg_pop_data = helper({
  id: 91,
  name: 'msg_pop_data',
  args: ['ctx', 'anything', 'anything', 'u64'],
  returns: 'integer',
  call: (env, _ctx, start, length, flags) =>
    withMessage(env, (message) => (flags === 0 ? message.pop(start >>> 0, length >>> 0) : -errno.EINVAL)),
});

function withMessage(env: HelperEnv, use: (message: SkMsg) => number): number {
  const message = messageOf(env);
  return message === undefined ? 0 : use(message);
}

function messageOf(env: HelperEnv): SkMsg | undefined {
  if (env.subject?.kind === 'sk_msg') return env.subject;
  env.fail('the program runs for no message');
  return undefined;
}

/** A program that is told of a connection puts its socket into a map. */
export const sock_map_update = helper({
  id: 53,
  name: 'sock_map_update',
  args: ['ctx', 'const_map_ptr', 'map_key', 'u64'],
  returns: 'integer',
  call: updateMap,
});

export const sock_hash_update = helper({
  id: 70,
  name: 'sock_hash_update',
  args: ['ctx', 'const_map_ptr', 'map_key', 'u64'],
  returns: 'integer',
  call: updateMap,
});

/** What a socket is told of when it can be put into a map. */
const READY: ReadonlySet<number> = new Set([
  SOCK_OPS.activeEstablished,
  SOCK_OPS.passiveEstablished,
  SOCK_OPS.tcpListen,
]);

function updateMap(
  env: HelperEnv,
  _context: number,
  map: ArgKinds['const_map_ptr'],
  key: number,
  flags: number,
): number {
  if (!(map instanceof SocketMap)) return env.fail('the map of the call is no map of sockets');
  const socket = env.subject?.kind === 'cgroup' ? env.subject.socket : undefined;
  const op = env.subject?.kind === 'cgroup' ? env.subject.sockOps?.op : undefined;
  return socket === undefined || op === undefined || !READY.has(op)
    ? -errno.EOPNOTSUPP
    : map.insert(key, socket, flags);
}
