import { SysError } from '../../../errors.ts';
import { MAX_TEST_RUNS, type TestRuns } from '../../../sys/lab.ts';
import { errno } from '../../../uapi/errno.ts';
import type { Fd } from '../../../uapi/fd.ts';
import { cgroupStorages, runNowhere } from '../maps/cgroup-storage.ts';
import type { Process } from '../process.ts';
import { PacketBlock } from '../progs/packet-block.ts';
import { type PacketKind, packetKind } from '../progs/packet-kind.ts';
import type { BpfProg } from '../progs/prog.ts';
import { PROG_TYPE_BY_NUMBER } from '../progs/table.ts';
import { testRun } from './test-run.ts';

/** Bytes of memory for frames that are run at once, at most. */
const MAX_BLOCK = 256 * 1024;

/** See `TestRunLab`. What a call begins with and ends with, each run does, or each batch of runs. */
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
    using batches = times === 0 ? Batches.create(prog, frames) : undefined;
    let [done, durationNs] = [0, 0];
    while (done < frames.length) {
      timers.runDue();
      const batch = batches?.run(done, verdicts);
      if (batch !== undefined) {
        done += batch.frames;
        durationNs += batch.durationNs;
        continue;
      }
      const data_in = frames[done];
      const attr = { prog_fd, data_in, data_size_in: data_in?.length, repeat: times, retval: 0, duration: 0 };
      const result = testRun(process, attr);
      scratch.reset();
      if (result < 0) break;
      verdicts[done++] = attr.retval;
      durationNs += attr.duration;
    }
    return { verdicts: verdicts.subarray(0, done), durationNs };
  });
}

/** Runs of a program on several frames at once, where nobody can tell them from runs one by one. */
class Batches implements Disposable {
  readonly #prog: BpfProg;
  readonly #kind: PacketKind;
  readonly #frames: readonly Uint8Array[];
  readonly #block: PacketBlock;

  private constructor(prog: BpfProg, kind: PacketKind, frames: readonly Uint8Array[], block: PacketBlock) {
    this.#prog = prog;
    this.#kind = kind;
    this.#frames = frames;
    this.#block = block;
  }

  /**
   * `undefined`: each frame is run by itself. That is so for what is not run on packets, and where something happens between two runs: callbacks of timers and work queues, and values of cgroup
   * storages that begin anew.
   */
  static create(prog: BpfProg, frames: readonly Uint8Array[]): Batches | undefined {
    const { machine } = prog;
    const type = PROG_TYPE_BY_NUMBER.get(prog.attr.type);
    const kind = type && packetKind(type);
    if (kind === undefined || machine.hasMapTimers || cgroupStorages(prog.attr.maps).length > 0) return undefined;
    const longest = frames.reduce((most, frame) => (kind.takes(frame) ? Math.max(most, frame.length) : most), 0);
    const length = Math.min(frames.length, PacketBlock.fitting(kind, longest, MAX_BLOCK));
    const block = length > 1 ? PacketBlock.create(machine, kind, longest, length) : undefined;
    return block && new Batches(prog, kind, frames, block);
  }

  /** Runs frames from one on, as many as there is room for, and writes their verdicts. `undefined`: the first is none that is run so. */
  run(first: number, verdicts: Uint32Array): { readonly frames: number; readonly durationNs: number } | undefined {
    const block = this.#block;
    let count = 0;
    for (; count < block.length; count++) {
      const frame = this.#frames[first + count];
      if (frame === undefined || !this.#kind.takes(frame)) break;
      block.put(count, this.#kind, frame);
    }
    if (count === 0) return undefined;
    const start = performance.now();
    runNowhere(this.#prog, () => block.run(this.#prog, count));
    const durationNs = Math.round((performance.now() - start) * 1e6);
    for (let place = 0; place < count; place++) verdicts[first + place] = block.verdict(place);
    return { frames: count, durationNs };
  }

  [Symbol.dispose](): void {
    this.#block[Symbol.dispose]();
  }
}
