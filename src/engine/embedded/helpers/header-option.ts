import { errno } from '../../../uapi/errno.ts';
import { showHeader } from '../cgroups/sock-ops.ts';
import type { SockOpsCall } from '../sockets/sock-ops-call.ts';
import type { Socket } from '../sockets/socket.ts';
import { SOCK_OPS } from '../sockets/socket-hooks.ts';
import { OPTION, TCP_HEADER } from '../sockets/tcp-segment.ts';
import { TcpSocket } from '../sockets/tcp-socket.ts';
import { type HelperEnv, helper } from './helper.ts';

/** Bytes of the shortest option that helpers know: its kind and its length. */
const MIN_OPTION = 2;
/** Two kinds for experiments, whose options begin with 2 or 4 bytes that say of which. */
const isExperimental = (kind: number): boolean => kind === 253 || kind === 254;
const BPF_LOAD_HDR_OPT_TCP_SYN = 1;
const TCP_BPF_SYN = 1005;
const EMPTY = new Uint8Array(0);

/** Looks for an option of the kind (and the experiment) that the memory begins with, and puts it there: its length, or -errno. */
export const load_hdr_opt = helper({
  id: 142,
  name: 'load_hdr_opt',
  args: ['ctx', 'mem', 'mem_size', 'u64'],
  returns: 'integer',
  call(env, _ctx, at, size, flags) {
    if (size < MIN_OPTION || flags > BPF_LOAD_HDR_OPT_TCP_SYN) return -errno.EINVAL;
    const { u8 } = env.memory;
    const [kind = 0, length = 0] = u8.subarray(at, at + MIN_OPTION);
    if (length > size || isPadding(kind)) return -errno.EINVAL;
    if (isExperimental(kind) ? length !== 4 && length !== 6 : length !== 0) return -errno.EINVAL;
    const options = flags === BPF_LOAD_HDR_OPT_TCP_SYN ? synOptions(env) : shownOptions(env);
    if (typeof options === 'number') return options;
    const found = find(options, kind, u8.slice(at + MIN_OPTION, at + Math.max(length, MIN_OPTION)));
    if (typeof found === 'number') return found;
    u8.set(found.subarray(0, size), at);
    return found.length > size ? -errno.ENOSPC : found.length;
  },
});

/** Writes an option behind those that the header has. */
export const store_hdr_opt = helper({
  id: 143,
  name: 'store_hdr_opt',
  args: ['ctx', 'mem', 'mem_size', 'u64'],
  returns: 'integer',
  call(env, context, from, size, flags) {
    const call = callOf(env, SOCK_OPS.writeHdrOpt);
    if (call?.segment === undefined) return -errno.EPERM;
    if (size < MIN_OPTION || flags !== 0) return -errno.EINVAL;
    const { memory } = env;
    const [kind = 0, length = 0] = memory.u8.subarray(from, from + MIN_OPTION);
    if (length > size || isPadding(kind)) return -errno.EINVAL;
    if (length > call.room) return -errno.ENOSPC;
    if (isExperimental(kind) && length < 4) return -errno.EINVAL;
    const option = memory.u8.slice(from, from + length);
    const { segment } = call;
    const there = segment.bytes.subarray(TCP_HEADER, segment.end);
    const found = find(there, kind, isExperimental(kind) ? option.subarray(MIN_OPTION, 4) : EMPTY);
    if (typeof found !== 'number') return -errno.EEXIST;
    if (found !== -errno.ENOMSG) return found;
    segment.bytes.set(option, segment.end);
    segment.end += length;
    call.room -= length;
    showHeader(memory, context, segment);
    return 0;
  },
});

/** Asks for bytes of the header that is to be written. */
export const reserve_hdr_opt = helper({
  id: 144,
  name: 'reserve_hdr_opt',
  args: ['ctx', 'anything', 'u64'],
  returns: 'integer',
  call(env, _ctx, size, flags) {
    const call = callOf(env, SOCK_OPS.hdrOptLen);
    if (call === undefined) return -errno.EPERM;
    const bytes = size >>> 0;
    if (flags !== 0 || bytes < MIN_OPTION) return -errno.EINVAL;
    if (bytes > call.room) return -errno.ENOSPC;
    call.room -= bytes;
    return 0;
  },
});

/** The headers of the SYN that a connection was asked for with, from the one that `option` (TCP_BPF_SYN, _SYN_IP, _SYN_MAC) names on; or -errno. `undefined`: it is another option. */
export function synHeaders(env: HelperEnv, option: number): Uint8Array | number | undefined {
  const { subject } = env;
  if (subject?.kind !== 'cgroup' || subject.sockOps === undefined) return undefined;
  const syn = subject.sockOps.syn ?? savedSyn(subject.socket);
  switch (option - TCP_BPF_SYN) {
    case 0:
      return syn === undefined ? -errno.ENOENT : syn.bytes.subarray(syn.link + syn.network);
    case 1:
      return syn === undefined ? -errno.ENOENT : syn.bytes.subarray(syn.link);
    case 2:
      return syn === undefined || syn.link === 0 ? -errno.ENOENT : syn.bytes;
    default:
      return undefined;
  }
}

function savedSyn(socket: Socket | undefined) {
  return socket instanceof TcpSocket ? socket.savedSyn : undefined;
}

function synOptions(env: HelperEnv): Uint8Array | number {
  const headers = synHeaders(env, TCP_BPF_SYN) ?? -errno.ENOENT;
  return typeof headers === 'number' ? headers : headers.subarray(TCP_HEADER);
}

/** Those of the segment that the call is about. */
function shownOptions({ subject }: HelperEnv): Uint8Array | number {
  const call = subject?.kind === 'cgroup' ? subject.sockOps : undefined;
  if (call?.segment === undefined || call.op === SOCK_OPS.hdrOptLen) return -errno.EPERM;
  return call.segment.bytes.subarray(TCP_HEADER, call.segment.end);
}

/** The call of this op, which has room for options; `undefined` if it is another. */
function callOf({ subject }: HelperEnv, op: number): (SockOpsCall & { room: number }) | undefined {
  const call = subject?.kind === 'cgroup' ? subject.sockOps : undefined;
  return call?.op === op && hasRoom(call) ? call : undefined;
}

function hasRoom(call: SockOpsCall): call is SockOpsCall & { room: number } {
  return call.room !== undefined;
}

/** End and NOP, which are no options. */
function isPadding(kind: number): boolean {
  return kind === OPTION.end || kind === OPTION.nop;
}

/** The first option of a kind that begins with `magic`; -ENOMSG, or -EFAULT for what is no list of options. */
function find(options: Uint8Array, kind: number, magic: Uint8Array): Uint8Array | number {
  for (let at = 0; at < options.length; ) {
    const [its = 0, length = 0] = options.subarray(at, at + MIN_OPTION);
    if (its === OPTION.end) break;
    if (its === OPTION.nop) {
      at++;
      continue;
    }
    const option = options.subarray(at, at + length);
    if (length < MIN_OPTION || option.length < length) return -errno.EFAULT;
    if (its === kind) {
      if (magic.length > length - MIN_OPTION) break;
      if (magic.every((byte, i) => option[MIN_OPTION + i] === byte)) return option;
    }
    at += length;
  }
  return -errno.ENOMSG;
}
