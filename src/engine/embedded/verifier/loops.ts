import { IdMap, idsEqual } from './compare.ts';
import type { Env } from './env.ts';
import { type Reg, sameButIds, UNKNOWN } from './reg.ts';
import { isSpilled } from './stack-slot.ts';
import type { State } from './state.ts';

/** The state in which the path came to an instruction before, if what follows from it is not all followed yet. */
export function findPreviousEntry(env: Env, state: State | undefined, insn: number): State | undefined {
  if (state === undefined) return undefined;
  return env
    .exploredAt(insn)
    .find(
      (kept) =>
        kept.insn === insn && kept.branches > 0 && kept.hasSameCallsites(state) && kept.dfsDepth < state.dfsDepth,
    );
}

/** In the next round of a loop, a number that changed from one round to the next and that nothing depends on may be any. */
export function widenImprecise(old: State, state: State): void {
  const ids = new IdMap();
  const widen = (before: Reg, now: Reg): Reg =>
    before.kind !== 'scalar' ||
    now.kind !== 'scalar' ||
    before.precise ||
    now.precise ||
    (sameButIds(before, now) && idsEqual(before, now, ids))
      ? now
      : UNKNOWN;
  for (let frameno = old.curframe; frameno >= 0; frameno--) {
    const before = old.frames[frameno];
    const now = state.frames[frameno];
    if (before === undefined || now === undefined) continue;
    for (let reg = 0; reg < 11; reg++) now.regs[reg] = widen(before.reg(reg), now.reg(reg));
    const slots = Math.min(before.stack.length, now.stack.length);
    for (let spi = 0; spi < slots; spi++) {
      const from = before.slot(spi);
      const to = now.slot(spi);
      if (!isSpilled(from) || !isSpilled(to)) continue;
      const reg = widen(from.reg, to.reg);
      if (reg !== to.reg) now.stack[spi] = { types: to.types, reg };
    }
  }
}
