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
  TC_H_CLSACT_EGRESS,
  TC_H_CLSACT_INGRESS,
} from '../uapi/netlink.ts';
import { findDevice } from './devices.ts';
import { checkKernel } from './handle.ts';
import type { BpfProgram } from './program.ts';

/** `add` fails if there is one, `replace` takes its place, `change` fails if there is none. */
export type QdiscVerb = 'add' | 'replace' | 'change';
export type FilterVerb = 'add' | 'replace' | 'change';

/** Makes the qdisc that filters hang on: `clsact` for both directions, `ingress` for one. Throws SysError EEXIST with `add` if there is one. */
export function setQdisc(
  kernel: Kernel,
  device: string,
  kind: 'clsact' | 'ingress' = 'clsact',
  verb: QdiscVerb = 'add',
): void {
  const flags = { add: NLM_F_CREATE | NLM_F_EXCL, replace: NLM_F_CREATE | NLM_F_REPLACE, change: 0 }[verb];
  const qdisc = clsact(findDevice(kernel, device).ifindex, kind);
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
export interface FilterPlace {
  readonly device: string;
  /** A hook of clsact, or the parent as a 32-bit handle. */
  readonly parent: 'ingress' | 'egress' | number;
  /** 1 to 65535; lower ones run first. */
  readonly priority?: number | undefined;
  readonly handle?: number | undefined;
  /** EtherType in host order. Default: all, when a filter is made. */
  readonly protocol?: number | undefined;
  readonly chain?: number | undefined;
}

export interface FilterOptions {
  /** The program's return value is the verdict (TC_ACT_*), not a class. */
  readonly directAction?: boolean | undefined;
  /** The class of packets for which a program without direct action returns -1. */
  readonly classid?: number | undefined;
  /** What lists show, e.g. `shared.bpf.o:[ingress]`. Default: the program's name. */
  readonly name?: string | undefined;
  /** TCA_CLS_FLAGS_*. */
  readonly flagsGen?: number | undefined;
}

/** What a filter runs: an eBPF program of type sched_cls, or classic BPF instructions of 8 bytes. */
export type FilterProgram = BpfProgram | { readonly classic: Uint8Array };

/**
 * Attaches a program to a hook of a device. With `replace` and a handle and priority that are in use, the new program takes the place of the old one
 * in one step: every packet meets one of the two. Returns the filter as the kernel has it, with the priority and handle that it chose.
 *
 * Throws SysError: ENOENT or EINVAL without a qdisc on the device, EEXIST with `add` if the handle is taken, ENOENT with `change` if it is not.
 */
export function setFilter(
  kernel: Kernel,
  place: FilterPlace,
  program: FilterProgram,
  options: FilterOptions = {},
  verb: FilterVerb = 'add',
): Filter {
  const flags = { add: NLM_F_CREATE | NLM_F_EXCL, replace: NLM_F_CREATE, change: 0 }[verb];
  const { directAction, classid, name, flagsGen } = options;
  if (!('classic' in program)) checkKernel(kernel, program);
  const run: BpfFilter =
    'classic' in program ? { ops: program.classic } : { fd: program.fd, name: name ?? program.name };
  const bpf: BpfFilter = {
    ...run,
    classid,
    flags: directAction === true ? 1 : undefined,
    flagsGen: flagsGen === 0 ? undefined : flagsGen,
  };
  const message = filterMessage(kernel, place, { kind: 'bpf', bpf });
  const protocol = verb === 'change' ? message.protocol : message.protocol || ETH_P_ALL;
  const answer = request(
    kernel,
    describe(place),
    RTM_NEWTFILTER,
    flags | NLM_F_ECHO,
    encodeFilter({ ...message, protocol }),
  );
  const [made] = answer.map(decodeFilter);
  if (made === undefined) throw new NotSupportedError('a kernel that does not echo the filter it makes');
  return made;
}

/** Removes the filters that match: one with a handle, all of a priority, or all of the hook. */
export function deleteFilter(kernel: Kernel, place: FilterPlace): void {
  const kind = place.handle === undefined ? undefined : 'bpf';
  request(kernel, describe(place), RTM_DELTFILTER, 0, encodeFilter(filterMessage(kernel, place, { kind })));
}

/** The filters of a hook in the order in which they run. Kinds other than bpf are in it too. */
export function listFilters(kernel: Kernel, place: FilterPlace): Filter[] {
  const message = filterMessage(kernel, place, { kind: undefined });
  return request(kernel, describe(place), RTM_GETTFILTER, NLM_F_DUMP, encodeFilter(message)).map(decodeFilter);
}

/** One filter; throws SysError ENOENT if there is none. */
export function getFilter(kernel: Kernel, place: FilterPlace): Filter {
  const message = filterMessage(kernel, place, { kind: 'bpf' });
  const [found] = request(kernel, describe(place), RTM_GETTFILTER, NLM_F_ECHO, encodeFilter(message)).map(decodeFilter);
  if (found === undefined) throw new SysError(2, 'RTM_GETTFILTER', { what: describe(place) });
  return found;
}

function filterMessage(kernel: Kernel, place: FilterPlace, rest: Pick<Filter, 'kind' | 'bpf'>): Filter {
  const { parent, priority = 0, handle = 0, protocol = 0, chain } = place;
  return {
    ifindex: findDevice(kernel, place.device).ifindex,
    parent: parent === 'ingress' ? TC_H_CLSACT_INGRESS : parent === 'egress' ? TC_H_CLSACT_EGRESS : parent,
    priority,
    handle,
    protocol,
    chain,
    ...rest,
  };
}

function describe({ device, parent }: FilterPlace): string {
  return `on ${device} ${typeof parent === 'string' ? parent : `parent 0x${parent.toString(16)}`}`;
}
