import type { Event } from './follow.ts';
import type { Path } from './path.ts';
import { traceBounds, traceSize } from './trace-bounds.ts';
import { traceOrigin, traceResult, traceUnwritten } from './trace-origin.ts';
import { tracePacket } from './trace-packet.ts';
import { traceReference, traceRegion, traceRepeats } from './trace-resources.ts';
import { traceStack } from './trace-stack.ts';
import type { TraceKind } from './violation.ts';

/** What following the path back has shown. */
export interface Traced {
  /** In the order of the program. */
  readonly clues: readonly Event[];
  /** What nothing on the path has shown. */
  readonly missing?: string | undefined;
}

export type Parts = Readonly<Record<string, string>>;
export type Trace = (path: Path, parts: Parts) => Traced;

const TRACES: Readonly<Record<TraceKind, Trace>> = {
  origin: traceOrigin,
  bounds: traceBounds,
  size: traceSize,
  packet: tracePacket,
  stack: traceStack,
  unwritten: traceUnwritten,
  reference: traceReference,
  result: traceResult,
  region: traceRegion,
  repeats: traceRepeats,
};

export function traceBack(kind: TraceKind, path: Path, parts: Parts): Traced {
  return path.steps.length === 0 ? { clues: [] } : TRACES[kind](path, parts);
}
