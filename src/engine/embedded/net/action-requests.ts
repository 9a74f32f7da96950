import {
  type Action,
  type ActionParms,
  decodeActionMessage,
  encodeActionMessage,
  encodeActions,
} from '../../../net/index.ts';
import {
  NLM_F_ECHO,
  NLM_F_REPLACE,
  NLM_F_ROOT,
  RTM_DELACTION,
  RTM_GETACTION,
  RTM_NEWACTION,
  TCA_ACT_FLAG_LARGE_DUMP_ON,
  TCA_ACT_MAX_PRIO,
} from '../../../uapi/netlink.ts';
import { ACTION_KINDS, type TcAction } from '../hooks/action.ts';
import type { ActionTable } from '../hooks/action-table.ts';
import { type Mirred, targetOf } from '../hooks/mirred.ts';
import { fail } from './fail.ts';
import { initActions } from './init-actions.ts';
import type { Network } from './network.ts';
import { describeProgram } from './read-program.ts';
import type { Reply, Request } from './rtnetlink.ts';

/** Bytes of actions in one message of a dump: a list is an attribute, whose length has 16 bits. */
const MAX_DUMP_BYTES = 32 * 1024;
const NS_PER_TICK = 10_000_000n;

/** RTM_NEWACTION: makes actions, or (NLM_F_REPLACE) puts others into their places; all or none. */
export function newAction({ network, process, flags, payload }: Request): Reply[] {
  const asked = actionsOf(payload);
  const { actions, found } = initActions({ network, process, replace: (flags & NLM_F_REPLACE) !== 0 }, asked);
  const replies = flags & NLM_F_ECHO ? [reply(RTM_NEWACTION, actions, network)] : [];
  for (const action of found) action.put();
  return replies;
}

/** RTM_DELACTION: those that no filter is bound to. With NLM_F_ROOT all of a kind, up to the first that is bound. */
export function deleteAction({ network, flags, payload }: Request): Reply[] {
  const asked = actionsOf(payload);
  if (flags & NLM_F_ROOT) {
    flush(tableOf(network, asked[0]?.kind) ?? fail('EINVAL', 'Cannot flush unknown TC action'));
    return [];
  }
  const actions = asked.map((action) => find(network, action));
  const replies = flags & NLM_F_ECHO ? [reply(RTM_DELACTION, actions, network)] : [];
  for (const action of new Set(actions)) {
    if (action.bindings > 0) fail('EPERM', 'Failed to delete TC action');
    action.put();
  }
  return replies;
}

export function getAction({ network, payload }: Request): Reply[] {
  const actions = actionsOf(payload).map((action) => find(network, action));
  return [reply(RTM_GETACTION, actions, network)];
}

/** All actions of a kind. A kind that is not there has none. */
export function dumpActions({ network, payload }: Request): Reply[] {
  const { actions, flags = 0, sinceMs = 0 } = decodeActionMessage(payload);
  const since = sinceMs === 0 ? undefined : network.machine.clock.now() - BigInt(sinceMs) * 1_000_000n;
  const all = tableOf(network, actions[0]?.kind)?.actions ?? [];
  const wanted = all.filter(({ lastUsed }) => since === undefined || lastUsed >= since);
  const large = (flags & TCA_ACT_FLAG_LARGE_DUMP_ON) !== 0;
  const described = wanted.map((action) => describeAction(action, network));
  return [...parts(described, large ? Number.POSITIVE_INFINITY : TCA_ACT_MAX_PRIO)].map((part) => ({
    type: RTM_GETACTION,
    payload: encodeActionMessage({ actions: part, count: large ? part.length : 0 }, 0),
  }));
}

function* parts(actions: readonly Action[], max: number): Generator<Action[]> {
  let part: Action[] = [];
  let bytes = 0;
  for (const action of actions) {
    const size = encodeActions([action]).length;
    if (part.length > 0 && (bytes + size > MAX_DUMP_BYTES || part.length >= max)) {
      yield part;
      part = [];
      bytes = 0;
    }
    part.push(action);
    bytes += size;
  }
  if (part.length > 0) yield part;
}

function actionsOf(payload: Uint8Array): readonly Action[] {
  const { actions } = decodeActionMessage(payload);
  if (actions.length === 0) fail('EINVAL', 'Netlink action attributes missing');
  return actions.slice(0, TCA_ACT_MAX_PRIO);
}

function tableOf(network: Network, kind: string | undefined): ActionTable | undefined {
  const known = ACTION_KINDS.find((name) => name === kind);
  return known && network.actions[known];
}

function find(network: Network, { kind, index }: Action): TcAction {
  if (index === undefined) fail('EINVAL', 'Invalid TC action index value');
  const table = tableOf(network, kind) ?? fail('EINVAL', 'Specified TC action kind not found');
  return table.find(index) ?? fail('ENOENT', 'TC action with specified index not found');
}

/** Success if at least one went. */
function flush(table: ActionTable): void {
  for (const [i, action] of table.actions.entries()) {
    if (action.bindings > 0) {
      if (i === 0) fail('EPERM');
      return;
    }
    action.put();
  }
}

function reply(type: number, actions: readonly TcAction[], network: Network): Reply {
  return { type, payload: encodeActionMessage({ actions: actions.map((action) => describeAction(action, network)) }) };
}

/** As dumps of actions and of filters show it. */
export function describeAction(action: TcAction, network: Network): Action {
  const { machine } = network;
  const { kind, cookie, hwStats, packets, bytes, drops, overlimits, work } = action;
  const now = machine.clock.now();
  const age = (then: bigint | undefined) => (then === undefined ? 0n : (now - then) / NS_PER_TICK);
  const parms: ActionParms = {
    index: action.index,
    control: work.control,
    refs: action.refs,
    bindings: action.bindings,
    ages: {
      installed: age(action.installed),
      lastUsed: age(action.lastUsed),
      firstUsed: age(action.firstUsed),
      expires: 0n,
    },
  };
  return {
    kind,
    bpf: work.program && { ...parms, ...describeProgram(work.program) },
    gact: kind === 'gact' ? { ...parms, random: work.random?.type === 0 ? undefined : work.random } : undefined,
    mirred: work.mirred && { ...parms, ...describeMirred(work.mirred, network) },
    cookie,
    flags: action.flags || undefined,
    hwStats,
    inHwCount: 0,
    stats: { bytes, packets, drops, overlimits, requeues: 0, qlen: 0, backlog: 0 },
  };
}

function describeMirred(mirred: Mirred, netns: Network): { readonly eaction: number; readonly ifindex: number } {
  return { eaction: mirred.eaction, ifindex: targetOf(mirred, { netns })?.ifindex ?? 0 };
}
