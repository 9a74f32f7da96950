import { errno } from '../../../uapi/errno.ts';
import { AF_INET6 } from '../inet/address.ts';
import { IPPROTO_TCP } from '../inet/packet.ts';
import type { Socket } from '../sockets/socket.ts';
import { isCookie, makeCookie, mayComeBack, type SynSegment } from '../sockets/syn-cookie.ts';
import { TcpSocket } from '../sockets/tcp-socket.ts';
import { answer64, type Helper, type HelperEnv, helper, type Wide } from './helper.ts';

/** Bytes of the headers without options. */
const [IPV4, IPV6, TCP] = [20, 40, 20];
/** Flags in a TCP header's 14th byte. */
const [FIN, SYN, RST, ACK] = [1, 2, 4, 16];
/** Bytes of data in a segment where nobody says otherwise: of IPv4 and IPv6. */
const DEFAULT_MSS = { 4: 536, 6: 1220 } as const;
const [OPTION_END, OPTION_NOP, OPTION_MSS] = [0, 1, 2];

type Version = 4 | 6;

/** The cookie that a socket that listens answers with, and above 32 bits the segment size that it says; or -errno. */
export const tcp_gen_syncookie = helper({
  id: 110,
  name: 'tcp_gen_syncookie',
  gplOnly: true,
  args: ['sock', 'mem', 'mem_size', 'mem', 'mem_size'],
  returns: 'u64',
  call(env, socket, ip, ipSize, tcp, tcpSize) {
    const listener = listenerOf(socket);
    if (listener === undefined || !isWholeHeader(env, tcp, tcpSize)) return failed(env, errno.EINVAL);
    const setting = setOf(env);
    if (setting === 0) return failed(env, errno.ENOENT);
    if ((flagsOf(env, tcp) & (SYN | ACK | FIN | RST)) !== SYN) return failed(env, errno.EINVAL);
    const version = versionOf(env, listener, ip, ipSize);
    if (typeof version !== 'object') return failed(env, -version);
    // Without need there are cookies only for who always wants them.
    if ((setting !== 2 && !listener.opensMany) || listener.backlogFull) return failed(env, errno.ENOENT);
    listener.gaveCookie = env.machine.clock.now();
    return cookieFor(env, version.ip, ip, tcp, tcpSize);
  },
});

/** 0 if a segment brings back a cookie of the socket; -ENOENT if it does not, -EINVAL. */
export const tcp_check_syncookie = helper({
  id: 100,
  name: 'tcp_check_syncookie',
  gplOnly: true,
  args: ['sock', 'mem', 'mem_size', 'mem', 'mem_size'],
  returns: 'integer',
  call(env, socket, ip, ipSize, tcp, tcpSize) {
    const listener = listenerOf(socket);
    if (listener === undefined || tcpSize < TCP || setOf(env) === 0) return -errno.EINVAL;
    if ((flagsOf(env, tcp) & (ACK | RST | SYN)) !== ACK) return -errno.ENOENT;
    if (ipSize < IPV4) return -errno.EINVAL;
    if (!mayComeBack(env.machine.clock, listener.gaveCookie)) return -errno.ENOENT;
    const version = versionOf(env, listener, ip, ipSize);
    if (typeof version !== 'object') return version;
    return bringsBack(env, version.ip, ip, tcp) ? 0 : -errno.ENOENT;
  },
});

export const tcp_raw_gen_syncookie_ipv4 = generating(204, 'tcp_raw_gen_syncookie_ipv4', 4);
export const tcp_raw_gen_syncookie_ipv6 = generating(205, 'tcp_raw_gen_syncookie_ipv6', 6);
export const tcp_raw_check_syncookie_ipv4 = checking(206, 'tcp_raw_check_syncookie_ipv4', 4);
export const tcp_raw_check_syncookie_ipv6 = checking(207, 'tcp_raw_check_syncookie_ipv6', 6);

/** The same for a segment, whoever listens. */
function generating(id: number, name: string, version: Version): Helper {
  return helper({
    id,
    name,
    gplOnly: true,
    args: ['wide', 'mem', 'mem_size'],
    returns: 'u64',
    call(env, header, tcp, tcpSize) {
      const ip = headerAt(env, 1, header, version === 4 ? IPV4 : IPV6);
      if (env.fault !== undefined) return 0;
      if (!isWholeHeader(env, tcp, tcpSize)) return failed(env, errno.EINVAL);
      return cookieFor(env, version, ip, tcp, tcpSize);
    },
  });
}

