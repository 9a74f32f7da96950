import { checks, type Event, follow } from './follow.ts';
import type { Path } from './path.ts';
import { rangeText, type Value } from './state.ts';
import type { Parts, Traced } from './trace.ts';
import { inOrder } from './trace-origin.ts';

/** A pointer to which something was added: what that is, and what was asked about it. */
export function traceBounds(path: Path, parts: Parts): Traced {
  const regno = Number(parts.reg ?? parts.dst ?? accessBase(path));
  const added = lastAddition(path, regno);
  if (added === undefined) return { clues: follow(path, regno, path.end).events };
  const { at, index } = added;
  const pointer = follow(path, regno, path.end).events.filter((event) => event.at >= at);
  const number = numberStory(path, index, at);
  const value = path.valueBefore(at, `R${index}`);
  return {
    clues: inOrder([...number, ...pointer.filter((event) => !number.some((other) => other.at === event.at))]),
    missing: value && missingBound(index, value, parts),
  };
}

/** The register that the refused instruction reads or writes through; of arithmetic, the one that changes. */
function accessBase(path: Path): number {
  const effect = path.effect(path.end);
  if (effect.kind === 'load' || effect.kind === 'store') return effect.base;
  return 'dst' in effect ? effect.dst : 0;
}

/** The instruction that added a register to what `regno` holds at the end: the refused one, or one before. */
function lastAddition(path: Path, regno: number): { at: number; index: number } | undefined {
  const here = path.effect(path.end);
  if (here.kind === 'alu' && here.src !== undefined) {
    const isNumber = (reg: number) => path.valueBefore(path.end, `R${reg}`)?.kind === 'scalar';
    return { at: path.end, index: isNumber(here.src) || !isNumber(here.dst) ? here.src : here.dst };
  }
  for (const { at } of [...follow(path, regno, path.end).events].reverse()) {
    const effect = path.effect(at);
    if (effect.kind !== 'alu' || effect.src === undefined) continue;
    const source = path.valueBefore(at, `R${effect.src}`);
    // Addition goes either way round: the number may be what the pointer was added to.
    return { at, index: source === undefined || source.kind === 'scalar' ? effect.src : effect.dst };
  }
  return undefined;
}

/** Where a number comes from and what was asked about it. */
function numberStory(path: Path, regno: number, at: number): readonly Event[] {
  const story = follow(path, regno, at);
  const asked = story.origin === undefined ? [] : checks(path, regno, story.origin, at);
  return inOrder([...story.events, ...asked]);
}

function missingBound(index: number, { range }: Value, { off, size, total }: Parts): string {
  const greatest = range.umax ?? range.smax;
  const over =
    off === undefined || size === undefined || total === undefined
      ? undefined
      : BigInt(off) + BigInt(size) - BigInt(total);
  const isBelow = range.smin === undefined || range.smin < 0n;
  if (
    greatest !== undefined &&
    over !== undefined &&
    over > 0n &&
    greatest >= over &&
    !(isBelow && range.umax === undefined)
  )
    return `r${index} can be ${rangeText(range)}; the access fits only if r${index} is at most ${greatest - over}`;
  if (isBelow && greatest !== undefined)
    return `r${index} can be ${rangeText(range)}: nothing shows that it is not negative`;
  if (greatest === undefined) return `nothing on this path gives r${index} an upper bound`;
  return `r${index} can be ${rangeText(range)}`;
}

/** A length that is given to a helper. */
export function traceSize(path: Path, { reg }: Parts): Traced {
  const regno = Number(reg);
  const value = path.valueBefore(path.end, `R${reg}`);
  const clues = numberStory(path, regno, path.end);
  return { clues, missing: value && `r${reg} can be ${rangeText(value.range)}` };
}
