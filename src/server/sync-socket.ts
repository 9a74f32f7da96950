import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { BpfError } from '../errors.ts';
import { checkSocketPath } from './place.ts';
import { decodeFrame, encodeFrame } from './protocol.ts';

/** Milliseconds that connecting, and a call, may take before the other end is taken for dead. */
const CONNECT_TIMEOUT = 10_000;
const CALL_TIMEOUT = 60_000;

/** What the socket's thread tells the main thread through shared memory, where a sleeping thread can see it. */
export const STATE = { busy: 0, ready: 1, failed: 2 } as const;

/** What the main thread tells the socket's thread: bytes to send, and whether it goes to sleep until the reply to message `id` is here. */
export interface ToThread {
  readonly frame: Uint8Array | undefined;
  readonly id: number;
  readonly sleeping: boolean;
}

type Message = readonly unknown[];

interface Waiting {
  readonly resolve: (reply: Message) => void;
  readonly reject: (error: BpfError) => void;
}

/**
 * A connection on which a caller can wait for a reply without returning to the event loop. Node.js has no such socket, so a thread owns it and
 * the caller sleeps in Atomics.wait. The thread does not keep the process alive unless an asynchronous request is open.
 */
export class SyncSocket {
  readonly #path: string;
  readonly #worker: Worker;
  readonly #state = new Int32Array(new SharedArrayBuffer(4));
  readonly #replies = new MessageChannel();
  readonly #pending = new Map<number, Waiting>();
  #lastId = 0;
  /** Why the connection ended, as far as this thread was told. */
  #failure: string | undefined;
  #open = true;

  /** Connects to the socket at `path`. Throws BpfError CONNECTION if nobody listens there, or no socket can have that path. */
  constructor(path: string) {
    checkSocketPath(path);
    this.#path = path;
    const port = this.#replies.port2;
    this.#worker = new Worker(new URL('./socket-thread.js', import.meta.url), {
      workerData: { path, state: this.#state, port },
      transferList: [port],
      // Not those of the process: `-e SCRIPT` or `--inspect` are none for this thread.
      execArgv: [],
    });
    this.#worker.unref();
    this.#worker.on('message', (message: Uint8Array | string) => {
      if (typeof message === 'string') return this.#fail(message);
      const reply = decodeFrame(message);
      if (reply !== undefined) this.#pending.get(Number(reply[0]))?.resolve(reply);
    });
    this.#worker.once('error', (error) => this.#fail(error.message));
    this.#worker.once('exit', () => this.#fail('the connection was closed'));
    const { state, message } = this.#sleep(CONNECT_TIMEOUT);
    if (state !== STATE.ready) {
      this.close();
      throw new BpfError('CONNECTION', `no kernel answers at ${path}: ${describe(message)}`);
    }
  }

  /** Sends a request and sleeps until its reply is here. */
  call(method: string, ...args: readonly unknown[]): Message {
    if (!this.#open || this.#failure !== undefined) throw this.#gone(this.#failure);
    const id = ++this.#lastId;
    const frame = encodeFrame([id, method, ...args]);
    Atomics.store(this.#state, 0, STATE.busy);
    this.#post({ frame, id, sleeping: true });
    const { state, message } = this.#sleep(CALL_TIMEOUT);
    const reply = message instanceof Uint8Array ? decodeFrame(message) : undefined;
    if (state === STATE.ready && reply !== undefined) return reply;
    this.close();
    this.#failure ??= describe(message);
    throw this.#gone(this.#failure);
  }

  /** Sends a request whose reply comes later; the id cancels it. The reply is rejected with BpfError CONNECTION if the connection ends first. */
  request(method: string, ...args: readonly unknown[]): { readonly id: number; readonly reply: Promise<Message> } {
    const id = ++this.#lastId;
    const reply = new Promise<Message>((resolve, reject) => {
      if (!this.#open || this.#failure !== undefined) throw this.#gone(this.#failure);
      const frame = encodeFrame([id, method, ...args]);
      this.#pending.set(id, { resolve, reject });
      this.#worker.ref();
      this.#post({ frame, id, sleeping: false });
    }).finally(() => {
      this.#pending.delete(id);
      if (this.#pending.size === 0) this.#worker.unref();
    });
    return { id, reply };
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#post({ frame: undefined, id: 0, sleeping: false });
  }

  #fail(reason: string): void {
    this.#failure ??= reason;
    for (const { reject } of this.#pending.values()) reject(this.#gone(this.#failure));
  }

  #gone(reason: string | undefined): BpfError {
    return new BpfError(
      'CONNECTION',
      reason === undefined
        ? `the connection to the kernel at ${this.#path} is closed`
        : `the kernel at ${this.#path} is gone: ${reason}`,
    );
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

function describe(message: unknown): string {
  return typeof message === 'string' ? message : 'it did not answer in time';
}
