import type { Kernel } from '../sys/kernel.ts';
import type { Fd } from '../uapi/fd.ts';

/** Milliseconds for which what never runs dry keeps everything else in this process waiting. */
const SLICE = 10;

/**
 * What `take` finds, as it comes: whenever it finds nothing, one of `fds` is waited for. Ends at once, and without an error, when one of `signals` is aborted.
 * However fast it comes, the event loop has its turn.
 */
export async function* follow<T>(
  kernel: Kernel,
  fds: readonly Fd[],
  take: () => readonly T[],
  ...signals: readonly (AbortSignal | undefined)[]
): AsyncGenerator<T, void> {
  const signal = AbortSignal.any(signals.filter((one) => one !== undefined));
  const isAborted = () => signal.aborted;
  let turn = performance.now() + SLICE;
  while (!isAborted()) {
    const found = take();
    for (const item of found) {
      yield item;
      if (isAborted()) return;
    }
    if (found.length > 0 && performance.now() < turn) continue;
    try {
      if (found.length === 0) await kernel.wait(fds, { signal });
      else await new Promise((resolve) => setTimeout(resolve, 0));
    } catch (error) {
      if (isAborted()) return;
      throw error;
    }
    turn = performance.now() + SLICE;
  }
}
