import { SysError } from '../../../errors.ts';
import { type BpfFilter, decodeFilter, encodeFilter, type Filter } from '../../../net/index.ts';
import { progTypeNumber } from '../../../uapi/bpf.ts';
import {
  NLM_F_CREATE,
  NLM_F_ECHO,
  NLM_F_EXCL,
  RTM_NEWTFILTER,
  TCA_BPF_FLAG_ACT_DIRECT,
  TCA_CLS_FLAGS_NOT_IN_HW,
  TCA_CLS_FLAGS_SKIP_HW,
  TCA_CLS_FLAGS_SKIP_SW,
  TCA_CLS_FLAGS_VERBOSE,
} from '../../../uapi/netlink.ts';
import { decodeClassic } from '../hooks/classic.ts';
import { type Classifier, type ClsBpf, holdClassifier } from '../hooks/cls-bpf.ts';
import type { FilterBlock, FilterPriority } from '../hooks/filter-block.ts';
import type { Process } from '../process.ts';
import { fail } from './fail.ts';
import type { Network } from './network.ts';
import type { Reply, Request } from './rtnetlink.ts';

/** Bytes of a filter's name with its NUL. */
const MAX_NAME = 256;
const MAX_CHAIN = 0x0fff_ffff;

/** RTM_NEWTFILTER: adds a filter, or puts one into the place of another. */
export function newFilter({ network, process, flags, payload }: Request): Reply[] {
  const asked = decodeFilter(payload);
  const create = (flags & NLM_F_CREATE) !== 0;
  if (asked.priority === 0 && !create) fail('ENOENT', 'Invalid filter command with priority of zero');
  const block = findBlock(network, asked);
  const chain = chainOf(asked);
  let entry = asked.priority === 0 ? undefined : findPriority(block, chain, asked);
  if (entry === undefined) {
    if (asked.kind === undefined || asked.protocol === 0) fail('EINVAL', 'Filter kind and protocol must be specified');
    if (!create) fail('ENOENT', 'Need both RTM_NEWTFILTER and NLM_F_CREATE to create a new filter');
    if (asked.kind !== 'bpf') fail('ENOENT', 'TC classifier not found');
  } else if (asked.kind !== undefined && asked.kind !== 'bpf') {
    fail('EINVAL', 'Specified filter kind does not match existing one');
  }
  const old = entry?.filters.find(({ handle }) => handle === asked.handle);
  if (old === undefined && !create) fail('ENOENT', 'Need both RTM_NEWTFILTER and NLM_F_CREATE to create a new filter');
  if (old !== undefined && flags & NLM_F_EXCL) fail('EEXIST', 'Filter already exists');

  const options = asked.bpf ?? fail('EINVAL');
  const made = makeFilter(process, options, asked.handle || freeHandle(entry));
  // Nothing can fail from here on, so a refused filter leaves no empty priority behind.
  holdClassifier(made.classifier);
  entry ??= block.addPriority(chain, asked.priority || block.autoPriority(chain), asked.protocol);
  block.put(entry, made);
  return flags & NLM_F_ECHO ? [describe(asked, chain, entry, made)] : [];
}

/** RTM_DELTFILTER: one filter, all of a priority, or all of a chain. */
export function deleteFilter({ network, payload }: Request): Reply[] {
  const asked = decodeFilter(payload);
  if (asked.priority === 0 && (asked.protocol !== 0 || asked.handle !== 0 || asked.kind !== undefined))
    fail('ENOENT', 'Cannot flush filters with protocol, handle or kind set');
  const block = findBlock(network, asked);
  const chain = chainOf(asked);
  if (asked.priority === 0) {
    block.flush(chain);
    return [];
  }
  if (block.priorities(chain).length === 0) fail('ENOENT', 'Cannot find specified filter chain');
  const entry = findExisting(block, chain, asked);
  if (asked.handle === 0) block.removePriority(chain, entry);
  else block.remove(chain, entry, findHandle(entry, asked.handle));
  return [];
}

export function getFilter({ network, payload }: Request): Reply[] {
  const asked = decodeFilter(payload);
  if (asked.priority === 0) fail('ENOENT', 'Invalid filter command with priority of zero');
  const block = findBlock(network, asked);
  const chain = chainOf(asked);
  if (block.priorities(chain).length === 0) fail('EINVAL', 'Cannot find specified filter chain');
  const entry = findExisting(block, chain, asked);
  return [describe(asked, chain, entry, findHandle(entry, asked.handle))];
}

/** Each priority first without options, then its filters, newest first. A device or a class that is not there has no filters. */
export function dumpFilters({ network, payload }: Request): Reply[] {
  const asked = decodeFilter(payload);
  const block = network.device(asked.ifindex)?.qdisc?.blockOf(asked.parent);
  if (block === undefined || asked.parent === 0) return [];
  const chains = asked.chain === undefined ? block.chains : [asked.chain];
  return chains.flatMap((chain) =>
    block
      .priorities(chain)
      .filter(({ priority }) => asked.priority === 0 || priority === asked.priority)
      .filter(({ protocol }) => asked.protocol === 0 || protocol === asked.protocol)
      .flatMap((entry) => [
        describe(asked, chain, entry, undefined),
        ...entry.filters.map((filter) => describe(asked, chain, entry, filter)),
      ]),
  );
}

