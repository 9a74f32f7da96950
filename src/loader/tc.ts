import { NotSupportedError, SysError } from '../errors.ts';
import {
  type BpfFilter,
  clsact,
  decodeFilter,
  decodeQdisc,
  encodeFilter,
  encodeQdisc,
  type Filter,
  type Qdisc,
  request,
} from '../net/index.ts';
import type { Kernel } from '../sys/kernel.ts';
import { errno } from '../uapi/errno.ts';
import type { ProgId } from '../uapi/fd.ts';
import {
  ETH_P_ALL,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_ECHO,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  RTM_DELQDISC,
  RTM_DELTFILTER,
  RTM_GETQDISC,
  RTM_GETTFILTER,
  RTM_NEWQDISC,
  RTM_NEWTFILTER,
  TCA_CLS_FLAGS_SKIP_HW,
  TCA_CLS_FLAGS_SKIP_SW,
} from '../uapi/netlink.ts';
import { attachUndoably } from './attach/undo.ts';
import { findDevice } from './devices.ts';
import type { BpfProgram } from './program.ts';
import { type ActionSpec, actionMessages, missingActions } from './tc-action.ts';
import { describeHook, type FilterHook, hookMessage } from './tc-hook.ts';
import { type FilterProgram, programMessage } from './tc-program.ts';

/** `add` fails if there is one, `replace` takes its place, `change` fails if there is none. */
export type QdiscVerb = 'add' | 'replace' | 'change';
export type FilterVerb = 'add' | 'replace' | 'change';

/** Numbers of blocks of filters that a qdisc shares with all that name the same ones; a side without a number has its own. */
export interface SharedBlocks {
  readonly ingress?: number | undefined;
  readonly egress?: number | undefined;
}

/**
 * Makes the qdisc that filters hang on: `clsact` for both directions, `ingress` for one. Filters of a shared block are set and listed by its number
 * alone. Throws SysError: EEXIST with `add` if there is one; EOPNOTSUPP for an egress block of kind `ingress`.
 */
export function setQdisc(
  kernel: Kernel,
  device: string,
  kind: 'clsact' | 'ingress' = 'clsact',
  verb: QdiscVerb = 'add',
  blocks: SharedBlocks = {},
): void {
  const flags = { add: NLM_F_CREATE | NLM_F_EXCL, replace: NLM_F_CREATE | NLM_F_REPLACE, change: 0 }[verb];
  const { ifindex } = findDevice(kernel, device);
  const qdisc = { ...clsact(ifindex, kind), ingressBlock: blocks.ingress, egressBlock: blocks.egress };
  request(kernel, `${kind} on ${device}`, RTM_NEWQDISC, flags, encodeQdisc(qdisc));
}

/** Removes it with all filters that hang on it. */
export function deleteQdisc(kernel: Kernel, device: string, kind: 'clsact' | 'ingress' = 'clsact'): void {
  const qdisc = clsact(findDevice(kernel, device).ifindex, kind);
  request(kernel, `${kind} on ${device}`, RTM_DELQDISC, 0, encodeQdisc(qdisc));
}

/** The qdiscs of one device, or of all. */
export function listQdiscs(kernel: Kernel, device?: string): Qdisc[] {
  const ifindex = device === undefined ? 0 : findDevice(kernel, device).ifindex;
  const all = { ifindex, kind: undefined, handle: 0, parent: 0 };
  const found = request(kernel, 'qdiscs', RTM_GETQDISC, NLM_F_DUMP, encodeQdisc(all)).map(decodeQdisc);
  return found.filter((qdisc) => ifindex === 0 || qdisc.ifindex === ifindex);
}

/** Where a filter is. What is left out the kernel chooses when it makes one; when it looks for one, it stands for any. */
export type FilterPlace = FilterHook & {
  /** 1 to 65535; lower ones run first. */
  readonly priority?: number | undefined;
  readonly handle?: number | undefined;
  /** EtherType in host order. Default: all, when a filter is made. */
  readonly protocol?: number | undefined;
  readonly chain?: number | undefined;
};

export interface FilterOptions {
  /** The program's return value is the verdict (TC_ACT_*), not a class. */
  readonly directAction?: boolean | undefined;
  /** The class of packets for which a program without direct action returns -1. */
  readonly classid?: number | undefined;
  /** What lists show, e.g. `shared.bpf.o:[ingress]`. Default: the program's name. */
  readonly name?: string | undefined;
  /** TCA_CLS_FLAGS_*. */
  readonly flagsGen?: number | undefined;
  /** What is done, in this order, with a packet that matches, at most 32; of no effect with `directAction`. */
  readonly actions?: readonly ActionSpec[] | undefined;
}

/**
 * Attaches a program to a hook of a device, or to a shared block. With `replace` and a handle and priority that are in use, the new program takes the place of the old one
 * in one step: every packet meets one of the two. Returns the filter as the kernel has it, with the priority and handle that it chose.
 *
 * Throws SysError: ENOENT or EINVAL without a qdisc on the device, EEXIST with `add` if the handle is taken, ENOENT with `change` if it is not,
 * EOPNOTSUPP by the device of a block that is shared, EINVAL if an action to bind to is not there; UsageError as `setActions`.
 */
