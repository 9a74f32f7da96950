import { concatBytes } from '../bytes/plain.ts';
import { SysError } from '../errors.ts';
import { errno } from '../uapi/errno.ts';
import { TCA, tcmsg } from '../uapi/netlink.ts';
import { type Attributes, decodeAttributes, encodeAttributes } from './attributes.ts';

/** What qdiscs and filters have in common: `struct tcmsg`, and the attributes TCA_*. */
export interface TcMessage {
  readonly ifindex: number;
  readonly handle: number;
  readonly parent: number;
  /** Qdiscs: a reference count, in answers. Filters: priority and protocol. */
  readonly info: number;
  readonly attributes: Attributes<typeof TCA>;
}

/** The payload of an RTM_*QDISC or RTM_*TFILTER. */
export function encodeTcMessage({ ifindex, handle, parent, info, attributes }: TcMessage): Uint8Array {
  return concatBytes([
    tcmsg.encode({ tcm_ifindex: ifindex, tcm_handle: handle, tcm_parent: parent, tcm_info: info }),
    encodeAttributes(TCA, attributes),
  ]);
}

/** Throws SysError: EINVAL, ERANGE if the payload is none. */
export function decodeTcMessage(payload: Uint8Array): TcMessage {
  const header = tcmsg.decode(checkedHeader(payload, tcmsg.size, 'struct tcmsg'));
  return {
    ifindex: header.tcm_ifindex,
    handle: header.tcm_handle,
    parent: header.tcm_parent,
    info: header.tcm_info,
    attributes: decodeAttributes(TCA, payload.subarray(tcmsg.size)),
  };
}

/** The first `size` bytes of a payload. Throws SysError EINVAL if it is shorter. */
export function checkedHeader(payload: Uint8Array, size: number, what: string): Uint8Array {
  if (payload.length >= size) return payload.subarray(0, size);
  throw new SysError(errno.EINVAL, 'netlink', {
    detail: `${what} takes ${size} bytes, the netlink message has only ${payload.length}`,
  });
}
