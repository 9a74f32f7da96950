import type { Ffi, PollHandle } from './ffi.ts';

/** fds that are perf events, with what watches them, if somebody has waited for them. Of the process, as fds are. */
const events = new Map<number, PerfWatch | undefined>();

/** To be called when a number begins to be the fd of a perf event. */
export function perfOpened(fd: number): void {
  events.set(fd, undefined);
}
/** To be called when a number ends to be an fd. */
export function perfClosed(fd: number): void {
  events.get(fd)?.end();
  events.delete(fd);
}

/** The watch of a perf event, from the first time that it is asked for until its fd is closed; `undefined` for other fds. */
export function perfWatch(ffi: Ffi, fd: number): PerfWatch | undefined {
  if (!events.has(fd)) return undefined;
  const watch = events.get(fd) ?? new PerfWatch(ffi, fd);
  events.set(fd, watch);
  return watch;
}

/**
 * Whether a perf event has something to read. It says so once, to whoever asks first, and the event loop asks several times on its way: when it begins to
 * watch, an answer goes astray. So one watch lasts, and what was said before is for the reader to see, who is woken once for that.
 */
export class PerfWatch {
  readonly #handle: PollHandle;
  readonly #waiting = new Set<() => void>();
  #told = false;

  constructor(ffi: Ffi, fd: number) {
    this.#handle = ffi.poll(fd, () => this.#tell());
    this.#handle.unref();
    // The event loop takes up a new watch when it next sleeps, which it has done for sure before the second of these.
    setImmediate(() => setImmediate(() => this.#tell()));
  }

  /** Whether the event has said something since this was last asked. */
  take(): boolean {
    const told = this.#told;
    this.#told = false;
    return told;
  }

  /** Calls `wake` when the event says something, until the returned function is called. Keeps the process alive meanwhile. */
  onTold(wake: () => void): () => void {
    this.#waiting.add(wake);
    this.#handle.ref();
    return () => {
      if (this.#waiting.delete(wake) && this.#waiting.size === 0) this.#handle.unref();
    };
  }

  /** The handle is gone then: who still waits is not told any more. */
  end(): void {
    this.#waiting.clear();
    this.#handle.close();
  }

  #tell(): void {
    this.#told = true;
    for (const wake of [...this.#waiting]) wake();
  }
}
