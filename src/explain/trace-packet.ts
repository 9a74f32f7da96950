import { conditionOf, type Event, follow } from './follow.ts';
import type { Path } from './path.ts';
import type { Parts, Traced } from './trace.ts';
import { inOrder } from './trace-origin.ts';

/** Which comparisons with the packet's end there are on the path, and what they showed. */
export function tracePacket(path: Path, { reg, off, size, total = '0' }: Parts): Traced {
  const regno = Number(reg);
  const clues: Event[] = [...follow(path, regno, path.end).events];
  let compared = false;
  for (let i = 0; i < path.end; i++) {
    const effect = path.effect(i);
    if (effect.kind !== 'jump' || effect.src === undefined || path.depth(i) !== path.depth(path.end)) continue;
    const sides = [effect.dst, effect.src].map((side) => path.valueBefore(i, `R${side}`));
    if (!sides.some((side) => side?.kind === 'pkt_end')) continue;
    compared = true;
    const checked = [effect.dst, effect.src, regno]
      .flatMap((r) => path.valueBefore(i + 1, `R${r}`)?.facts.get('r') ?? [])
      .at(0);
    const shown =
      checked === undefined
        ? ''
        : checked === '0'
          ? ', which shows nothing of this pointer'
          : `: ${checked} bytes are checked`;
    clues.push({
      at: i,
      says: `the packet's end is compared (${conditionOf(path, i)} is ${path.jumps(i) ? '' : 'not '}true)${shown}`,
    });
  }
  const needed = off === undefined || size === undefined ? undefined : Number(off) + Number(size);
  // Before Linux 5.18 a log of level 1 does not say what registers hold, so which are compared with what is not known.
  const isTold = path.valueBefore(path.end, `R${regno}`) !== undefined;
  const missing =
    isTold && !compared
      ? 'nothing on this path compares this pointer with the end of the packet (data_end)'
      : needed === undefined
        ? undefined
        : `${total} bytes are checked, ${needed} are needed`;
  return { clues: inOrder(clues).slice(-24), missing };
}
