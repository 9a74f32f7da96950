import { TC_ACT_JUMP, TC_ACT_OK, TC_ACT_PIPE, TC_ACT_REPEAT, TC_ACT_SHOT } from '../../../uapi/bpf.ts';
import { TCA_ACT_MAX_PRIO } from '../../../uapi/netlink.ts';
import type { Fault } from '../interp/fault.ts';
import type { Machine } from '../machine.ts';
import type { Skb } from '../progs/skb.ts';
import { isGotoChain, type TcAction } from './action.ts';
import type { Chain } from './chain.ts';

/** How often an action may ask to run again on one packet, and how often a list may jump, before the packet passes. */
const MAX_REPEATS = 32;
const MAX_JUMPS = TCA_ACT_MAX_PRIO;
const JUMP_MASK = 0x1ff;

/** What became of a packet at one action, or at all of a filter. */
export interface ActionsResult {
  /** TC_ACT_*, or TC_ACT_GOTO_CHAIN with the number of `chain`. */
  readonly action: number;
  readonly chain?: Chain | undefined;
  readonly fault?: Fault | undefined;
}

/** Runs a filter's actions until one decides; TC_ACT_PIPE goes on to the next. A filter without actions lets the packet pass. */
export function runActions(machine: Machine, actions: readonly TcAction[], skb: Skb): ActionsResult {
  let fault: Fault | undefined;
  let result: ActionsResult = { action: TC_ACT_OK };
  let jumps = 0;
  for (let i = 0; i < actions.length; i++) {
    const action = actions[i];
    if (action === undefined) break;
    result = runOne(machine, action, skb);
    fault ??= result.fault;
    if (isJump(result.action)) {
      const skipped = result.action & JUMP_MASK;
      if (skipped === 0 || skipped > actions.length || ++jumps >= MAX_JUMPS) return { action: TC_ACT_OK, fault };
      i = skipped - 1; // counted from the first action on, not from this one
    } else if (isGotoChain(result.action) && result.chain === undefined) {
      return { action: TC_ACT_SHOT, fault };
    } else if (result.action !== TC_ACT_PIPE) break;
  }
  return { ...result, fault };
}

function isJump(action: number): boolean {
  return action >>> 28 === TC_ACT_JUMP >>> 28;
}

function runOne(machine: Machine, action: TcAction, skb: Skb): ActionsResult {
  for (let n = 0; n < MAX_REPEATS; n++) {
    const result = action.run(machine, skb);
    if (result.action !== TC_ACT_REPEAT) return result;
  }
  return { action: TC_ACT_OK };
}
