import { type Action, type ActionParms, actionParms, type GactAction, type MirredAction } from '../../../net/index.ts';
import { TC_ACT_EXT_VAL_MASK, TC_ACT_GOTO_CHAIN, TC_ACT_TRAP } from '../../../uapi/bpf.ts';
import {
  PGACT_DETERM,
  TC_COOKIE_MAX_SIZE,
  TCA_ACT_FLAGS_NO_PERCPU_STATS,
  TCA_ACT_FLAGS_SKIP_HW,
  TCA_ACT_FLAGS_SKIP_SW,
  TCA_ACT_HW_STATS_DELAYED,
  TCA_ACT_HW_STATS_IMMEDIATE,
  TCA_ACT_MAX_PRIO,
  TCA_EGRESS_REDIR,
  TCA_INGRESS_MIRROR,
} from '../../../uapi/netlink.ts';
import { ACTION_KINDS, type ActionKind, type ActionWork, dropWork, isGotoChain, TcAction } from '../hooks/action.ts';
import type { FilterBlock } from '../hooks/filter-block.ts';
import type { Mirred } from '../hooks/mirred.ts';
import { holdTcProgram } from '../hooks/tc-program.ts';
import type { Process } from '../process.ts';
import { fail } from './fail.ts';
import type { Network } from './network.ts';
import { checkName, namesProgram, readTcProgram } from './read-program.ts';

/** Bytes of the name of a kind, with its NUL. */
const MAX_KIND = 16;
const SKIPS = TCA_ACT_FLAGS_SKIP_HW | TCA_ACT_FLAGS_SKIP_SW;
const HW_STATS_ANY = TCA_ACT_HW_STATS_IMMEDIATE | TCA_ACT_HW_STATS_DELAYED;

/** Whose request it is. */
export interface ActionOwner {
  readonly network: Network;
  readonly process: Process;
  /** Of a filter, which binds to its actions: the block that it is in. */
  readonly block?: FilterBlock | undefined;
  /** Existing actions get what the request says. */
  readonly replace?: boolean | undefined;
}

/** Actions that a request made or found, each held (`block`: bound) once; all or, by a throw, none. */
export interface InitedActions {
  readonly actions: readonly TcAction[];
  /** Those of them that were there before, as often as they were named. */
  readonly found: readonly TcAction[];
}

/** Throws SysError: EINVAL, ENOENT, EEXIST, ENOSPC, EAGAIN, EOPNOTSUPP, and those of programs. */
export function initActions(owner: ActionOwner, list: readonly Action[]): InitedActions {
  const asked = list.slice(0, TCA_ACT_MAX_PRIO);
  const kinds = asked.map(kindOf);
  const actions: TcAction[] = [];
  const found: TcAction[] = [];
  try {
    for (const [i, action] of asked.entries()) {
      const made = initAction(owner, kinds[i] ?? 'bpf', action, found);
      actions.push(made);
      checkOffload(owner, made);
    }
  } catch (error) {
    for (const action of actions) owner.block === undefined ? action.put() : action.unbind();
    throw error;
  }
  // Now that nothing can fail, others may find them.
  for (const action of actions)
    if (!found.includes(action)) owner.network.actions[action.kind].settle(action.index, action);
  return { actions, found };
}

/** What is told from an action's attributes, before any is made. */
function kindOf({ kind, cookie, flags = 0, hwStats = 0 }: Action): ActionKind {
  if ((cookie?.length ?? 0) > TC_COOKIE_MAX_SIZE) fail('ERANGE', 'Attribute failed policy validation');
  if (flags & ~(TCA_ACT_FLAGS_NO_PERCPU_STATS | SKIPS) || hwStats & ~HW_STATS_ANY)
    fail('EINVAL', 'Attribute failed policy validation');
  if (kind === undefined) fail('EINVAL', 'TC action kind must be specified');
  if (kind.length >= MAX_KIND) fail('EINVAL', 'TC action name too long');
  return ACTION_KINDS.find((known) => known === kind) ?? fail('ENOENT', 'Failed to load TC action module');
}

