import { TCA_BPF } from '../uapi/netlink.ts';
import { type Action, decodeActions, encodeActions } from './action.ts';
import { type Attributes, decodeAttributes, encodeAttributes } from './attributes.ts';
import { decodeHook, decodeTcMessage, encodeHook, encodeTcMessage, type TcHook } from './tcmsg.ts';

/** A classifier, in RTM_NEWTFILTER, RTM_DELTFILTER and RTM_GETTFILTER. */
export interface Filter extends TcHook {
  /** Of this filter among those of one priority; 0 in a request: the kernel chooses, or all of them. */
  readonly handle: number;
  /** 16 bits; 0 in a request: the kernel chooses. */
  readonly priority: number;
  /** ETH_P_*, in host order; 0 in a request that deletes or dumps: any. */
  readonly protocol: number;
  /** `undefined` means chain 0 in a request that adds. */
  readonly chain?: number | undefined;
  /** `bpf`, `matchall`, …; `undefined` where a request leaves it out. */
  readonly kind: string | undefined;
  /** Of kind `bpf` that has options. A dump starts each priority with a message that has none. */
  readonly bpf?: BpfFilter | undefined;
  /** TCA_OPTIONS of another kind, raw. */
  readonly options?: Uint8Array | undefined;
}

/** Options of a filter of kind `bpf` (cls_bpf). A request has either `fd` or `ops`. */
export interface BpfFilter {
  /** An eBPF program of type sched_cls, in the process that sends the request; not in dumps. */
  readonly fd?: number | undefined;
  /** Classic BPF: `struct sock_filter`, 8 bytes each. */
  readonly ops?: Uint8Array | undefined;
  /** Instructions in `ops`; when encoding, `undefined` means what `ops` has. */
  readonly opsLen?: number | undefined;
  /** What a dump shows for an eBPF program, e.g. `prog.o:[classifier]`. */
  readonly name?: string | undefined;
  /** TCA_BPF_FLAG_*: bit 0 is direct-action. */
  readonly flags?: number | undefined;
  /** TCA_CLS_FLAGS_*. */
  readonly flagsGen?: number | undefined;
  readonly classid?: number | undefined;
  /** 8 bytes; only in dumps. */
  readonly tag?: Uint8Array | undefined;
  /** Id of the program; only in dumps. */
  readonly id?: number | undefined;
  /** In the order in which they run. */
  readonly actions?: readonly Action[] | undefined;
  /** TCA_BPF_POLICE, raw. */
  readonly police?: Uint8Array | undefined;
}

export function encodeFilter(filter: Filter): Uint8Array {
  const { bpf, kind } = filter;
  return encodeTcMessage({
    ...encodeHook(filter),
    handle: filter.handle,
    info: filter.priority * 0x10000 + swap16(filter.protocol),
    attributes: {
      TCA_KIND: kind,
      TCA_OPTIONS: bpf === undefined ? filter.options : encodeBpf(bpf),
      TCA_CHAIN: filter.chain,
    },
  });
}

/** Throws SysError: EINVAL, ERANGE. */
export function decodeFilter(payload: Uint8Array): Filter {
  const message = decodeTcMessage(payload);
  const { handle, info, attributes } = message;
  const { TCA_KIND: kind, TCA_OPTIONS: options } = attributes;
  return {
    ...decodeHook(message),
    handle,
    priority: info >>> 16,
    protocol: swap16(info & 0xffff),
    chain: attributes.TCA_CHAIN,
    kind,
    bpf: kind === 'bpf' && options !== undefined ? decodeBpf(options) : undefined,
    options: kind === 'bpf' ? undefined : options,
  };
}

/** The two spellings of each option that is the same in both: here, and in the table of attributes. */
// biome-ignore format: aligned table
const BPF_OPTIONS = {
  police:   'TCA_BPF_POLICE',
  classid:  'TCA_BPF_CLASSID',
  opsLen:   'TCA_BPF_OPS_LEN',
  ops:      'TCA_BPF_OPS',
  fd:       'TCA_BPF_FD',
  name:     'TCA_BPF_NAME',
  flags:    'TCA_BPF_FLAGS',
  flagsGen: 'TCA_BPF_FLAGS_GEN',
  tag:      'TCA_BPF_TAG',
  id:       'TCA_BPF_ID',
} as const satisfies Record<Exclude<keyof BpfFilter, 'actions'>, keyof typeof TCA_BPF>;

function encodeBpf(bpf: BpfFilter): Uint8Array {
  const { ops, actions, opsLen = ops === undefined ? undefined : Math.floor(ops.length / 8) } = bpf;
  const options: Readonly<Record<string, unknown>> = { ...bpf, opsLen };
  const attributes = Object.entries(BPF_OPTIONS).map(([option, attribute]) => [attribute, options[option]]);
  return encodeAttributes(TCA_BPF, {
    TCA_BPF_ACT: actions === undefined ? undefined : encodeActions(actions),
    ...(Object.fromEntries(attributes) as Attributes<typeof TCA_BPF>), // by BPF_OPTIONS
  });
}

function decodeBpf(options: Uint8Array): BpfFilter {
  const attributes = decodeAttributes(TCA_BPF, options);
  const { TCA_BPF_ACT: actions } = attributes;
  const same = Object.entries(BPF_OPTIONS).map(([option, attribute]) => [option, attributes[attribute]]);
  return {
    ...(Object.fromEntries(same) as BpfFilter), // by BPF_OPTIONS
    actions: actions === undefined ? undefined : decodeActions(actions),
  };
}

/** Protocols stand in network byte order in a word that is otherwise in the host's. */
function swap16(n: number): number {
  return ((n & 0xff) << 8) | ((n >>> 8) & 0xff);
}
