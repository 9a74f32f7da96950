import { TC_H_CLSACT, TC_H_CLSACT_HANDLE } from '../uapi/netlink.ts';
import { decodeTcMessage, encodeTcMessage } from './tcmsg.ts';

/** A queueing discipline, in RTM_NEWQDISC, RTM_DELQDISC and RTM_GETQDISC. */
export interface Qdisc {
  /** 0 in a request for a dump: of all devices. */
  readonly ifindex: number;
  /** `clsact`, `ingress`, `noqueue`, …; `undefined` where a request leaves it to the handle. */
  readonly kind: string | undefined;
  /** TC_H_*: major number in the upper 16 bits. */
  readonly handle: number;
  readonly parent: number;
  /** TCA_OPTIONS, raw. */
  readonly options?: Uint8Array | undefined;
  /** Numbers of the shared filter blocks. */
  readonly ingressBlock?: number | undefined;
  readonly egressBlock?: number | undefined;
}

/** The qdisc that holds the filters of both directions, or with kind `ingress` those of one. */
export function clsact(ifindex: number, kind: 'clsact' | 'ingress' = 'clsact'): Qdisc {
  return { ifindex, kind, handle: TC_H_CLSACT_HANDLE, parent: TC_H_CLSACT };
}

export function encodeQdisc({ ifindex, kind, handle, parent, options, ...blocks }: Qdisc): Uint8Array {
  return encodeTcMessage({
    ifindex,
    handle,
    parent,
    info: 0,
    attributes: {
      TCA_KIND: kind,
      TCA_OPTIONS: options,
      TCA_INGRESS_BLOCK: blocks.ingressBlock,
      TCA_EGRESS_BLOCK: blocks.egressBlock,
    },
  });
}

/** Throws SysError: EINVAL, ERANGE. */
export function decodeQdisc(payload: Uint8Array): Qdisc {
  const { ifindex, handle, parent, attributes } = decodeTcMessage(payload);
  return {
    ifindex,
    kind: attributes.TCA_KIND,
    handle,
    parent,
    options: attributes.TCA_OPTIONS,
    ingressBlock: attributes.TCA_INGRESS_BLOCK,
    egressBlock: attributes.TCA_EGRESS_BLOCK,
  };
}
