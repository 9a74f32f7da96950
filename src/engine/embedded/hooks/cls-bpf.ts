import {
  TC_ACT_OK,
  TC_ACT_REDIRECT,
  TC_ACT_SHOT,
  TC_ACT_STOLEN,
  TC_ACT_TRAP,
  TC_ACT_UNSPEC,
} from '../../../uapi/bpf.ts';
import type { Fault } from '../interp/fault.ts';
import type { Machine } from '../machine.ts';
import type { Skb } from '../progs/skb.ts';
import type { TcAction } from './action.ts';
import type { Chain } from './chain.ts';
import { runActions } from './run-actions.ts';
import { dropTcProgram, runTcProgram, type TcProgram } from './tc-program.ts';

/** One filter of kind `bpf`. Never changes: a replacement is another object in its place, so that a packet meets the old or the new one. */
export interface ClsBpf {
  /** Among the filters of its priority. */
  readonly handle: number;
  readonly program: TcProgram;
  /** `undefined`: none was set. */
  readonly classid: number | undefined;
  /** The result is the verdict; else it is the class, 0 for no match. */
  readonly directAction: boolean;
  /** TCA_CLS_FLAGS_*. */
  readonly flagsGen: number;
  /** What is done with a packet that matches; of no effect with `directAction`. The filter is bound to them. */
  readonly actions: readonly TcAction[];
}

/** What became of a packet at a filter or at a hook. */
export interface Classification {
  /** TC_ACT_*; TC_ACT_UNSPEC: no filter had an opinion. */
  readonly action: number;
  readonly classid: number;
  readonly fault: Fault | undefined;
  /** Where TC_ACT_GOTO_CHAIN leads. */
  readonly chain?: Chain | undefined;
}

/** What a direct-action program may decide; everything else counts as TC_ACT_UNSPEC. */
const DIRECT_ACTIONS: ReadonlySet<number> = new Set([
  TC_ACT_OK,
  TC_ACT_SHOT,
  TC_ACT_STOLEN,
  TC_ACT_TRAP,
  TC_ACT_REDIRECT,
]);

/** Runs one filter. */
export function classify(machine: Machine, filter: ClsBpf, skb: Skb): Classification {
  const configured = filter.classid ?? 0;
  skb.set('tc_classid', configured & 0xffff);
  const { value, fault } = runTcProgram(machine, filter.program, skb);
  if (filter.directAction) {
    const classid = ((configured & 0xffff0000) | (skb.get('tc_classid') & 0xffff)) >>> 0;
    return { action: DIRECT_ACTIONS.has(value) ? value : TC_ACT_UNSPEC, classid, fault };
  }
  if (value === 0) return { action: TC_ACT_UNSPEC, classid: 0, fault };
  const classid = value === -1 ? configured : value >>> 0;
  const done = runActions(machine, filter.actions, skb);
  return { ...done, classid, fault: fault ?? done.fault };
}

/** Gives back what the filter holds. */
export function dropFilter({ program, actions }: ClsBpf): void {
  dropTcProgram(program);
  for (const action of actions) action.unbind();
}
