import { errno } from '../../../uapi/errno.ts';
import { AF_INET, AF_INET6, addressSize } from '../inet/address.ts';
import type { Socket } from '../sockets/socket.ts';
import { numberOption, storeNumberOption } from '../sockets/socket-option.ts';
import { type HelperEnv, helper, type Wide } from './helper.ts';
import { socketAt } from './read-argument.ts';

const SOL_SOCKET = 1;
const INT = 4;
/** SO_REUSEADDR, SO_PRIORITY, SO_REUSEPORT, SO_MARK: of those that Linux lets programs set, what sockets here have. */
const FOR_PROGRAMS: ReadonlySet<number> = new Set([2, 12, 15, 36]);
/** Offset of the address in a struct sockaddr_in and sockaddr_in6, and bytes of one at least. */
const SOCKADDR = { [AF_INET]: [4, 16], [AF_INET6]: [8, 24] } as const;

export const setsockopt = helper({
  id: 49,
  name: 'setsockopt',
  args: ['wide', 'anything', 'anything', 'mem', 'mem_size'],
  returns: 'integer',
  call(env, owner, level, name, value, size) {
    const socket = socketOf(env, owner);
    if (socket === undefined || !isKnown(level, name, size)) return -errno.EINVAL;
    storeNumberOption(socket, name, env.memory.dv.getInt32(value, true));
    return 0;
  },
});

/** What cannot be read is zeros. */
export const getsockopt = helper({
  id: 57,
  name: 'getsockopt',
  args: ['wide', 'anything', 'anything', 'mem', 'mem_size'],
  returns: 'integer',
  call(env, owner, level, name, value, size) {
    const socket = socketOf(env, owner);
    env.memory.u8.fill(0, value, value + size);
    if (socket === undefined || !isKnown(level, name, size)) return -errno.EINVAL;
    env.memory.dv.setInt32(value, numberOption(socket, name) ?? 0, true);
    return 0;
  },
});

/** Gives a socket that is about to connect an address of its own, and a port unless that is 0. Programs for binding are not asked. */
export const bind = helper({
  id: 64,
  name: 'bind',
  args: ['ctx', 'mem', 'mem_size'],
  returns: 'integer',
  call(env, _ctx, at, size) {
    const socket = env.subject?.kind === 'cgroup' ? env.subject.socket : undefined;
    if (socket === undefined || size < 2) return -errno.EINVAL;
    const { u8, dv } = env.memory;
    const family = dv.getUint16(at, true);
    if (family !== AF_INET && family !== AF_INET6) return -errno.EAFNOSUPPORT;
    const [offset, least] = SOCKADDR[family];
    if (size < least) return -errno.EINVAL;
    const address = u8.slice(at + offset, at + offset + addressSize(family));
    return socket.bindForConnect({ address, port: dv.getUint16(at + 2) });
  },
});

function isKnown(level: number, name: number, size: number): boolean {
  return level === SOL_SOCKET && FOR_PROGRAMS.has(name) && size === INT;
}

/** By the context of a call on a socket, or by a struct bpf_sock. */
function socketOf(env: HelperEnv, { low, high }: Wide): Socket | undefined {
  if (high !== 0) return undefined;
  if (low === env.context && env.subject?.kind === 'cgroup') return env.subject.socket;
  return socketAt(env, low);
}
