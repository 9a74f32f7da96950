import { SysError } from '../../errors.ts';
import type { BpfProgram } from '../../loader/program.ts';
import { MAX_TEST_RUNS } from '../../sys/lab.ts';
import { verdictName } from '../../uapi/verdict.ts';
import type { Context } from '../command.ts';

/** What became of the frames of a capture. */
export interface Replayed {
  readonly frames: number;
  /** Frames that the kernel does not take: too short for what they say they are, or too long. */
  readonly refused: number;
  /** Of one run: the mean. */
  readonly durationNs: number;
  /** The most frequent first. */
  readonly verdicts: readonly { readonly retval: number; readonly name: string | undefined; readonly frames: number }[];
}

/** Milliseconds, and bytes of frames, for one call to a kernel that takes several frames: others want to use it, too. */
const SLICE = 2;
const MAX_BYTES = 1 << 20;

/** Runs a program on each frame, one after the other, as on a device: what it keeps in maps stays. A frame that the kernel does not take (EINVAL) is counted, unless it takes none. */
export function replay(context: Context, program: BpfProgram, frames: readonly Uint8Array[], repeat: number): Replayed {
  const counts = new Map<number, number>();
  const count = (retval: number) => counts.set(retval, (counts.get(retval) ?? 0) + 1);
  let [duration, refused, most] = [0, 0, 1];
  for (let at = 0; at < frames.length; ) {
    const some = beginning(frames, at, most);
    const start = performance.now();
    const runs = context.lab.testRuns?.(context.kernel, program.fd, some, repeat);
    const fast = performance.now() - start < SLICE;
    most = fast ? Math.min(2 * most, MAX_TEST_RUNS) : Math.max(most >> 1, 1);
    for (const retval of runs?.verdicts ?? []) count(retval);
    duration += runs?.durationNs ?? 0;
    at += runs?.verdicts.length ?? 0;
    if (runs?.verdicts.length === some.length) continue;
    try {
      const { retval, durationNs } = program.run({ data: frames[at], repeat, dataSizeOut: 0 });
      count(retval);
      duration += durationNs;
    } catch (error) {
      if (!(error instanceof SysError) || error.code !== 'EINVAL' || ++refused === frames.length) throw error;
    }
    at++;
  }
  const verdicts = [...counts].sort(([, a], [, b]) => b - a);
  return {
    frames: frames.length,
    refused,
    durationNs: Math.round(duration / Math.max(frames.length - refused, 1)),
    verdicts: verdicts.map(([retval, frames]) => ({ retval, name: verdictName(program.info.type, retval), frames })),
  };
}

/** Frames from one on, one at least and `most` at most. */
function beginning(frames: readonly Uint8Array[], from: number, most: number): readonly Uint8Array[] {
  let [end, bytes] = [from, 0];
  while (end < frames.length && end - from < most) {
    bytes += frames[end]?.length ?? 0;
    if (end > from && bytes > MAX_BYTES) break;
    end++;
  }
  return frames.slice(from, end);
}
