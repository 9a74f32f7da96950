import {
  TC_ACT_OK,
  TC_ACT_PIPE,
  TC_ACT_RECLASSIFY,
  TC_ACT_REDIRECT,
  TC_ACT_SHOT,
  TC_ACT_UNSPEC,
} from '../../../uapi/bpf.ts';
import type { Fault } from '../interp/fault.ts';
import type { Machine } from '../machine.ts';
import type { Skb } from '../progs/skb.ts';
import { runTcProgram, type TcProgram } from './tc-program.ts';

/** What an action's program may decide; everything else but TC_ACT_UNSPEC, which leaves it to the action's control, counts as no opinion. */
const VERDICTS: ReadonlySet<number> = new Set([
  TC_ACT_OK,
  TC_ACT_RECLASSIFY,
  TC_ACT_SHOT,
  TC_ACT_PIPE,
  TC_ACT_REDIRECT,
]);

export function actBpf(
  machine: Machine,
  program: TcProgram,
  control: number,
  skb: Skb,
): { readonly action: number; readonly fault: Fault | undefined } {
  const { value, fault } = runTcProgram(machine, program, skb);
  if (value === TC_ACT_UNSPEC) return { action: control, fault };
  return { action: VERDICTS.has(value) ? value : TC_ACT_UNSPEC, fault };
}
