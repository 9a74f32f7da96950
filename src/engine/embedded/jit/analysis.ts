import type { ProgType } from '../../../uapi/bpf.ts';
import { BOTH, type Demand, demandsOf, LOW, type Results } from './demand.ts';
import { type Callees, takesKey } from './emit-call.ts';
import { type Flow, flowOf, isNested } from './flow.ts';
import type { Graph } from './graph.ts';
import { promoteSlots } from './slots.ts';
import { withSwitches } from './switches.ts';
import type { Known, Values } from './transfer.ts';
import { CONTEXT } from './value.ts';
import { valuesOf } from './values.ts';
import { withWideLoads } from './wide-loads.ts';

/** How a function is called, and what it gives back. */
export type Shape =
  /** (context, frame) -> the low word of r0. */
  | 'verdict'
  /** (context, frame, tail calls so far) -> r0: what a tail call leads to. */
  | 'target'
  /** (context, frame, times) -> the low word of the last r0: runs again and again. */
  | 'loop'
  /** (r1, r2, r3, r4, r5, frame) -> r0: what the program calls. */
  | 'function';

/** A function as it is to be written: what is known of it. */
export interface Analysis {
  readonly graph: Graph;
  readonly flow: Flow;
  readonly known: readonly (Values | undefined)[];
  readonly demands: readonly Demand[];
  readonly results: Results;
}

export function analyse(
  written: Graph,
  shape: Shape,
  type: ProgType,
  { constantAt, mapAt }: Pick<Callees, 'constantAt' | 'mapAt'>,
): Analysis {
  const results: Results = { r0: shape === 'verdict' || shape === 'loop' ? LOW : BOTH };
  const entry: Values = [];
  if (shape !== 'function') entry[1] = CONTEXT;
  const around = { type, constantAt, mapAt, takesKey };
  const wide = withWideLoads(written);
  const first = follow(wide, flowOf(wide.blocks), entry, around);
  const { graph: nested, flow, known } = isNested(first.flow) ? switched(first, entry, around) : first;
  const demands = demandsOf(nested, flow, results, nested.registers);
  const promoted = promoteSlots(nested, flow, known, demands, results, around);
  if (promoted === nested) return { graph: nested, flow, known, demands, results };
  return {
    graph: promoted,
    flow,
    known: valuesOf(promoted, flow, entry, around),
    demands: demandsOf(promoted, flow, results, promoted.registers),
    results,
  };
}

type Followed = Pick<Analysis, 'graph' | 'flow' | 'known'>;

function follow(graph: Graph, flow: Flow, entry: Values, around: Known): Followed {
  return { graph, flow, known: valuesOf(graph, flow, entry, around) };
}

/** A function with its switches, unless what remains of it nests too deep. */
function switched(before: Followed, entry: Values, around: Known): Followed {
  const graph = withSwitches(before.graph, before.flow, before.known, around);
  if (graph === before.graph) return before;
  const flow = flowOf(graph.blocks);
  return isNested(flow) ? follow(graph, flow, entry, around) : before;
}
