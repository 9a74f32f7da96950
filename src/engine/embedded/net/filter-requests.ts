import { type BpfFilter, decodeFilter, encodeFilter, type Filter, type TcHook } from '../../../net/index.ts';
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
import type { FilterPriority } from '../hooks/chain.ts';
import type { ClsBpf } from '../hooks/cls-bpf.ts';
import type { FilterBlock } from '../hooks/filter-block.ts';
import { holdTcProgram } from '../hooks/tc-program.ts';
import type { Process } from '../process.ts';
import { describeAction } from './action-requests.ts';
import { fail } from './fail.ts';
import { checkedChain, findBlock, findBlockToDump, hookOf } from './find-block.ts';
import { initActions } from './init-actions.ts';
import type { Network } from './network.ts';
import { checkName, describeProgram, namesProgram, readTcProgram } from './read-program.ts';
import type { Reply, Request } from './rtnetlink.ts';

/** RTM_NEWTFILTER: adds a filter, or puts one into the place of another. */
export function newFilter({ network, process, flags, payload }: Request): Reply[] {
  const asked = decodeFilter(payload);
  const create = (flags & NLM_F_CREATE) !== 0;
  if (asked.priority === 0 && !create) fail('ENOENT', 'Invalid filter command with priority of zero');
  const block = findBlock(network, asked);
  const chain = checkedChain(asked.chain);
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
  // The filter's chain is made before those that its actions go to.
  return block.within(chain, () => {
    const made = makeFilter(network, process, block, options, asked.handle || freeHandle(entry));
    // Nothing can fail from here on, so a refused filter leaves no empty priority behind.
    holdTcProgram(made.program);
    entry ??= block.addPriority(chain, asked.priority || block.autoPriority(chain), asked.protocol);
    block.put(entry, made);
    return flags & NLM_F_ECHO ? [describe(network, hookOf(block, asked), chain, entry, made)] : [];
  });
}

/** RTM_DELTFILTER: one filter, all of a priority, or all of a chain. */
export function deleteFilter({ network, payload }: Request): Reply[] {
  const asked = decodeFilter(payload);
  if (asked.priority === 0 && (asked.protocol !== 0 || asked.handle !== 0 || asked.kind !== undefined))
    fail('ENOENT', 'Cannot flush filters with protocol, handle or kind set');
  const block = findBlock(network, asked);
  const chain = checkedChain(asked.chain);
  if (asked.priority === 0) {
    block.flush(chain);
    return [];
  }
  if (block.chain(chain) === undefined) fail('ENOENT', 'Cannot find specified filter chain');
  const entry = findExisting(block, chain, asked);
  if (asked.handle === 0) block.removePriority(chain, entry);
  else block.remove(chain, entry, findHandle(entry, asked.handle));
  return [];
}

export function getFilter({ network, payload }: Request): Reply[] {
  const asked = decodeFilter(payload);
  if (asked.priority === 0) fail('ENOENT', 'Invalid filter command with priority of zero');
  const block = findBlock(network, asked);
  const chain = checkedChain(asked.chain);
  if (block.chain(chain) === undefined) fail('EINVAL', 'Cannot find specified filter chain');
  const entry = findExisting(block, chain, asked);
  return [describe(network, hookOf(block, asked), chain, entry, findHandle(entry, asked.handle))];
}

/** Each priority first without options, then its filters, newest first. A device or a class that is not there has no filters. */
export function dumpFilters({ network, payload }: Request): Reply[] {
  const asked = decodeFilter(payload);
  const block = findBlockToDump(network, asked);
  if (block === undefined) return [];
  const hook = hookOf(block, asked);
  return block.chains
    .filter(({ index }) => asked.chain === undefined || index === asked.chain)
    .flatMap(({ index, priorities }) =>
      priorities
        .filter(({ priority }) => asked.priority === 0 || priority === asked.priority)
        .filter(({ protocol }) => asked.protocol === 0 || protocol === asked.protocol)
        .flatMap((entry) =>
          [undefined, ...entry.filters].map((filter) => describe(network, hook, index, entry, filter)),
        ),
    );
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

function makeFilter(
  network: Network,
  process: Process,
  block: FilterBlock,
  options: BpfFilter,
  handle: number,
): ClsBpf {
  checkName(options);
  if (options.police !== undefined) fail('ENOENT', 'Failed to load TC action module');
  if (!namesProgram(options)) fail('EINVAL');
  const { flags = 0, flagsGen = 0, classid } = options;
  const { actions } = initActions({ network, process, block }, options.actions ?? []);
  try {
    if (flags & ~TCA_BPF_FLAG_ACT_DIRECT) fail('EINVAL');
    const skips = TCA_CLS_FLAGS_SKIP_HW | TCA_CLS_FLAGS_SKIP_SW;
    if (flagsGen & ~(skips | TCA_CLS_FLAGS_VERBOSE) || (flagsGen & skips) === skips) fail('EINVAL');
    if (flagsGen & TCA_CLS_FLAGS_SKIP_SW) fail('EOPNOTSUPP'); // no device here takes filters into its hardware
    if (handle > 0x7fff_ffff) fail('ENOSPC');
    return {
      handle,
      program: readTcProgram(process, options, 'sched_cls'),
      classid,
      directAction: (flags & TCA_BPF_FLAG_ACT_DIRECT) !== 0,
      flagsGen: (flagsGen & ~TCA_CLS_FLAGS_VERBOSE) | TCA_CLS_FLAGS_NOT_IN_HW,
      actions,
    };
  } catch (error) {
    for (const action of actions) action.unbind();
    throw error;
  }
}

function describe(
  network: Network,
  hook: TcHook,
  chain: number,
  entry: FilterPriority,
  filter: ClsBpf | undefined,
): Reply {
  return {
    type: RTM_NEWTFILTER,
    payload: encodeFilter({
      ...hook,
      handle: filter?.handle ?? 0,
      priority: entry.priority,
      protocol: entry.protocol,
      chain,
      kind: 'bpf',
      bpf: filter && describeOptions(network, filter),
    }),
  };
}

function describeOptions(network: Network, filter: ClsBpf): BpfFilter {
  const { program, classid, directAction, flagsGen, actions } = filter;
  return {
    ...describeProgram(program),
    classid,
    flags: directAction ? TCA_BPF_FLAG_ACT_DIRECT : undefined,
    flagsGen,
    actions: actions.length === 0 ? undefined : actions.map((action) => describeAction(action, network)),
  };
}
