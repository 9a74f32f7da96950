import { SysError } from '../errors.ts';
import { type Chain, decodeChain, encodeChain, request } from '../net/index.ts';
import type { Kernel } from '../sys/kernel.ts';
import { errno } from '../uapi/errno.ts';
import { NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, RTM_DELCHAIN, RTM_GETCHAIN, RTM_NEWCHAIN } from '../uapi/netlink.ts';
import { describeHook, type FilterHook, hookMessage } from './tc-hook.ts';

/** A chain of filters; packets begin with chain 0, and come to others by TC_ACT_GOTO_CHAIN. Default: 0. */
export type ChainPlace = FilterHook & { readonly chain?: number | undefined };

/** Makes a chain that stays without filters; those that filters are put into make themselves. Throws SysError EEXIST if it is there. */
export function addChain(kernel: Kernel, place: ChainPlace): void {
  ask(kernel, place, RTM_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL);
}

/** Removes a chain with its filters. Throws SysError EINVAL if it is not there. */
export function deleteChain(kernel: Kernel, place: ChainPlace): void {
  ask(kernel, place, RTM_DELCHAIN, 0);
}

/** Throws SysError EINVAL if it is not there. */
export function getChain(kernel: Kernel, place: ChainPlace): Chain {
  const [found] = ask(kernel, place, RTM_GETCHAIN, 0);
  if (found === undefined) throw new SysError(errno.ENOENT, 'RTM_GETCHAIN', { what: describe(place) });
  return found;
}

/** The chains of a hook, or the one that is named, if it is there, in the order in which they were made. */
export function listChains(kernel: Kernel, place: ChainPlace): Chain[] {
  return ask(kernel, place, RTM_GETCHAIN, NLM_F_DUMP);
}

function ask(kernel: Kernel, place: ChainPlace, type: number, flags: number): Chain[] {
  const message = encodeChain({ ...hookMessage(kernel, place), chain: place.chain });
  return request(kernel, describe(place), type, flags, message).map(decodeChain);
}

function describe(place: ChainPlace): string {
  return `chain ${place.chain ?? 0} ${describeHook(place)}`;
}
