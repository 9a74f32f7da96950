import { TCA_ACT_BPF, TCA_GACT, TCA_MIRRED, tcfT, tcGactP, tcGen, tcMirred } from '../uapi/netlink.ts';
import { decodeAttributes, encodeAttributes } from './attributes.ts';
import { checkedHeader } from './tcmsg.ts';

/** What the options of all kinds of action have: struct tc_gen and struct tcf_t. */
export interface ActionParms {
  /** Among the actions of its kind in the network namespace; 0 in a request: the kernel chooses. */
  readonly index: number;
  /** TC_ACT_*, TC_ACT_GOTO_CHAIN or TC_ACT_JUMP with a number: the verdict, of kind `bpf` where the program answers TC_ACT_UNSPEC. */
  readonly control: number;
  /** References and bindings to filters; 0 in requests. */
  readonly refs: number;
  readonly bindings: number;
  /** Only in dumps. */
  readonly ages?: ActionAges | undefined;
}

/** How long ago, in hundredths of a second; 0 for what never happened. */
export interface ActionAges {
  readonly installed: bigint;
  /** Ran last, or was made. */
  readonly lastUsed: bigint;
  readonly firstUsed: bigint;
  readonly expires: bigint;
}

/** Options of an action of kind `bpf` (act_bpf). Without `fd` and `ops` it stands for the existing action of that index. */
export interface BpfAction extends ActionParms {
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

/** Options of an action of kind `gact`, which does nothing but answer. */
export interface GactAction extends ActionParms {
  /** Another verdict for some of the packets. */
  readonly random?:
    | {
        /** 1: by chance, 2: each `value`-th. */
        readonly type: number;
        readonly control: number;
        readonly value: number;
      }
    | undefined;
}

/** Options of an action of kind `mirred`, which sends packets, or copies of them, to a device. */
export interface MirredAction extends ActionParms {
  /** TCA_EGRESS_REDIR, TCA_EGRESS_MIRROR, TCA_INGRESS_REDIR, TCA_INGRESS_MIRROR. */
  readonly eaction: number;
  /** The device; in dumps 0 if it is gone, in requests 0 to leave it. */
  readonly ifindex: number;
  /** A block of filters instead, to all of whose devices it sends. Linux >= 6.8. */
  readonly block?: number | undefined;
}

export function encodeBpfAction(bpf: BpfAction): Uint8Array {
  const { ops, opsLen = ops === undefined ? undefined : Math.floor(ops.length / 8) } = bpf;
  return encodeAttributes(TCA_ACT_BPF, {
    TCA_ACT_BPF_TM: encodeAges(bpf),
    TCA_ACT_BPF_PARMS: encodeParms(bpf),
    TCA_ACT_BPF_OPS_LEN: opsLen,
    TCA_ACT_BPF_OPS: ops,
    TCA_ACT_BPF_FD: bpf.fd,
    TCA_ACT_BPF_NAME: bpf.name,
    TCA_ACT_BPF_TAG: bpf.tag,
    TCA_ACT_BPF_ID: bpf.id,
  });
}

/** Throws SysError: EINVAL, ERANGE. */
export function decodeBpfAction(options: Uint8Array): BpfAction {
  const attributes = decodeAttributes(TCA_ACT_BPF, options);
  return {
    ...decodeParms(attributes.TCA_ACT_BPF_PARMS, attributes.TCA_ACT_BPF_TM),
    fd: attributes.TCA_ACT_BPF_FD,
    ops: attributes.TCA_ACT_BPF_OPS,
    opsLen: attributes.TCA_ACT_BPF_OPS_LEN,
    name: attributes.TCA_ACT_BPF_NAME,
    tag: attributes.TCA_ACT_BPF_TAG,
    id: attributes.TCA_ACT_BPF_ID,
  };
}

export function encodeGactAction(gact: GactAction): Uint8Array {
  const { random } = gact;
  return encodeAttributes(TCA_GACT, {
    TCA_GACT_TM: encodeAges(gact),
    TCA_GACT_PARMS: encodeParms(gact),
    TCA_GACT_PROB: random && tcGactP.encode({ ptype: random.type, pval: random.value, paction: random.control }),
  });
}

/** Throws SysError: EINVAL, ERANGE. */
export function decodeGactAction(options: Uint8Array): GactAction {
  const attributes = decodeAttributes(TCA_GACT, options);
  const { TCA_GACT_PROB: prob } = attributes;
  const random = prob && tcGactP.decode(prob);
  return {
    ...decodeParms(attributes.TCA_GACT_PARMS, attributes.TCA_GACT_TM),
    random: random && { type: random.ptype, control: random.paction, value: random.pval },
  };
}

export function encodeMirredAction(mirred: MirredAction): Uint8Array {
  const { index, control, refs, bindings, eaction, ifindex, block } = mirred;
  return encodeAttributes(TCA_MIRRED, {
    TCA_MIRRED_TM: encodeAges(mirred),
    TCA_MIRRED_PARMS: tcMirred.encode({ index, action: control, refcnt: refs, bindcnt: bindings, eaction, ifindex }),
    TCA_MIRRED_BLOCKID: block,
  });
}

/** Throws SysError: EINVAL, ERANGE. */
export function decodeMirredAction(options: Uint8Array): MirredAction {
  const {
    TCA_MIRRED_PARMS: parms,
    TCA_MIRRED_TM: times,
    TCA_MIRRED_BLOCKID: block,
  } = decodeAttributes(TCA_MIRRED, options);
  const { eaction, ifindex } = tcMirred.decode(
    checkedHeader(parms ?? new Uint8Array(0), tcMirred.size, 'struct tc_mirred'),
  );
  return { ...decodeParms(parms, times), eaction, ifindex, ...(block !== undefined && { block }) };
}

function encodeParms({ index, control, refs, bindings }: ActionParms): Uint8Array {
  return tcGen.encode({ index, action: control, refcnt: refs, bindcnt: bindings });
}

function encodeAges({ ages }: ActionParms): Uint8Array | undefined {
  if (ages === undefined) return undefined;
  const { installed, lastUsed, firstUsed, expires } = ages;
  return tcfT.encode({ install: installed, lastuse: lastUsed, expires, firstuse: firstUsed });
}

function decodeParms(parms: Uint8Array | undefined, times: Uint8Array | undefined): ActionParms {
  const { index, action, refcnt, bindcnt } = tcGen.decode(
    checkedHeader(parms ?? new Uint8Array(0), tcGen.size, 'struct tc_gen'),
  );
  return { index, control: action, refs: refcnt, bindings: bindcnt, ages: times && decodeAges(times) };
}

function decodeAges(times: Uint8Array): ActionAges {
  const { install, lastuse, firstuse, expires } = tcfT.decode(times);
  return { installed: install, lastUsed: lastuse, firstUsed: firstuse, expires };
}
