import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { CLOSED, CONNECT_TIMEOUT, type Line, type LineEvents, NO_ANSWER } from './line.ts';

/** What the socket's thread tells the main thread through shared memory, where a sleeping thread can see it. */
export const STATE = { busy: 0, ready: 1, failed: 2 } as const;

/** What the main thread tells the socket's thread: bytes to send, and whether it goes to sleep until the reply to message `id` is here. */
export interface ToThread {
  readonly frame: Uint8Array | undefined;
  readonly id: number;
  readonly sleeping: boolean;
}

/**
 * A line for any system that Node.js runs on: no socket of Node's can be waited for without returning to the event loop, so a thread owns it and the
 * caller sleeps in Atomics.wait.
 */
export class ThreadLine implements Line {
  readonly #worker: Worker;
  readonly #state = new Int32Array(new SharedArrayBuffer(4));
  readonly #replies = new MessageChannel();

  private constructor(path: string, events: LineEvents) {
    const port = this.#replies.port2;
    this.#worker = new Worker(new URL('./socket-thread.js', import.meta.url), {
      workerData: { path, state: this.#state, port },
      transferList: [port],
      // Not those of the process: `-e SCRIPT` or `--inspect` are none for this thread.
      execArgv: [],
    });
    this.#worker.unref();
    this.#worker.on('message', (message: Uint8Array | string) =>
      typeof message === 'string' ? events.ended(message) : events.message(message),
    );
    this.#worker.once('error', (error) => events.ended(error.message));
    this.#worker.once('exit', () => events.ended(CLOSED));
  }

  /** Connects to the socket at `path`; why not, in words, if that fails. */
  static open(path: string, events: LineEvents): ThreadLine | string {
    const line = new ThreadLine(path, events);
    const { state, message } = line.#sleep(CONNECT_TIMEOUT);
    if (state === STATE.ready) return line;
    line.close();
    return typeof message === 'string' ? message : NO_ANSWER;
  }

  call(frame: Uint8Array, id: number, timeoutMs: number): Uint8Array | string {
    Atomics.store(this.#state, 0, STATE.busy);
    this.#post({ frame, id, sleeping: true });
    const { message } = this.#sleep(timeoutMs);
    return message instanceof Uint8Array || typeof message === 'string' ? message : NO_ANSWER;
  }

  post(frame: Uint8Array): void {
    this.#post({ frame, id: 0, sleeping: false });
  }

  /** The thread keeps nothing alive by itself. */
  keepAlive(on: boolean): void {
    if (on) this.#worker.ref();
    else this.#worker.unref();
  }

  close(): void {
    this.#post({ frame: undefined, id: 0, sleeping: false });
  }

  #post(message: ToThread): void {
    this.#worker.postMessage(message);
  }

  /** Until the thread says what came of it, and its message with that: it is posted before, but need not be here before. */
  #sleep(timeout: number): { state: number; message: unknown } {
    const end = performance.now() + timeout;
    const left = () => end - performance.now();
    while (Atomics.load(this.#state, 0) === STATE.busy && left() > 0) Atomics.wait(this.#state, 0, STATE.busy, left());
    const state = Atomics.load(this.#state, 0);
    while (state !== STATE.busy && left() > 0) {
      const received = receiveMessageOnPort(this.#replies.port1);
      if (received !== undefined) return { state, message: received.message };
      Atomics.wait(this.#state, 0, state, 1);
    }
    return { state, message: undefined };
  }
}
