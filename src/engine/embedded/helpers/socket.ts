import type { Skb } from '../progs/skb.ts';
import { helper, netnsOf } from './helper.ts';

/*
 * What programs ask about the socket that sent a packet. The packet of a test run has one too, as on Linux, which belongs to root.
 */

const NOBODY = 65534;

function cookieOf({ assigned, sender, socketCookie }: Skb): number {
  return (assigned ?? sender)?.cookie ?? socketCookie;
}

/** A number of its own for each socket; 0 without a socket. */
export const get_socket_cookie = helper({
  id: 46,
  name: 'get_socket_cookie',
  args: ['ctx'],
  returns: 'u32',
  call({ subject }) {
    if (subject?.kind === 'skb') return cookieOf(subject);
    return subject?.kind === 'cgroup' ? (subject.socket?.cookie ?? 0) : 0;
  },
});

export const get_socket_uid = helper({
  id: 47,
  name: 'get_socket_uid',
  args: ['skb'],
  returns: 'u32',
  call: (_env, skb) => (cookieOf(skb) === 0 ? NOBODY : 0),
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
