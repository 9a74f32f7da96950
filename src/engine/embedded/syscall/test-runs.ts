import { SysError } from '../../../errors.ts';
import { MAX_TEST_RUNS, type TestRuns } from '../../../sys/lab.ts';
import { errno } from '../../../uapi/errno.ts';
import type { Fd } from '../../../uapi/fd.ts';
import type { Process } from '../process.ts';
import { testRun } from './test-run.ts';

/** See `TestRunLab`. What a call begins with and ends with, each run does. */
export function testRuns(process: Process, prog_fd: Fd, frames: readonly Uint8Array[], repeat: number): TestRuns {
  if (frames.length > MAX_TEST_RUNS || !(repeat >>> 0 === repeat)) throw new SysError(errno.EINVAL, 'testRuns');
  if (!frames.every((frame) => frame instanceof Uint8Array))
    throw new SysError(errno.EFAULT, 'testRuns', { detail: 'a frame is no Uint8Array' });
  const verdicts = new Uint32Array(frames.length);
  const { timers, scratch } = process.machine;
  // Once is what all types know by 0.
  const times = repeat === 1 ? 0 : repeat;
  return process.call('testRuns', undefined, () => {
    const prog = process.prog(prog_fd);
    if (typeof prog === 'number') return prog;
    let [done, durationNs] = [0, 0];
    for (const data_in of frames) {
      timers.runDue();
      const attr = { prog_fd, data_in, data_size_in: data_in.length, repeat: times, retval: 0, duration: 0 };
      const result = testRun(process, attr);
      scratch.reset();
      if (result < 0) break;
      verdicts[done++] = attr.retval;
      durationNs += attr.duration;
    }
    return { verdicts: verdicts.subarray(0, done), durationNs };
  });
}
