import type { Env } from './env.ts';
import type { Subprog } from './subprog.ts';

/** The flow of a function seen from its end: places are those in its postorder. */
export interface BackwardFlow {
  /** Its instructions, in postorder. */
  readonly order: Int32Array;
  /** The place of each instruction, counted from the start of the function. */
  readonly placeOf: Int32Array;
  /** The places of those that lead to each: from `first[place]` up to `first[place + 1]`. */
  readonly leading: Int32Array;
  readonly first: Int32Array;
}

export function backwardFlow(env: Env, subprog: Subprog): BackwardFlow {
  const { successors } = env;
  const { start, end } = subprog;
  const order = env.subprogOrder(subprog);
  const placeOf = new Int32Array(end - start);
  const first = new Int32Array(order.length + 1);
  for (let place = 0; place < order.length; place++) placeOf[(order[place] ?? start) - start] = place;
  const eachEdge = (visit: (place: number, next: number) => void): void => {
    for (let place = 0; place < order.length; place++) {
      for (let edge = 0; edge < 2; edge++) {
        const next = successors[2 * (order[place] ?? start) + edge] ?? -1;
        if (next >= 0) visit(place, placeOf[next - start] ?? 0);
      }
    }
  };
  eachEdge((_, next) => {
    first[next + 1] = (first[next + 1] ?? 0) + 1;
  });
  for (let place = 0; place < order.length; place++) first[place + 1] = (first[place + 1] ?? 0) + (first[place] ?? 0);
  const leading = new Int32Array(first[order.length] ?? 0);
  const filled = first.slice();
  eachEdge((place, next) => {
    const at = filled[next] ?? 0;
    leading[at] = place;
    filled[next] = at + 1;
  });
  return { order, placeOf, leading, first };
}
