import { valueText } from './describe.ts';
import type { Path } from './path.ts';
import type { Value } from './state.ts';

/** Something that a step of the path did to what is followed. */
export interface Event {
  /** Of {@link Path.steps}. */
  readonly at: number;
  readonly says: string;
}

/** Where a value came from, and what became of it until it was used. */
export interface Story {
  /** In the order of the program. */
  readonly events: readonly Event[];
  /** The step that it comes from, -1 if it was there from the start; `undefined` if that is not to be seen. */
  readonly origin: number | undefined;
}

/** Steps that are looked through, and events that are told: the last ones say most. */
const MAX_STEPS = 20_000;
const MAX_EVENTS = 24;

/** Follows what `regno` holds before step `at` back to where it comes from. */
export function follow(path: Path, regno: number, at: number): Story {
  const events: Event[] = [];
  let reg = regno;
  let slot: number | undefined; // bytes from the frame pointer, while it is on the stack
  let depth = path.depth(at);
  // Of a loop, the last round is told.
  const told = new Set<number | undefined>();
  const tell = (i: number, says: string) => {
    const insn = path.steps[i]?.insn;
    if (!told.has(insn)) events.push({ at: i, says });
    told.add(insn);
  };
  const end = (origin: number | undefined): Story => ({ events: events.reverse(), origin });
  for (let i = at - 1; i >= 0; i--) {
    if (at - i > MAX_STEPS || events.length > MAX_EVENTS) return end(undefined);
    const effect = path.effect(i);
    const entered = path.depth(i + 1) > path.depth(i);
    if (entered && path.depth(i) < depth) {
      // The function's arguments are its caller's.
      if (effect.kind !== 'enter' || slot !== undefined || reg === 0 || reg > 5) {
        if (slot === undefined && reg <= 5)
          tell(i, `r${reg} is an argument that ${calleeOf(path, i)} gives its callback`);
        return end(undefined);
      }
      depth = path.depth(i);
      continue;
    }
    // What a function did that has returned; its result is told by its end.
    if (effect.kind === 'exit' && path.depth(i) === depth + 1 && reg === 0 && slot === undefined) {
      depth++;
      continue;
    }
    if (path.depth(i) !== depth) continue;
    if (slot !== undefined) {
      if (effect.kind !== 'store' || effect.base !== 10 || effect.off !== slot) continue;
      if (effect.src === undefined) {
        tell(i, `a number is put on the stack at ${slot}`);
        return end(i);
      }
      reg = effect.src;
      slot = undefined;
      continue;
    }
    if (!path.defines(i, `R${reg}`)) continue;
    const value = path.valueAfter(i, `R${reg}`);
    const now = value === undefined ? '' : `: ${valueText(value)}`;
    switch (effect.kind) {
      case 'copy':
        if (effect.narrow) tell(i, `r${reg} gets a part of r${effect.src}${now}`);
        reg = effect.src;
        continue;
      case 'alu':
        tell(i, `${path.steps[i]?.text ?? ''}${value === undefined ? '' : `: r${reg} is now ${valueText(value)}`}`);
        continue;
      case 'load':
        if (effect.base === 10 && effect.size === 8) {
          slot = effect.off;
          continue;
        }
        tell(i, `r${reg} is read from ${sourceOf(path, i, effect.base)}${now}`);
        return end(i);
      case 'constant':
        tell(i, `r${reg} is set to ${effect.value}`);
        return end(i);
      case 'address':
        tell(i, `r${reg} is ${value === undefined ? 'an address' : valueText(value)}`);
        return end(i);
      case 'call':
      case 'enter':
        tell(
          i,
          reg === 0
            ? `r0 is what ${calleeOf(path, i)} returned${now}`
            : `${calleeOf(path, i)} leaves nothing in r${reg}: a call may change r1 to r5`,
        );
        return end(i);
      default:
        return end(undefined);
    }
  }
  return end(path.steps[0]?.insn === 0 && depth === 0 ? -1 : undefined);
}

function calleeOf(path: Path, at: number): string {
  const effect = path.effect(at);
  return effect.kind === 'call' ? `${effect.name}()` : 'the function';
}

function sourceOf(path: Path, at: number, base: number): string {
  const value = path.valueBefore(at, `R${base}`);
  if (base === 10) return 'the stack';
  if (value === undefined) return 'memory';
  return `memory: r${base} is ${valueText(value)}`.replace(/^memory: r\d+ is a pointer to /, '');
}

/** The conditional jumps between two steps that ask about the value, which `regno` holds before `until`. */
export function checks(path: Path, regno: number, origin: number, until: number): readonly Event[] {
  const names = namesOf(path, regno, origin, until);
  const events: Event[] = [];
  const told = new Set<number | undefined>();
  for (let i = until - 1; i > origin && until - i < MAX_STEPS && events.length < MAX_EVENTS; i--) {
    const effect = path.effect(i);
    const insn = path.steps[i]?.insn;
    if (effect.kind !== 'jump' || told.has(insn) || path.depth(i) !== path.depth(until)) continue;
    const held = names.get(i);
    const reg = [effect.dst, effect.src].find((side) => side !== undefined && held?.has(side));
    if (reg === undefined) continue;
    told.add(insn);
    const value = valueOn(path, i, reg);
    const so = value === undefined ? '' : `, where r${reg} is ${valueText(value)}`;
    events.push({ at: i, says: `${conditionOf(path, i)} is ${path.jumps(i) ? '' : 'not '}true on this path${so}` });
  }
  return events.reverse();
}

/** What a register is on the way that the path takes from a jump. */
function valueOn(path: Path, at: number, reg: number): Value | undefined {
  const name = `R${reg}`;
  return path.valueBefore(at + 1, name);
}

export function conditionOf(path: Path, at: number): string {
  return (path.steps[at]?.text ?? '').replace(/^if /, '').replace(/ goto .*$/, '');
}

/** For each step between the two, the registers that hold the value: a copy is compared as often as the value itself. */
function namesOf(path: Path, regno: number, origin: number, until: number): ReadonlyMap<number, ReadonlySet<number>> {
  const names = new Map<number, ReadonlySet<number>>();
  let held = new Set([regno]);
  const depth = path.depth(until);
  // Back: what the last name was copied from. Forth would need to know the first name.
  for (let i = until - 1; i > origin && until - i < MAX_STEPS; i--) {
    if (path.depth(i) !== depth) continue;
    const effect = path.effect(i);
    if (effect.kind === 'copy') {
      if (held.has(effect.dst)) held = new Set([...held, effect.src]);
      else if (held.has(effect.src)) held = new Set([...held, effect.dst]);
    } else if ('dst' in effect && effect.kind !== 'jump' && held.has(effect.dst)) {
      held = new Set([...held].filter((reg) => reg !== effect.dst));
      if (held.size === 0) break;
    }
    names.set(i, held);
  }
  return names;
}
