import { concatBytes } from '../bytes/plain.ts';
import { TCA_ACT, TCA_ACT_BPF, TCA_ROOT, tcActBpf, tcamsg } from '../uapi/netlink.ts';
import { decodeAttributes, encodeAttribute, encodeAttributes, listAttributes } from './attributes.ts';
import { checkedHeader } from './tcmsg.ts';

/** An action, in RTM_NEWACTION, RTM_DELACTION and RTM_GETACTION, or of a filter. */
export interface Action {
  /** `bpf`, `gact`, …; `undefined` where a request leaves it out. */
  readonly kind: string | undefined;
  /** Which action of this kind is meant, in a request that gets or deletes; see {@link BpfAction.index} for the others. */
  readonly index?: number | undefined;
  /** Of kind `bpf` that has options. */
  readonly bpf?: BpfAction | undefined;
  /** TCA_ACT_OPTIONS of another kind, raw. */
  readonly options?: Uint8Array | undefined;
  /** At most 16 bytes that the kernel keeps and shows. */
  readonly cookie?: Uint8Array | undefined;
}

/** Options of an action of kind `bpf` (act_bpf). Without `fd` and `ops` it stands for the existing action of that index. */
export interface BpfAction {
  /** 0 in a request: the kernel chooses. */
  readonly index: number;
  /** TC_ACT_*: what happens where the program answers TC_ACT_UNSPEC. */
  readonly control: number;
  /** References and bindings to filters; 0 in requests. */
  readonly refs: number;
  readonly bindings: number;
  /** An eBPF program of type sched_act, in the process that sends the request; not in dumps. */
  readonly fd?: number | undefined;
  /** Classic BPF: `struct sock_filter`, 8 bytes each. */
  readonly ops?: Uint8Array | undefined;
  /** Instructions in `ops`; when encoding, `undefined` means what `ops` has. */
  readonly opsLen?: number | undefined;
  readonly name?: string | undefined;
  /** 8 bytes; only in dumps. */
  readonly tag?: Uint8Array | undefined;
  /** Id of the program; only in dumps. */
  readonly id?: number | undefined;
}

/** The payload of an RTM_*ACTION. */
export function encodeActionMessage(actions: readonly Action[]): Uint8Array {
  return concatBytes([tcamsg.encode({}), encodeAttributes(TCA_ROOT, { TCA_ACT_TAB: encodeActions(actions) })]);
}

/** Throws SysError: EINVAL, ERANGE. */
export function decodeActionMessage(payload: Uint8Array): Action[] {
  checkedHeader(payload, tcamsg.size, 'struct tcamsg');
  const { TCA_ACT_TAB } = decodeAttributes(TCA_ROOT, payload.subarray(tcamsg.size));
  return TCA_ACT_TAB === undefined ? [] : decodeActions(TCA_ACT_TAB);
}

/** A list of actions as it stands in TCA_ACT_TAB, and in TCA_BPF_ACT of a filter: each under its place in the order, from 1. */
export function encodeActions(actions: readonly Action[]): Uint8Array {
  return concatBytes(
    actions.map(({ kind, index, bpf, options, cookie }, i) =>
      encodeAttribute(
        i + 1,
        encodeAttributes(TCA_ACT, {
          TCA_ACT_KIND: kind,
          TCA_ACT_OPTIONS: bpf === undefined ? options : encodeBpf(bpf),
          TCA_ACT_INDEX: index,
          TCA_ACT_COOKIE: cookie,
        }),
      ),
    ),
  );
}

/** Throws SysError: EINVAL, ERANGE. */
export function decodeActions(bytes: Uint8Array): Action[] {
  const nests = listAttributes(bytes).sort(([a], [b]) => a - b);
  return nests.map(([, nest]) => {
    const attributes = decodeAttributes(TCA_ACT, nest);
    const { TCA_ACT_KIND: kind, TCA_ACT_OPTIONS: options } = attributes;
    return {
      kind,
      index: attributes.TCA_ACT_INDEX,
      bpf: kind === 'bpf' && options !== undefined ? decodeBpf(options) : undefined,
      options: kind === 'bpf' ? undefined : options,
      cookie: attributes.TCA_ACT_COOKIE,
    };
  });
}

function encodeBpf(bpf: BpfAction): Uint8Array {
  const { ops, opsLen = ops === undefined ? undefined : Math.floor(ops.length / 8) } = bpf;
  return encodeAttributes(TCA_ACT_BPF, {
    TCA_ACT_BPF_PARMS: tcActBpf.encode({
      index: bpf.index,
      action: bpf.control,
      refcnt: bpf.refs,
      bindcnt: bpf.bindings,
    }),
    TCA_ACT_BPF_OPS_LEN: opsLen,
    TCA_ACT_BPF_OPS: ops,
    TCA_ACT_BPF_FD: bpf.fd,
    TCA_ACT_BPF_NAME: bpf.name,
    TCA_ACT_BPF_TAG: bpf.tag,
    TCA_ACT_BPF_ID: bpf.id,
  });
}

function decodeBpf(options: Uint8Array): BpfAction {
  const attributes = decodeAttributes(TCA_ACT_BPF, options);
  const parms = checkedHeader(attributes.TCA_ACT_BPF_PARMS ?? new Uint8Array(0), tcActBpf.size, 'TCA_ACT_BPF_PARMS');
  const { index, action, refcnt, bindcnt } = tcActBpf.decode(parms);
  return {
    index,
    control: action,
    refs: refcnt,
    bindings: bindcnt,
    fd: attributes.TCA_ACT_BPF_FD,
    ops: attributes.TCA_ACT_BPF_OPS,
    opsLen: attributes.TCA_ACT_BPF_OPS_LEN,
    name: attributes.TCA_ACT_BPF_NAME,
    tag: attributes.TCA_ACT_BPF_TAG,
    id: attributes.TCA_ACT_BPF_ID,
  };
}