function initAction(owner: ActionOwner, kind: ActionKind, asked: Action, found: TcAction[]): TcAction {
  const { flags = 0, hwStats, cookie } = asked;
  if ((flags & SKIPS) === SKIPS) fail('EINVAL');
  const parms =
    actionParms(asked) ??
    fail('EINVAL', kind === 'mirred' ? 'act_mirred: Mirred requires attributes to be passed' : undefined);
  if (asked.bpf !== undefined) checkName(asked.bpf);
  if (asked.gact?.random !== undefined) checkRandom(asked.gact.random);
  const table = owner.network.actions[kind];
  let action = parms.index === 0 ? undefined : table.find(parms.index);
  const binds = action !== undefined && owner.block !== undefined;
  const { eaction = TCA_EGRESS_REDIR } = asked.mirred ?? {};
  if (!binds && (eaction < TCA_EGRESS_REDIR || eaction > TCA_INGRESS_MIRROR))
    fail('EINVAL', 'act_mirred: Unknown mirred option');
  if (action === undefined) {
    const index = table.reserve(parms.index) ?? (parms.index === 0 ? fail('ENOSPC') : fail('EAGAIN'));
    try {
      const work = readWork(owner, asked, parms, undefined);
      action = new TcAction(table, index, work, owner.block !== undefined, owner.network.machine.clock.now());
    } catch (error) {
      table.settle(index);
      throw error;
    }
    action.flags = flags;
  } else if (owner.block !== undefined) {
    action.bind(); // late binding: what the filter says of it beside the index counts for nothing
    found.push(action);
  } else {
    if (!owner.replace) fail('EEXIST');
    action.replace(readWork(owner, asked, parms, action.work));
    action.hold();
    found.push(action);
  }
  if (cookie !== undefined) action.cookie = cookie.slice();
  action.hwStats = hwStats;
  return action;
}

/** `old`: the work of the action that gets this one, which keeps what is not said anew. */
function readWork(
  { network, process, block }: ActionOwner,
  asked: Action,
  { control }: ActionParms,
  old: ActionWork | undefined,
): ActionWork {
  const mirred = asked.mirred && readMirred(network, asked.mirred, old?.mirred);
  const target = readTarget(control, block);
  const { bpf, gact } = asked;
  try {
    if (mirred !== undefined) return { control, program: undefined, mirred, target };
    if (bpf === undefined) return { control, program: undefined, random: readRandom(gact) ?? old?.random, target };
    if (!namesProgram(bpf)) fail('EINVAL');
    return { control, program: holdTcProgram(readTcProgram(process, bpf, 'sched_act')), target };
  } catch (error) {
    dropWork({ control, program: undefined, target });
    throw error;
  }
}

function checkRandom({ type, control }: NonNullable<GactAction['random']>): void {
  if (type > PGACT_DETERM) fail('EINVAL');
  if (isGotoChain(control)) fail('EINVAL', 'goto chain not allowed on fallback');
}

/** Each 0-th is each. */
function readRandom(gact: GactAction | undefined): GactAction['random'] {
  return gact?.random && { ...gact.random, value: Math.max(1, gact.random.value) };
}

function readMirred(network: Network, { eaction, ifindex, block }: MirredAction, old: Mirred | undefined): Mirred {
  if (block !== undefined) {
    if (ifindex !== 0) fail('EINVAL', 'act_mirred: Cannot specify Block ID and dev simultaneously');
    fail('ENOTSUPP', 'the embedded kernel mirrors to devices, not to blocks');
  }
  if (ifindex === 0) {
    if (old === undefined) fail('EINVAL', 'act_mirred: Must specify device or block');
    return { ...old, eaction };
  }
  return { eaction, device: network.device(ifindex) ?? fail('ENODEV') };
}

/** A verdict may be a number that has a meaning, or any negative one; only filters' actions have chains to go to. */
function readTarget(control: number, block: FilterBlock | undefined): ActionWork['target'] {
  const opcode = control & ~TC_ACT_EXT_VAL_MASK;
  if (opcode === 0 ? control > TC_ACT_TRAP : opcode > TC_ACT_GOTO_CHAIN) fail('EINVAL', 'invalid control action');
  if (!isGotoChain(control)) return undefined;
  if (block === undefined) fail('EINVAL', "can't goto NULL proto/chain");
  return { block, chain: block.holdGoto(control & TC_ACT_EXT_VAL_MASK) };
}

/** No device here runs actions, and filters of kind bpf share nothing with those that are for some devices or for all but them. */
function checkOffload({ block }: ActionOwner, { kind, flags }: TcAction): void {
  if (block !== undefined && flags & SKIPS) fail('EINVAL', 'Mismatch between action and filter offload flags');
  if (flags & TCA_ACT_FLAGS_SKIP_SW) fail(kind === 'bpf' ? 'EOPNOTSUPP' : 'EINVAL');
}