export function setFilter(
  kernel: Kernel,
  place: FilterPlace,
  program: FilterProgram,
  options: FilterOptions = {},
  verb: FilterVerb = 'add',
): Filter {
  const flags = { add: NLM_F_CREATE | NLM_F_EXCL, replace: NLM_F_CREATE, change: 0 }[verb];
  const { directAction, classid, flagsGen, actions = [] } = options;
  const bpf: BpfFilter = {
    ...programMessage(kernel, program, options.name),
    classid,
    flags: directAction === true ? 1 : undefined,
    flagsGen: flagsGen === 0 ? undefined : flagsGen,
    actions: actions.length === 0 ? undefined : actionMessages(kernel, actions),
  };
  const message = filterMessage(kernel, place, { kind: 'bpf', bpf });
  const protocol = verb === 'change' ? message.protocol : message.protocol || ETH_P_ALL;
  const set = () => {
    const answer = explainActions(kernel, place, actions, () =>
      request(kernel, describeHook(place), RTM_NEWTFILTER, flags | NLM_F_ECHO, encodeFilter({ ...message, protocol })),
    );
    const [made] = answer.map(decodeFilter);
    if (made === undefined) throw new NotSupportedError('a kernel that does not echo the filter it makes');
    return made;
  };
  return 'classic' in program ? set() : setUndoably(kernel, place, program, set);
}

/** What a filter is replaced by is taken back with its load; a filter that had actions, or no eBPF program, is gone then. */
function setUndoably(kernel: Kernel, place: FilterPlace, program: BpfProgram, set: () => Filter): Filter {
  let before: BpfFilter | undefined;
  const former = () => {
    if (place.handle === undefined || place.priority === undefined) return undefined;
    before = getFilter(kernel, place).bpf;
    return before?.id === undefined || (before.actions ?? []).length > 0 ? undefined : (before.id as ProgId); // the brand's origin
  };
  return attachUndoably(program, former, set, (old, { priority, handle, protocol, chain }) => {
    const made = { ...place, priority, handle, protocol, chain };
    if (old === undefined) return deleteFilter(kernel, made);
    const { flags, classid, name, flagsGen = 0 } = before ?? {};
    // The kernel adds flags that it does not take.
    const asked = flagsGen & (TCA_CLS_FLAGS_SKIP_HW | TCA_CLS_FLAGS_SKIP_SW);
    setFilter(kernel, made, old, { directAction: flags === 1, classid, name, flagsGen: asked }, 'replace');
  });
}

/** The kernel has no words for an action that is to be bound to and is not there. */
function explainActions<T>(kernel: Kernel, place: FilterPlace, actions: readonly ActionSpec[], set: () => T): T {
  try {
    return set();
  } catch (error) {
    if (!(error instanceof SysError) || error.code !== 'EINVAL' || error.detail !== undefined) throw error;
    const [missing] = missingActions(kernel, actions);
    if (missing === undefined) throw error;
    throw new SysError(error.errno, error.syscall, {
      what: describeHook(place),
      detail: `there is no action ${missing.kind} of index ${missing.index} to bind to`,
      cause: error,
    });
  }
}

/** Removes the filters that match: one with a handle, all of a priority, or all of the hook. */
export function deleteFilter(kernel: Kernel, place: FilterPlace): void {
  const kind = place.handle === undefined ? undefined : 'bpf';
  request(kernel, describeHook(place), RTM_DELTFILTER, 0, encodeFilter(filterMessage(kernel, place, { kind })));
}

/** The filters of a hook in the order in which they run. Kinds other than bpf are in it too. */
export function listFilters(kernel: Kernel, place: FilterPlace): Filter[] {
  const message = filterMessage(kernel, place, { kind: undefined });
  return request(kernel, describeHook(place), RTM_GETTFILTER, NLM_F_DUMP, encodeFilter(message)).map(decodeFilter);
}

/** One filter; throws SysError ENOENT if there is none. */
export function getFilter(kernel: Kernel, place: FilterPlace): Filter {
  const message = filterMessage(kernel, place, { kind: 'bpf' });
  const [found] = request(kernel, describeHook(place), RTM_GETTFILTER, NLM_F_ECHO, encodeFilter(message)).map(
    decodeFilter,
  );
  if (found === undefined) throw new SysError(errno.ENOENT, 'RTM_GETTFILTER', { what: describeHook(place) });
  return found;
}

function filterMessage(kernel: Kernel, place: FilterPlace, rest: Pick<Filter, 'kind' | 'bpf'>): Filter {
  const { priority = 0, handle = 0, protocol = 0, chain } = place;
  return { ...hookMessage(kernel, place), priority, handle, protocol, chain, ...rest };
}
