import { type Chain as ChainMessage, decodeChain, encodeChain } from '../../../net/index.ts';
import { NLM_F_CREATE, RTM_GETCHAIN, RTM_NEWCHAIN, TC_H_CLSACT_HANDLE } from '../../../uapi/netlink.ts';
import type { Chain } from '../hooks/chain.ts';
import type { FilterBlock } from '../hooks/filter-block.ts';
import { fail } from './fail.ts';
import { checkedChain, findBlock, findBlockToDump, hookOf } from './find-block.ts';
import type { Reply, Request } from './rtnetlink.ts';

/** Chains of one block: a caller in a loop must not fill the memory. */
const MAX_CHAINS = 1 << 16;

/** RTM_NEWCHAIN: a chain that stays without filters. */
export function newChain({ network, flags, payload }: Request): Reply[] {
  const asked = decodeChain(payload);
  const block = findBlock(network, asked);
  const index = checkedChain(asked.chain);
  if (block.chain(index)?.visible) fail('EEXIST', 'Filter chain already exists');
  if (block.chain(index) === undefined && (flags & NLM_F_CREATE) === 0)
    fail('ENOENT', 'Need both RTM_NEWCHAIN and NLM_F_CREATE to create a new chain');
  if (asked.kind === 'bpf') fail('EOPNOTSUPP', 'Chain templates are not supported with specified classifier');
  if (asked.kind !== undefined) fail('ENOENT', 'TC classifier not found');
  if (block.chainCount >= MAX_CHAINS) fail('ENOMEM', 'Failed to create filter chain');
  block.createChain(index);
  return [];
}

/** RTM_DELCHAIN: its filters go with it. */
export function deleteChain({ network, payload }: Request): Reply[] {
  const asked = decodeChain(payload);
  const block = findBlock(network, asked);
  block.deleteChain(findChain(block, asked));
  return [];
}

export function getChain({ network, payload }: Request): Reply[] {
  const asked = decodeChain(payload);
  const block = findBlock(network, asked);
  return [describe(RTM_GETCHAIN, asked, block, findChain(block, asked))];
}

/** In the order in which they were made. */
export function dumpChains({ network, payload }: Request): Reply[] {
  const asked = decodeChain(payload);
  const block = findBlockToDump(network, asked);
  if (block === undefined) return [];
  return block.chains
    .filter(({ index }) => asked.chain === undefined || asked.chain === index)
    .map((chain) => describe(RTM_NEWCHAIN, asked, block, chain));
}

function findChain(block: FilterBlock, { chain }: ChainMessage): Chain {
  const found = block.chain(checkedChain(chain));
  return found?.visible ? found : fail('EINVAL', 'Cannot find specified filter chain');
}

/** A chain is said to be on the qdisc, not on a side of it. */
function describe(type: number, asked: ChainMessage, block: FilterBlock, { index }: Chain): Reply {
  const hook = hookOf(block, { ifindex: asked.ifindex, parent: TC_H_CLSACT_HANDLE });
  return { type, payload: encodeChain({ ...hook, chain: index }) };
}
