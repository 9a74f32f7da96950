import { helper, netnsOf } from './helper.ts';

/*
 * What programs ask about the socket that sent a packet. There are no sockets here; the packet of a test run has one all the same, as on Linux, which belongs to
 * root.
 */

const NOBODY = 65534;

/** A number of its own for each socket; 0 without a socket. */
export const get_socket_cookie = helper({
  id: 46,
  name: 'get_socket_cookie',
  args: ['ctx'],
  returns: 'u32',
  call({ subject }) {
    return (
      (subject?.kind === 'cgroup' ? subject.socket?.cookie : subject?.kind === 'skb' ? subject.socketCookie : 0) ?? 0
    );
  },
});

export const get_socket_uid = helper({
  id: 47,
  name: 'get_socket_uid',
  args: ['skb'],
  returns: 'u32',
  call: (_env, skb) => (skb.socketCookie === 0 ? NOBODY : 0),
});

export const skb_cgroup_classid = helper({
  id: 151,
  name: 'skb_cgroup_classid',
  args: ['skb'],
  returns: 'u32',
  call: () => 0,
});

export const get_netns_cookie = helper({
  id: 122,
  name: 'get_netns_cookie',
  args: ['ctx_or_null'],
  returns: 'u32',
  // Without a context it is that of the first namespace.
  call: (env, context) => (context === 0 ? env.machine.namespaces.first : netnsOf(env)).cookie,
});

/** No socket listens or is connected. */
const NO_SOCKET = 0;

export const sk_lookup_tcp = helper({
  id: 84,
  name: 'sk_lookup_tcp',
  args: ['ctx', 'mem', 'mem_size', 'u64', 'u64'],
  returns: 'map_value_or_null',
  call: () => NO_SOCKET,
});

export const sk_lookup_udp = helper({
  id: 85,
  name: 'sk_lookup_udp',
  args: ['ctx', 'mem', 'mem_size', 'u64', 'u64'],
  returns: 'map_value_or_null',
  call: () => NO_SOCKET,
});

export const skc_lookup_tcp = helper({
  id: 99,
  name: 'skc_lookup_tcp',
  args: ['ctx', 'mem', 'mem_size', 'u64', 'u64'],
  returns: 'map_value_or_null',
  call: () => NO_SOCKET,
});

/** Programs call it only for a socket that was found. */
export const sk_release = helper({
  id: 86,
  name: 'sk_release',
  args: ['u64'],
  returns: 'integer',
  call: (env) => env.fail('R1 of the call is no socket'),
});