/** 0, or -EACCES for a segment that brings no cookie back. */
function checking(id: number, name: string, version: Version): Helper {
  return helper({
    id,
    name,
    gplOnly: true,
    args: ['wide', 'wide'],
    returns: 'integer',
    call(env, header, tcpHeader) {
      const ip = headerAt(env, 1, header, version === 4 ? IPV4 : IPV6);
      const tcp = headerAt(env, 2, tcpHeader, TCP);
      if (env.fault !== undefined) return 0;
      return bringsBack(env, version, ip, tcp) ? 0 : -errno.EACCES;
    },
  });
}

function cookieFor(env: HelperEnv, version: Version, ip: number, tcp: number, tcpSize: number): number {
  const segment = segmentOf(env, version, ip, tcp, 0);
  const { cookie, mss } = makeCookie(env.machine.clock, segment, mssOf(env, tcp, tcpSize, version));
  return answer64(env, (BigInt(mss) << 32n) | BigInt(cookie));
}

function failed(env: HelperEnv, code: number): number {
  return answer64(env, BigInt(-code));
}

function headerAt(env: HelperEnv, n: number, { low, high }: Wide, size: number): number {
  return high === 0 && env.memory.check(low, size) ? low : env.fail(`R${n} of the call does not lead to a header`);
}

function listenerOf(socket: Socket): TcpSocket | undefined {
  return socket instanceof TcpSocket && socket.protocol === IPPROTO_TCP && socket.listening ? socket : undefined;
}

/** net.ipv4.tcp_syncookies: 0 never, 1 in need, 2 always. */
function setOf({ machine }: HelperEnv): number {
  return Number(machine.sysctls.text('net/ipv4/tcp_syncookies') ?? 0);
}

/** The version of an IP header, which the socket has to be for; or -errno. */
function versionOf({ memory }: HelperEnv, socket: Socket, ip: number, size: number): { readonly ip: Version } | number {
  if (size < IPV4) return -errno.EINVAL;
  const version = (memory.u8[ip] ?? 0) >> 4;
  if (version !== 4 && version !== 6) return -errno.EPROTONOSUPPORT;
  const isSix = socket.family === AF_INET6;
  if (version === 6 ? size < IPV6 || !isSix : isSix) return -errno.EINVAL;
  return { ip: version };
}

function flagsOf({ memory }: HelperEnv, tcp: number): number {
  return memory.u8[tcp + 13] ?? 0;
}

/** Whether it is as long as it says. */
function isWholeHeader({ memory }: HelperEnv, tcp: number, size: number): boolean {
  return size >= TCP && size === ((memory.u8[tcp + 12] ?? 0) >> 4) * 4;
}

function segmentOf({ memory }: HelperEnv, version: Version, ip: number, tcp: number, offset: number): SynSegment {
  const [from, length] = version === 4 ? [12, 8] : [8, 32];
  const flow = new Uint8Array(length + 4);
  flow.set(memory.u8.subarray(ip + from, ip + from + length));
  flow.set(memory.u8.subarray(tcp, tcp + 4), length);
  return { version, flow, sequence: (memory.dv.getUint32(tcp + 4) + offset) >>> 0 };
}

function bringsBack(env: HelperEnv, version: Version, ip: number, tcp: number): boolean {
  const cookie = (env.memory.dv.getUint32(tcp + 8) - 1) >>> 0;
  return isCookie(env.machine.clock, segmentOf(env, version, ip, tcp, -1), cookie);
}

/** What the option of a SYN says; if there is none, or it is 0, what holds without one. */
function mssOf({ memory }: HelperEnv, tcp: number, size: number, version: Version): number {
  const { u8 } = memory;
  for (let at = TCP; at < size; ) {
    const kind = u8[tcp + at] ?? OPTION_END;
    const length = kind === OPTION_NOP ? 1 : (u8[tcp + at + 1] ?? 0);
    if (kind === OPTION_END || (kind !== OPTION_NOP && length < 2) || at + length > size) break;
    if (kind === OPTION_MSS && length === 4) return memory.dv.getUint16(tcp + at + 2) || DEFAULT_MSS[version];
    at += length;
  }
  return DEFAULT_MSS[version];
}
