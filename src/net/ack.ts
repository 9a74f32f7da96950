import { concatBytes } from '../bytes/plain.ts';
import { SysError } from '../errors.ts';
import { errno } from '../uapi/errno.ts';
import {
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  NLM_F_MULTI,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSGERR_ATTR,
  nlmsghdr,
} from '../uapi/netlink.ts';
import { align4, decodeAttributes, encodeAttributes } from './attributes.ts';
import { encodeMessage, type NetlinkMessage } from './message.ts';

/** How an answer ends: NLMSG_ERROR, which also acknowledges a success, or NLMSG_DONE after a dump. */
export interface Ack {
  /** Positive; 0: success. */
  readonly errno: number;
  /** NLMSGERR_ATTR_MSG: the extended ack, also as a warning beside a success. */
  readonly text?: string | undefined;
}

/** What `message` says of the request's fate, or `undefined` if it is neither NLMSG_ERROR nor NLMSG_DONE. Throws SysError EINVAL. */
export function decodeAck(message: NetlinkMessage): Ack | undefined {
  const { type, flags, payload } = message;
  if (type !== NLMSG_ERROR && type !== NLMSG_DONE) return undefined;
  if (payload.length < 4) {
    // Old kernels end some dumps with an empty NLMSG_DONE.
    if (type === NLMSG_DONE) return { errno: 0 };
    throw new SysError(errno.EINVAL, 'netlink', { detail: `an NLMSG_ERROR of ${payload.length} bytes holds no errno` });
  }
  const error = new DataView(payload.buffer, payload.byteOffset, payload.byteLength).getInt32(0, true);
  const text = (flags & NLM_F_ACK_TLVS) === 0 ? undefined : ackText(message);
  return { errno: Math.abs(error), ...(text === undefined ? {} : { text }) };
}

/** In an NLMSG_ERROR the request's header, and its payload unless NLM_F_CAPPED, stand between the errno and the attributes. */
function ackText({ type, flags, payload }: NetlinkMessage): string | undefined {
  let at = 4;
  if (type === NLMSG_ERROR) {
    const length = nlmsghdr.decode(payload.subarray(4, 4 + nlmsghdr.size)).nlmsg_len;
    at += (flags & NLM_F_CAPPED) === 0 ? align4(length) : nlmsghdr.size;
  }
  const { NLMSGERR_ATTR_MSG } = decodeAttributes(NLMSGERR_ATTR, payload.subarray(at));
  return NLMSGERR_ATTR_MSG;
}

/** The NLMSG_ERROR that answers `request`: capped, with the text as an extended ack. */
export function encodeAck(request: NetlinkMessage, ack: Ack): Uint8Array {
  const echoed = nlmsghdr.encode({
    nlmsg_len: nlmsghdr.size + request.payload.length,
    nlmsg_type: request.type,
    nlmsg_flags: request.flags,
    nlmsg_seq: request.seq,
    nlmsg_pid: request.pid,
  });
  return encodeMessage({
    type: NLMSG_ERROR,
    flags: NLM_F_CAPPED | textFlag(ack),
    seq: request.seq,
    pid: request.pid,
    payload: concatBytes([negative(ack.errno), echoed, textAttribute(ack)]),
  });
}

/** The NLMSG_DONE that ends the dump which `request` asked for. */
export function encodeDone(request: NetlinkMessage, ack: Ack = { errno: 0 }): Uint8Array {
  return encodeMessage({
    type: NLMSG_DONE,
    flags: NLM_F_MULTI | textFlag(ack),
    seq: request.seq,
    pid: request.pid,
    payload: concatBytes([negative(ack.errno), textAttribute(ack)]),
  });
}

function negative(n: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, -n, true);
  return bytes;
}

function textFlag(ack: Ack): number {
  return ack.text === undefined ? 0 : NLM_F_ACK_TLVS;
}

function textAttribute(ack: Ack): Uint8Array {
  return encodeAttributes(NLMSGERR_ATTR, { NLMSGERR_ATTR_MSG: ack.text });
}
