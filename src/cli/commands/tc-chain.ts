import { UsageError } from '../../errors.ts';
import { addChain, type ChainPlace, deleteChain, getChain, listChains } from '../../loader/tc-chain.ts';
import { type Chain, formatClassid } from '../../net/index.ts';
import { type AnyCommand, command } from '../command.ts';
import type { Words } from '../words.ts';
import { filterPlace, HOOK_USAGE, requireBlock, requireParent } from './tc-words.ts';

/** Chains, and what the command that asked for them has said already and is not repeated. */
interface Listed {
  readonly chains: readonly Chain[];
  readonly block: number | undefined;
}

export const chainCommands: readonly AnyCommand[] = [
  command<undefined>({
    path: ['tc', 'chain', 'add'],
    usage: `${HOOK_USAGE} [chain N]`,
    about: 'makes a chain that stays without filters; filters make their own',
    run({ kernel }, words) {
      addChain(kernel, chainPlace(words));
      return undefined;
    },
    text: () => '',
  }),
  command<undefined>({
    path: ['tc', 'chain', 'delete'],
    usage: `${HOOK_USAGE} [chain N]`,
    about: 'removes a chain with its filters',
    run({ kernel }, words) {
      deleteChain(kernel, chainPlace(words));
      return undefined;
    },
    text: () => '',
  }),
  command<Listed>({
    path: ['tc', 'chain', 'get'],
    usage: `${HOOK_USAGE} [chain N]`,
    about: 'shows a chain, if it is there',
    run({ kernel }, words) {
      return { chains: [getChain(kernel, chainPlace(words))], block: undefined };
    },
    text: listText,
    json: listJson,
  }),
  command<Listed>({
    path: ['tc', 'chain', 'show'],
    usage: `${HOOK_USAGE} [chain N]`,
    about: 'lists the chains of a hook or of a shared block',
    run({ kernel }, words) {
      const place = chainPlace(words);
      requireBlock(kernel, place);
      return { chains: listChains(kernel, place), block: place.block };
    },
    text: listText,
    json: listJson,
  }),
];

function chainPlace(words: Words): ChainPlace {
  const place = filterPlace(words);
  words.end();
  const { priority, handle, protocol, ...chain } = place;
  if (priority !== undefined || handle !== undefined || protocol !== undefined)
    throw new UsageError('a chain has no priority, handle or protocol');
  requireParent(place);
  return chain;
}

/** The kernel names the qdisc, not the side of it that was asked for. */
function listText({ chains, block }: Listed): string {
  return chains
    .map((chain) => {
      const hook = chain.block === undefined ? `parent ${formatClassid(chain.parent)} ` : `block ${chain.block} `;
      return `chain ${chain.block !== undefined && chain.block === block ? '' : hook}chain ${chain.chain ?? 0} `;
    })
    .join('\n');
}

function listJson({ chains, block }: Listed): object[] {
  return chains.map((chain) => ({
    block: chain.block === block ? undefined : chain.block,
    parent: chain.block === undefined ? formatClassid(chain.parent) : undefined,
    chain: chain.chain,
  }));
}
