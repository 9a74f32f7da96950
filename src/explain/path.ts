import { type Effect, effectOf } from './instruction.ts';
import type { Step, VerifierLog } from './log.ts';
import { parseState, type Value } from './state.ts';

/**
 * The instructions that lead to the refusal, one after the other. A log of level 1 is little else; of one of level 2, which has all paths, those that
 * were found safe are left out.
 */
export class Path {
  readonly steps: readonly Step[];
  /** How many functions deep each step is. */
  readonly #depths: readonly number[];
  readonly #effects = new Map<string, Effect>();

  constructor(log: Pick<VerifierLog, 'steps'>) {
    this.steps = lastPath(log.steps);
    const depths: number[] = [];
    let depth = 0;
    for (const [i, step] of this.steps.entries()) {
      depths.push(depth);
      if (/^call /.test(step.text) && this.enters(i)) depth++;
      else if (step.text === 'exit' && depth > 0) depth--;
    }
    this.#depths = depths;
  }

  /** The step that was refused. */
  get end(): number {
    return this.steps.length - 1;
  }

  effect(at: number): Effect {
    const step = this.steps[at];
    if (step === undefined) return { kind: 'other' };
    // Loops go through the same instructions again and again.
    const key = `${step.insn} ${step.text}`;
    const known = this.#effects.get(key) ?? effectOf(step);
    this.#effects.set(key, known);
    return known;
  }

  depth(at: number): number {
    return this.#depths[at] ?? 0;
  }

  /** Whether what this step calls is followed: a function of the program, also as a callback. */
  enters(at: number): boolean {
    const next = this.steps[at + 1];
    return next !== undefined && next.insn !== (this.steps[at]?.insn ?? 0) + 1;
  }

  /** Of a jump: whether this path is the one on which it jumps. */
  jumps(at: number): boolean {
    const effect = this.effect(at);
    const next = this.steps[at + 1];
    return effect.kind === 'jump' && next !== undefined && next.insn === effect.target;
  }

  /** What is known of `R0` or `fp-8` before a step; `undefined`: the log does not say. */
  valueBefore(at: number, name: string): Value | undefined {
    const depth = this.depth(at);
    for (let i = at; i >= 0; i--) {
      if (this.depth(i) === depth) {
        const told = stateOf(this.steps[i]?.before, name);
        if (told !== undefined) return told;
      }
      if (i === 0) break;
      const changed = this.#depthAfter(i - 1) === depth ? stateOf(this.steps[i - 1]?.after, name) : undefined;
      if (changed !== undefined) return changed;
      if (this.depth(i - 1) < depth || (this.depth(i - 1) === depth && this.defines(i - 1, name))) return undefined;
    }
    return undefined;
  }

  /** What is known of it after a step. */
  valueAfter(at: number, name: string): Value | undefined {
    return (
      stateOf(this.steps[at]?.after, name) ??
      stateOf(this.steps[at + 1]?.before, name) ??
      this.valueBefore(at + 1, name)
    );
  }

  /** Whether the step writes a register. */
  defines(at: number, name: string): boolean {
    const effect = this.effect(at);
    if (effect.kind === 'call' || effect.kind === 'enter') return /^R[0-5]$/.test(name);
    return 'dst' in effect && effect.kind !== 'jump' && name === `R${effect.dst}`;
  }

  #depthAfter(at: number): number {
    return this.depth(at + 1);
  }
}

function stateOf(text: string | undefined, name: string): Value | undefined {
  return text?.includes(`${name}`) ? parseState(text).get(name) : undefined;
}

function lastPath(steps: readonly Step[]): readonly Step[] {
  const path: Step[] = [];
  // Of each jump whose other way was put aside, that way is followed once; the latest first.
  const resumed = new Set<Step>();
  for (const step of steps) {
    if (step.from !== undefined) {
      let at = path.length - 1;
      for (let other = path[at]; other !== undefined; other = path[--at]) {
        if (other.insn === step.from && !resumed.has(other)) break;
      }
      const jump = path[at];
      if (jump !== undefined) resumed.add(jump);
      path.length = at + 1;
    }
    path.push(step);
  }
  return path;
}
