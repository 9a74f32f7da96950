import { TC_ACT_OK, TC_ACT_REDIRECT, TC_ACT_SHOT, TC_ACT_UNSPEC } from '../../../uapi/bpf.ts';
import { interpreterOf } from '../interp/interpreter.ts';
import type { Machine } from '../machine.ts';
import type { Skb } from '../progs/skb.ts';
import type { Classification } from './cls-bpf.ts';
import type { Mprog } from './mprog.ts';

/** What ends the run; everything else but TC_ACT_UNSPEC, which means the next program, leaves the packet to the filters of clsact. */
const DECISIONS: ReadonlySet<number> = new Set([TC_ACT_OK, TC_ACT_SHOT, TC_ACT_REDIRECT]);

/** The programs of a device's tcx hook, one after the other. TC_ACT_UNSPEC: none has decided. */
export function runTcx(machine: Machine, hook: Mprog, skb: Skb): Classification {
  skb.set('tc_classid', 0);
  let fault: Classification['fault'];
  for (const { prog } of hook.entries) {
    skb.publish();
    const verdict = interpreterOf(machine).runProgram(prog, skb.context, skb);
    fault ??= verdict.fault;
    if (verdict.value === TC_ACT_UNSPEC) continue;
    const action = DECISIONS.has(verdict.value) ? verdict.value : TC_ACT_UNSPEC;
    return { action, classid: 0, fault };
  }
  return { action: TC_ACT_UNSPEC, classid: 0, fault };
}
