import { concatBytes } from '../bytes/plain.ts';
import { SysError } from '../errors.ts';
import { errno } from '../uapi/errno.ts';
import { TCA, TCM_IFINDEX_MAGIC_BLOCK, tcmsg } from '../uapi/netlink.ts';
import { type Attributes, decodeAttributes, encodeAttributes } from './attributes.ts';

/** What qdiscs, filters and chains have in common: `struct tcmsg`, and the attributes TCA_*. */
export interface TcMessage {
  readonly ifindex: number;
  readonly handle: number;
  readonly parent: number;
  /** Qdiscs: a reference count, in answers. Filters: priority and protocol. */
  readonly info: number;
  readonly attributes: Attributes<typeof TCA>;
}

/** The payload of an RTM_*QDISC, RTM_*TFILTER or RTM_*CHAIN. */
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

/** What filters and chains are on. */
export interface TcHook {
  /** 0 on a shared block. */
  readonly ifindex: number;
  /** TC_H_CLSACT_INGRESS, TC_H_CLSACT_EGRESS, or the qdisc's handle; 0 on a block. */
  readonly parent: number;
  /** Number of a shared block; `undefined`: on a device. */
  readonly block?: number | undefined;
}

/** A block has a device number of its own, and its number takes the place of the parent. */
export function encodeHook({ ifindex, parent, block }: TcHook): Pick<TcMessage, 'ifindex' | 'parent'> {
  return block === undefined ? { ifindex, parent } : { ifindex: TCM_IFINDEX_MAGIC_BLOCK, parent: block };
}

export function decodeHook({ ifindex, parent }: Pick<TcMessage, 'ifindex' | 'parent'>): TcHook {
  return ifindex === TCM_IFINDEX_MAGIC_BLOCK ? { ifindex: 0, parent: 0, block: parent } : { ifindex, parent };
}

/** The first `size` bytes of a payload. Throws SysError EINVAL if it is shorter. */
export function checkedHeader(payload: Uint8Array, size: number, what: string): Uint8Array {
  if (payload.length >= size) return payload.subarray(0, size);
  throw new SysError(errno.EINVAL, 'netlink', {
    detail: `${what} takes ${size} bytes, the netlink message has only ${payload.length}`,
  });
}
