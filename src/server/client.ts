import type { Socket } from 'node:net';
import { BpfError, UsageError } from '../errors.ts';
import type { Kernel } from '../sys/kernel.ts';
import type { PacketLab, TestRunLab } from '../sys/lab.ts';
import type { ObservedKernel } from '../sys/watch.ts';
import { decodeFrame } from './decode.ts';
import { type Callees, dispatch, waitArguments } from './dispatch.ts';
import { encodeFrame } from './encode.ts';
import { HeldArenas } from './held-arenas.ts';
import { FrameReader, type Reply } from './protocol.ts';
import { Watcher, watchArguments } from './watcher.ts';
import { toWire } from './wire-error.ts';

/** `wait` and `watch` calls that one client may have open at a time. */
const MAX_WAITS = 256;
/** Milliseconds for the calls of one client before others have their turn. A single call is not interrupted. */
const SLICE = 10;
/** Messages that wait for their turn before no more are read. */
const MAX_QUEUE = 64;
/** Bytes of replies that a client has not read before its calls are put off. */
const MAX_UNREAD = 1 << 25;

/**
 * One connection: a process of the kernel, whose fds are closed when the connection ends, however it ends. Its calls are carried out one after
 * the other, those of all clients in turn: after each slice of time the event loop looks for what others want, and whether this one is still there.
 */
export class Client {
  readonly #kernel: Kernel;
  readonly #lab: PacketLab & TestRunLab & ObservedKernel;
  readonly #callees: Callees;
  readonly #socket: Socket;
  readonly #stop: () => void;
  readonly #frames = new FrameReader();
  readonly #waits = new Map<number, AbortController>();
  readonly #watchers = new Set<Watcher>();

  /** Messages that are here and not carried out yet. */
  readonly #queue: Uint8Array[] = [];
  #scheduled = false;

  /** Owns `kernel` from here on. `stop` is called when the client asks for the end of the server. */
  constructor(kernel: Kernel, lab: PacketLab & TestRunLab & ObservedKernel, socket: Socket, stop: () => void) {
    this.#kernel = kernel;
    this.#lab = lab;
    this.#callees = { kernel, lab, arenas: new HeldArenas(kernel) };
    this.#socket = socket;
    this.#stop = stop;
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('drain', () => this.#drained());
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#close());
  }

  #receive(chunk: Uint8Array): void {
    try {
      this.#queue.push(...this.#frames.push(chunk));
    } catch (error) {
      if (!(error instanceof BpfError)) throw error;
      this.#reply([-1, false, toWire(error)]);
      this.#socket.end();
    }
    this.#work();
  }

  /** Carries out what is in the queue, for one slice of time. What the client does not read is not let grow without bound. */
  #work(): void {
    if (this.#scheduled) return;
    const end = performance.now() + SLICE;
    while (!this.#isFull() && performance.now() < end) {
      const frame = this.#queue.shift();
      if (frame === undefined) break;
      this.#handle(frame);
    }
    if (this.#isFull() || this.#queue.length > MAX_QUEUE) this.#socket.pause();
    else this.#socket.resume();
    if (this.#isFull() || this.#queue.length === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#work();
    });
  }

  /** 'drain' follows when the client has read all. */
  #isFull(): boolean {
    return this.#socket.writableLength > MAX_UNREAD;
  }

  #handle(frame: Uint8Array): void {
    const message = decodeFrame(frame);
    const [id, method, ...args] = message ?? [];
    if (typeof id !== 'number' || typeof method !== 'string') {
      this.#reply([-1, false, toWire(new UsageError('the kernel was sent something that is no message'))]);
      return;
    }
    switch (method) {
      case 'wait':
        this.#wait(id, args);
        return;
      case 'watch':
        this.#watch(id, args);
        return;
      case 'cancel':
        if (typeof args[0] === 'number') this.#waits.get(args[0])?.abort();
        return;
      case 'shutdown':
        this.#reply([id, true, undefined]);
        this.#stop();
        return;
      default:
        this.#reply(dispatch(this.#callees, id, method, args));
    }
  }

  /** Its reply comes again and again, with what has happened since, until it is cancelled. */
  #watch(id: number, args: readonly unknown[]): void {
    const wanted = watchArguments(args);
    const abort = wanted && this.#open(id);
    if (wanted === undefined || abort === undefined) {
      this.#refuse(id, 'watch');
      return;
    }
    const socket = this.#socket;
    const watcher = new Watcher(this.#lab, wanted, {
      get ready() {
        return !socket.writableNeedDrain;
      },
      send: (events) => this.#reply([id, true, events]),
    });
    this.#watchers.add(watcher);
    abort.signal.addEventListener('abort', () => {
      watcher.stop();
      this.#watchers.delete(watcher);
      this.#waits.delete(id);
    });
  }

  #wait(id: number, args: readonly unknown[]): void {
    const wanted = waitArguments(args);
    const abort = wanted && this.#open(id);
    if (wanted === undefined || abort === undefined) {
      this.#refuse(id, 'wait');
      return;
    }
    this.#kernel
      .wait(wanted.fds, { ...wanted.options, signal: abort.signal })
      .then(
        (ready) => this.#reply([id, true, ready]),
        (error: unknown) => this.#reply([id, false, toWire(error)]),
      )
      .finally(() => this.#waits.delete(id));
  }

  /** What ends a call that stays open; `undefined` if there are too many. */
  #open(id: number): AbortController | undefined {
    if (this.#waits.has(id) || this.#waits.size >= MAX_WAITS) return undefined;
    const abort = new AbortController();
    this.#waits.set(id, abort);
    return abort;
  }

  #refuse(id: number, method: string): void {
    this.#reply([id, false, toWire(new UsageError(`wrong arguments for ${method}, or too many of them at a time`))]);
  }

  #drained(): void {
    for (const watcher of this.#watchers) watcher.flush();
    this.#work();
  }

  #reply(reply: Reply): void {
    if (this.#socket.writable) this.#socket.write(encodeReply(reply));
  }

  #close(): void {
    this.#queue.length = 0;
    for (const wait of this.#waits.values()) wait.abort();
    this.#kernel[Symbol.dispose]();
  }
}

function encodeReply(reply: Reply): Uint8Array {
  try {
    return encodeFrame(reply);
  } catch (error) {
    return encodeFrame([reply[0], false, toWire(error)]); // the result is too long for a frame
  }
}
