import type { Env } from './env.ts';
import type { TargetFunction } from './extension.ts';
import { SEEN } from './insn-facts.ts';

/** The functions of a program that was verified, in its order; not those that no path comes to, which are not there any more. */
export function targetFunctions(env: Env): readonly TargetFunction[] {
  const { funcInfo = [] } = env.program;
  return funcInfo.flatMap(({ typeId }, i) => {
    const { start, changesPacket, mightSleep, isExceptionCallback } = env.subprog(i);
    const isReliable = i > 0 || env.program.extension !== undefined || takesContext(env);
    return env.facts.has(start, SEEN)
      ? [{ typeId, start, changesPacket, mightSleep, isExceptionCallback, isReliable }]
      : [];
  });
}

/** Whether the types of the main function say what it gets, which nobody asks of a program. */
function takesContext(env: Env): boolean {
  const { args } = env.subprog(0);
  return args?.length === 1 && args[0]?.kind === 'ctx';
}
