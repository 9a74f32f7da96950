import { errno } from '../../../uapi/errno.ts';
import { parseDeclaration } from '../types/declaration.ts';
import { BUILT_IN } from './built-in.ts';
import { KNOWN_TRACEPOINTS } from './known-tracepoints.ts';
import { type RecordField, TraceRecord } from './record.ts';
import { TracePoint } from './trace-point.ts';
import { type FunctionTraits, TracedFunction } from './traced-function.ts';

/** A tracepoint: one place, and what it hands over. */
export interface Tracepoint {
  /** `common_type` of records; what perf_event_open(2) names it by. */
  readonly id: number;
  readonly category: string;
  readonly name: string;
  readonly record: TraceRecord;
  /** Programs of type tracepoint, and those of raw tracepoints. */
  readonly programs: TracePoint;
  readonly rawPrograms: TracePoint;
}

/** A machine's own functions are somewhere where none of Linux are mistaken for them. */
const FIRST_ADDRESS = 0xffff_ffff_8100_0000n;
const FUNCTION_SIZE = 64n;
const MAX_PLACES = 1 << 16;
/** Below, other kinds of events have their numbers. */
const FIRST_ID = 300;
const NAME = /^[A-Za-z_][A-Za-z0-9_.]{0,127}$/;

/** The places of a machine where programs for tracing can be. The lab says which there are, and passes them. */
export class Tracing {
  /** By name, which is one for all categories, as raw tracepoints want it. */
  readonly tracepoints = new Map<string, Tracepoint>();
  readonly functions = new Map<string, TracedFunction>();
  /** Sampling: events of software and hardware, of which none happens by itself. */
  readonly samples = new TracePoint();

  /** `declared`: further functions, and those of them whose results programs may change. */
  constructor(declared: readonly string[] = [], injected: ReadonlySet<string> = new Set()) {
    for (const [path, fields] of KNOWN_TRACEPOINTS) this.addTracepoint(path, fields);
    for (const { prototype, ...traits } of BUILT_IN) this.addFunction(parseDeclaration(prototype).name, traits);
    for (const name of declared)
      this.addFunction(name, { errorInjection: injected.has(name), sleepable: injected.has(name) });
  }

  /** `path`: CATEGORY/NAME. -EINVAL for names that are none, -EEXIST, -ENOSPC. Throws UsageError for a field that cannot be read. */
  addTracepoint(path: string, fields: readonly RecordField[]): number {
    const [category = '', name = '', ...more] = path.split('/');
    if (!NAME.test(category) || !NAME.test(name) || more.length > 0) return -errno.EINVAL;
    if (this.tracepoints.has(name)) return -errno.EEXIST;
    if (this.tracepoints.size >= MAX_PLACES) return -errno.ENOSPC;
    const id = FIRST_ID + this.tracepoints.size;
    const [programs, rawPrograms] = [new TracePoint(), new TracePoint()];
    this.tracepoints.set(name, { id, category, name, record: new TraceRecord(fields), programs, rawPrograms });
    return 0;
  }

  tracepointById(id: bigint): Tracepoint | undefined {
    return [...this.tracepoints.values()].find((tracepoint) => BigInt(tracepoint.id) === id);
  }

  /** -EINVAL for a name that is none, -EEXIST, -ENOSPC. */
  addFunction(name: string, traits: FunctionTraits = {}): number {
    if (!NAME.test(name)) return -errno.EINVAL;
    if (this.functions.has(name)) return -errno.EEXIST;
    if (this.functions.size >= MAX_PLACES) return -errno.ENOSPC;
    const address = FIRST_ADDRESS + FUNCTION_SIZE * BigInt(this.functions.size);
    this.functions.set(name, new TracedFunction(name, address, traits));
    return 0;
  }
}