function findBlock(network: Network, { ifindex, parent, block }: Filter): FilterBlock {
  if (block !== undefined) fail('EINVAL', 'Block of given index was not found');
  const device = network.device(ifindex) ?? fail('ENODEV');
  const isClsact = parent >>> 16 === 0xffff;
  if (!isClsact || !device.qdisc) fail('EINVAL', "Parent Qdisc doesn't exists");
  return (
    device.qdisc.blockOf(parent) ??
    ((parent & 0xffff) === 0 ? fail('EINVAL') : fail('ENOENT', "Specified class doesn't exist"))
  );
}

function chainOf({ chain = 0 }: Filter): number {
  return chain > MAX_CHAIN ? fail('EINVAL', 'Specified chain index exceeds upper limit') : chain;
}

function findPriority(block: FilterBlock, chain: number, { priority, protocol }: Filter): FilterPriority | undefined {
  const entry = block.find(chain, priority);
  if (entry !== undefined && protocol !== 0 && protocol !== entry.protocol)
    fail('EINVAL', 'Protocol mismatch for filter with specified priority');
  return entry;
}

function findExisting(block: FilterBlock, chain: number, asked: Filter): FilterPriority {
  const entry =
    findPriority(block, chain, asked) ?? fail('ENOENT', 'Filter with specified priority/protocol not found');
  if (asked.kind !== undefined && asked.kind !== 'bpf')
    fail('EINVAL', 'Specified filter kind does not match existing one');
  return entry;
}

function findHandle(entry: FilterPriority, handle: number): ClsBpf {
  return (
    entry.filters.find((filter) => filter.handle === handle) ?? fail('ENOENT', 'Specified filter handle not found')
  );
}

/** The smallest handle that no filter of the priority has. */
function freeHandle(entry: FilterPriority | undefined): number {
  const taken = new Set(entry?.filters.map(({ handle }) => handle));
  let handle = 1;
  while (taken.has(handle)) handle++;
  return handle;
}

function makeFilter(process: Process, options: BpfFilter, handle: number): ClsBpf {
  const { flags = 0, flagsGen = 0, name } = options;
  if (options.actions !== undefined || options.police !== undefined) fail('ENOENT', 'Failed to load TC action module');
  const classic = options.ops !== undefined && options.opsLen !== undefined;
  if (classic === (options.fd !== undefined)) fail('EINVAL');
  if (flags & ~TCA_BPF_FLAG_ACT_DIRECT) fail('EINVAL');
  const skips = TCA_CLS_FLAGS_SKIP_HW | TCA_CLS_FLAGS_SKIP_SW;
  if (flagsGen & ~(skips | TCA_CLS_FLAGS_VERBOSE) || (flagsGen & skips) === skips) fail('EINVAL');
  if (flagsGen & TCA_CLS_FLAGS_SKIP_SW) fail('EOPNOTSUPP'); // no device here takes filters into its hardware
  if (name !== undefined && name.length >= MAX_NAME) fail('ERANGE', 'Attribute failed policy validation');
  if (handle > 0x7fff_ffff) fail('ENOSPC');
  return {
    handle,
    classifier: options.fd === undefined ? classicClassifier(options) : ebpfClassifier(process, options.fd),
    name: options.fd === undefined ? undefined : name,
    classid: options.classid,
    directAction: (flags & TCA_BPF_FLAG_ACT_DIRECT) !== 0,
    flagsGen: (flagsGen & ~TCA_CLS_FLAGS_VERBOSE) | TCA_CLS_FLAGS_NOT_IN_HW,
  };
}

function ebpfClassifier(process: Process, fd: number): Classifier {
  const prog = process.prog(fd | 0);
  if (typeof prog === 'number') throw new SysError(-prog, 'netlink');
  if (prog.attr.type !== progTypeNumber.sched_cls) fail('EINVAL');
  return { kind: 'ebpf', prog };
}

function classicClassifier({ ops = new Uint8Array(0), opsLen = 0 }: BpfFilter): Classifier {
  const insns = ops.length === 8 * opsLen ? decodeClassic(ops) : undefined;
  return { kind: 'classic', insns: insns ?? fail('EINVAL'), bytes: ops.slice() };
}

function describe(asked: Filter, chain: number, entry: FilterPriority, filter: ClsBpf | undefined): Reply {
  return {
    type: RTM_NEWTFILTER,
    payload: encodeFilter({
      ifindex: asked.ifindex,
      parent: asked.parent,
      handle: filter?.handle ?? 0,
      priority: entry.priority,
      protocol: entry.protocol,
      chain,
      kind: 'bpf',
      bpf: filter && describeOptions(filter),
    }),
  };
}

function describeOptions({ classifier, name, classid, directAction, flagsGen }: ClsBpf): BpfFilter {
  const what: BpfFilter =
    classifier.kind === 'classic'
      ? { ops: classifier.bytes }
      : { name, id: classifier.prog.id, tag: classifier.prog.attr.tag };
  return { ...what, classid, flags: directAction ? TCA_BPF_FLAG_ACT_DIRECT : undefined, flagsGen };
}
