import { SysError } from '../../errors.ts';
import type { BpfProgram } from '../../loader/program.ts';
import { MAX_TEST_RUNS } from '../../sys/lab.ts';
import { verdictName } from '../../uapi/verdict.ts';
import type { Context } from '../command.ts';
import { FrameSlices } from './frame-slices.ts';

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

/** Runs a program on each frame, one after the other, as on a device: what it keeps in maps stays. A frame that the kernel does not take (EINVAL) is counted, unless it takes none. */
export function replay(context: Context, program: BpfProgram, frames: readonly Uint8Array[], repeat: number): Replayed {
  const counts = new Map<number, number>();
  const count = (retval: number) => counts.set(retval, (counts.get(retval) ?? 0) + 1);
  const slices = new FrameSlices(frames, MAX_TEST_RUNS);
  let [duration, refused] = [0, 0];
  for (let at = 0; at < frames.length; ) {
    const { result: runs, frames: given } = slices.call(at, (some) =>
      context.lab.testRuns?.(context.kernel, program.fd, some, repeat),
    );
    for (const retval of runs?.verdicts ?? []) count(retval);
    duration += runs?.durationNs ?? 0;
    at += runs?.verdicts.length ?? 0;
    if (runs?.verdicts.length === given) continue;
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
