import { concatBytes } from '../bytes/plain.ts';
import { TCA_ACT, TCA_ROOT, tcamsg } from '../uapi/netlink.ts';
import {
  type ActionParms,
  type BpfAction,
  decodeBpfAction,
  decodeGactAction,
  decodeMirredAction,
  encodeBpfAction,
  encodeGactAction,
  encodeMirredAction,
  type GactAction,
  type MirredAction,
} from './action-options.ts';
import { type ActionStats, decodeActionStats, encodeActionStats } from './action-stats.ts';
import { decodeAttributes, encodeAttribute, encodeAttributes, listAttributes } from './attributes.ts';
import { checkedHeader } from './tcmsg.ts';

/** An action, in RTM_NEWACTION, RTM_DELACTION and RTM_GETACTION, or of a filter. */
export interface Action {
  /** `bpf`, `gact`, …; `undefined` where a request leaves it out. */
  readonly kind: string | undefined;
  /** Which action of this kind is meant, in a request that gets or deletes; see {@link ActionParms.index} for the others. */
  readonly index?: number | undefined;
  /** Of kind `bpf` that has options. */
  readonly bpf?: BpfAction | undefined;
  /** Of kind `gact` that has options. */
  readonly gact?: GactAction | undefined;
  /** Of kind `mirred` that has options. */
  readonly mirred?: MirredAction | undefined;
  /** TCA_ACT_OPTIONS of another kind, raw. */
  readonly options?: Uint8Array | undefined;
  /** At most 16 bytes that the kernel keeps and shows. */
  readonly cookie?: Uint8Array | undefined;
  /** TCA_ACT_FLAGS_*. */
  readonly flags?: number | undefined;
  /** TCA_ACT_HW_STATS_*; `undefined`: any, 0: none. */
  readonly hwStats?: number | undefined;
  /** Those that devices keep for it; only in dumps. */
  readonly usedHwStats?: number | undefined;
  /** Devices that run it in hardware; only in dumps, Linux >= 5.17. */
  readonly inHwCount?: number | undefined;
  /** Only in dumps. */
  readonly stats?: ActionStats | undefined;
}

/** An RTM_*ACTION. */
export interface ActionMessage {
  readonly actions: readonly Action[];
  /** TCA_ACT_FLAG_*, in a request for a dump. */
  readonly flags?: number | undefined;
  /** In a request for a dump: only actions that ran within so many milliseconds. */
  readonly sinceMs?: number | undefined;
  /** How many actions the message has; only in dumps that were asked for with TCA_ACT_FLAG_LARGE_DUMP_ON. */
  readonly count?: number | undefined;
}

/** What all kinds of action have in their options; `undefined` if the message has none, or the kind is not known here. */
export function actionParms({ bpf, gact, mirred }: Action): ActionParms | undefined {
  return bpf ?? gact ?? mirred;
}

/** The payload of an RTM_*ACTION. `first`: see {@link encodeActions}. */
export function encodeActionMessage({ actions, flags, sinceMs, count }: ActionMessage, first?: 0 | 1): Uint8Array {
  return concatBytes([
    tcamsg.encode({}),
    encodeAttributes(TCA_ROOT, {
      TCA_ACT_TAB: encodeActions(actions, first),
      TCA_ROOT_FLAGS: flags,
      TCA_ROOT_COUNT: count,
      TCA_ROOT_TIME_DELTA: sinceMs,
    }),
  ]);
}

/** Throws SysError: EINVAL, ERANGE. */
export function decodeActionMessage(payload: Uint8Array): ActionMessage {
  checkedHeader(payload, tcamsg.size, 'struct tcamsg');
  const attributes = decodeAttributes(TCA_ROOT, payload.subarray(tcamsg.size));
  const { TCA_ACT_TAB: actions } = attributes;
  return {
    actions: actions === undefined ? [] : decodeActions(actions),
    flags: attributes.TCA_ROOT_FLAGS,
    sinceMs: attributes.TCA_ROOT_TIME_DELTA,
    count: attributes.TCA_ROOT_COUNT,
  };
}

/**
 * A list of actions as it stands in TCA_ACT_TAB, and in TCA_BPF_ACT of a filter: each under its place in the order, from 1, or in answers to dumps
 * (`first`) from 0.
 */
export function encodeActions(actions: readonly Action[], first: 0 | 1 = 1): Uint8Array {
  return concatBytes(actions.map((action, i) => encodeAttribute(i + first, encodeAction(action))));
}

/** Throws SysError: EINVAL, ERANGE. */
export function decodeActions(bytes: Uint8Array): Action[] {
  return listAttributes(bytes)
    .sort(([a], [b]) => a - b)
    .map(([, nest]) => decodeAction(nest));
}

function encodeAction(action: Action): Uint8Array {
  const { stats } = action;
  return encodeAttributes(TCA_ACT, {
    TCA_ACT_KIND: action.kind,
    TCA_ACT_OPTIONS: encodeOptions(action),
    TCA_ACT_INDEX: action.index,
    TCA_ACT_STATS: stats && encodeActionStats(stats),
    TCA_ACT_COOKIE: action.cookie,
    TCA_ACT_FLAGS: action.flags,
    TCA_ACT_HW_STATS: action.hwStats,
    TCA_ACT_USED_HW_STATS: action.usedHwStats,
    TCA_ACT_IN_HW_COUNT: action.inHwCount,
  });
}

function encodeOptions({ bpf, gact, mirred, options }: Action): Uint8Array | undefined {
  if (bpf !== undefined) return encodeBpfAction(bpf);
  if (gact !== undefined) return encodeGactAction(gact);
  return mirred === undefined ? options : encodeMirredAction(mirred);
}

function decodeOptions(
  kind: string | undefined,
  options: Uint8Array,
): Pick<Action, 'bpf' | 'gact' | 'mirred' | 'options'> {
  switch (kind) {
    case 'bpf':
      return { bpf: decodeBpfAction(options) };
    case 'gact':
      return { gact: decodeGactAction(options) };
    case 'mirred':
      return { mirred: decodeMirredAction(options) };
    default:
      return { options };
  }
}

function decodeAction(nest: Uint8Array): Action {
  const attributes = decodeAttributes(TCA_ACT, nest);
  const { TCA_ACT_KIND: kind, TCA_ACT_OPTIONS: options, TCA_ACT_STATS: stats } = attributes;
  return {
    kind,
    index: attributes.TCA_ACT_INDEX,
    ...(options !== undefined && decodeOptions(kind, options)),
    cookie: attributes.TCA_ACT_COOKIE,
    flags: attributes.TCA_ACT_FLAGS,
    hwStats: attributes.TCA_ACT_HW_STATS,
    usedHwStats: attributes.TCA_ACT_USED_HW_STATS,
    inHwCount: attributes.TCA_ACT_IN_HW_COUNT,
    stats: stats && decodeActionStats(stats),
  };
}
