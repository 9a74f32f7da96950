import { SysError } from '../errors.ts';
import { errno } from '../uapi/errno.ts';
import { nlmsghdr } from '../uapi/netlink.ts';
import { align4 } from './attributes.ts';

/** One netlink message: `struct nlmsghdr` and what follows it. */
export interface NetlinkMessage {
  readonly type: number;
  /** NLM_F_*. */
  readonly flags: number;
  readonly seq: number;
  /** Port of the sender of the request; 0 in requests. */
  readonly pid: number;
  /** Without padding. */
  readonly payload: Uint8Array;
}

export function encodeMessage({ type, flags, seq, pid, payload }: NetlinkMessage): Uint8Array {
  const length = nlmsghdr.size + payload.length;
  const bytes = new Uint8Array(align4(length));
  bytes.set(
    nlmsghdr.encode({ nlmsg_len: length, nlmsg_type: type, nlmsg_flags: flags, nlmsg_seq: seq, nlmsg_pid: pid }),
  );
  bytes.set(payload, nlmsghdr.size);
  return bytes;
}

/** The messages in a buffer, in order; payloads are views of it. Throws SysError EINVAL if the lengths do not add up. */
export function splitMessages(bytes: Uint8Array): NetlinkMessage[] {
  const messages: NetlinkMessage[] = [];
  let at = 0;
  while (at < bytes.length) {
    const left = bytes.length - at;
    const header = nlmsghdr.decode(bytes.subarray(at, at + nlmsghdr.size));
    if (left < nlmsghdr.size || header.nlmsg_len < nlmsghdr.size || header.nlmsg_len > left) {
      throw new SysError(errno.EINVAL, 'netlink', {
        detail: `the netlink message at offset ${at} says it is ${header.nlmsg_len} bytes long, but ${left} are left`,
      });
    }
    messages.push({
      type: header.nlmsg_type,
      flags: header.nlmsg_flags,
      seq: header.nlmsg_seq,
      pid: header.nlmsg_pid,
      payload: bytes.subarray(at + nlmsghdr.size, at + header.nlmsg_len),
    });
    at += align4(header.nlmsg_len);
  }
  return messages;
}
