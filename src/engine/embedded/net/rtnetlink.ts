import { SysError } from '../../../errors.ts';
import { encodeAck, encodeDone, encodeMessage, type NetlinkMessage, splitMessages } from '../../../net/index.ts';
import { errno } from '../../../uapi/errno.ts';
import {
  NLM_F_DUMP,
  NLM_F_MULTI,
  NLMSG_DONE,
  nlmsgTypeName,
  RTM_DELACTION,
  RTM_DELADDR,
  RTM_DELCHAIN,
  RTM_DELLINK,
  RTM_DELNEIGH,
  RTM_DELQDISC,
  RTM_DELROUTE,
  RTM_DELTFILTER,
  RTM_GETACTION,
  RTM_GETADDR,
  RTM_GETCHAIN,
  RTM_GETLINK,
  RTM_GETNEIGH,
  RTM_GETQDISC,
  RTM_GETROUTE,
  RTM_GETTFILTER,
  RTM_NEWACTION,
  RTM_NEWADDR,
  RTM_NEWCHAIN,
  RTM_NEWLINK,
  RTM_NEWNEIGH,
  RTM_NEWQDISC,
  RTM_NEWROUTE,
  RTM_NEWTFILTER,
  RTM_SETLINK,
} from '../../../uapi/netlink.ts';
import type { Process } from '../process.ts';
import { deleteAction, dumpActions, getAction, newAction } from './action-requests.ts';
import { deleteAddress, dumpAddresses, newAddress } from './address-requests.ts';
import { deleteChain, dumpChains, getChain, newChain } from './chain-requests.ts';
import { deleteFilter, dumpFilters, getFilter, newFilter } from './filter-requests.ts';
import { deleteLink, dumpLinks, getLink, newLink } from './link-requests.ts';
import { deleteNeighbour, dumpNeighbours, getNeighbour, newNeighbour } from './neighbour-requests.ts';
import type { Network } from './network.ts';
import { deleteQdisc, dumpQdiscs, getQdisc, newQdisc } from './qdisc-requests.ts';
import { deleteRoute, dumpRoutes, getRoute, newRoute } from './route-requests.ts';

/** A request as its handler gets it. */
export interface Request {
  readonly network: Network;
  readonly process: Process;
  /** NLM_F_*. */
  readonly flags: number;
  readonly payload: Uint8Array;
}

/** One message of an answer. */
export interface Reply {
  readonly type: number;
  readonly payload: Uint8Array;
}

/** Does what was asked and says what belongs into the answer before the acknowledgement. Throws SysError. */
type Handler = (request: Request) => readonly Reply[];

// biome-ignore format: aligned table
const HANDLERS: ReadonlyMap<number, { readonly do?: Handler; readonly dump?: Handler }> = new Map([
  [RTM_NEWLINK,    { do: newLink }],
  [RTM_SETLINK,    { do: newLink }],
  [RTM_DELLINK,    { do: deleteLink }],
  [RTM_GETLINK,    { do: getLink, dump: dumpLinks }],
  [RTM_NEWADDR,    { do: newAddress }],
  [RTM_DELADDR,    { do: deleteAddress }],
  [RTM_GETADDR,    { dump: dumpAddresses }],
  [RTM_NEWROUTE,   { do: newRoute }],
  [RTM_DELROUTE,   { do: deleteRoute }],
  [RTM_GETROUTE,   { do: getRoute, dump: dumpRoutes }],
  [RTM_NEWNEIGH,   { do: newNeighbour }],
  [RTM_DELNEIGH,   { do: deleteNeighbour }],
  [RTM_GETNEIGH,   { do: getNeighbour, dump: dumpNeighbours }],
  [RTM_NEWQDISC,   { do: newQdisc }],
  [RTM_DELQDISC,   { do: deleteQdisc }],
  [RTM_GETQDISC,   { do: getQdisc, dump: dumpQdiscs }],
  [RTM_NEWTFILTER, { do: newFilter }],
  [RTM_DELTFILTER, { do: deleteFilter }],
  [RTM_GETTFILTER, { do: getFilter, dump: dumpFilters }],
  [RTM_NEWCHAIN,   { do: newChain }],
  [RTM_DELCHAIN,   { do: deleteChain }],
  [RTM_GETCHAIN,   { do: getChain, dump: dumpChains }],
  [RTM_NEWACTION,  { do: newAction }],
  [RTM_DELACTION,  { do: deleteAction }],
  [RTM_GETACTION,  { do: getAction, dump: dumpActions }],
]);

/** The answers to all messages in `bytes`, each up to its acknowledgement. Throws SysError EINVAL if they are no netlink messages. */
export function answerRequest(network: Network, process: Process, bytes: Uint8Array): Uint8Array {
  const parts = splitMessages(bytes)
    .filter((message) => message.type > NLMSG_DONE)
    .map((message) => answer(network, process, message));
  return joined(parts);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function answer(network: Network, process: Process, message: NetlinkMessage): Uint8Array {
  const { type, flags, payload } = message;
  const handlers = HANDLERS.get(type);
  // The bits of NLM_F_DUMP mean something else in requests that change things.
  const isDump = handlers?.dump !== undefined && (flags & NLM_F_DUMP) !== 0;
  const handler = isDump ? handlers.dump : handlers?.do;
  try {
    if (handler === undefined)
      throw new SysError(errno.EOPNOTSUPP, nlmsgTypeName(type), {
        detail: `the embedded kernel does not answer rtnetlink messages of type ${nlmsgTypeName(type)} yet`,
      });
    const replies = handler({ network, process, flags, payload }).map((reply) =>
      encodeMessage({
        type: reply.type,
        flags: isDump ? NLM_F_MULTI : 0,
        seq: message.seq,
        pid: message.pid,
        payload: reply.payload,
      }),
    );
    return joined([...replies, isDump ? encodeDone(message) : encodeAck(message, { errno: 0 })]);
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    return encodeAck(message, { errno: error.errno, text: error.detail });
  }
}
