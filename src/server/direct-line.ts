import { closeSync, readSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { errno, strerror } from '../uapi/errno.ts';
import { CLOSED, CONNECT_TIMEOUT, type Line, type LineEvents, NO_ANSWER } from './line.ts';
import { FrameReader, frameId } from './protocol.ts';
import { systemReason } from './system-reason.ts';
import { loadUnixSocket, type UnixSocket } from './unix-socket.ts';

/** Bytes read at a time. */
const CHUNK = 1 << 16;
/** Milliseconds that the other end may leave a request unread that nobody sleeps for. */
const POST_TIMEOUT = 10_000;
/** Milliseconds between attempts to connect while too many others are waiting. */
const RETRY = 10;

/**
 * A line whose socket this thread itself reads and writes, sleeping in poll(2). From the first {@link post} on Node's event loop reads it too, when it
 * has its turn: what the one has read of a frame the other goes on with.
 */
export class DirectLine implements Line {
  readonly #unix: UnixSocket;
  readonly #fd: number;
  readonly #events: LineEvents;
  readonly #frames = new FrameReader();
  readonly #chunk = new Uint8Array(CHUNK);
  /** The same socket as the event loop knows it, which owns the fd then. */
  #watched: Socket | undefined;
  #ended = false;

  private constructor(unix: UnixSocket, fd: number, events: LineEvents) {
    this.#unix = unix;
    this.#fd = fd;
    this.#events = events;
  }

  /** Connects to the socket at `path`; why not, in words, if that fails. `undefined` where no such line can be. */
  static open(path: string, events: LineEvents): DirectLine | string | undefined {
    const unix = loadUnixSocket();
    if (unix === undefined) return undefined;
    const nap = new Int32Array(new SharedArrayBuffer(4));
    for (const end = performance.now() + CONNECT_TIMEOUT; performance.now() < end; Atomics.wait(nap, 0, 0, RETRY)) {
      const connected = unix.connect(path);
      if ('fd' in connected) return new DirectLine(unix, connected.fd, events);
      if (connected.errno !== errno.EAGAIN) return strerror(connected.errno).toLowerCase();
    }
    return NO_ANSWER;
  }

  call(frame: Uint8Array, id: number, timeoutMs: number): Uint8Array | string {
    const end = performance.now() + timeoutMs;
    try {
      this.#write(frame, end);
      for (;;) {
        const reply = this.#deliver(this.#read(end), id);
        if (reply !== undefined) return reply;
      }
    } catch (error) {
      return this.#end(error);
    }
  }

  post(frame: Uint8Array): void {
    try {
      this.#watch();
      this.#write(frame, performance.now() + POST_TIMEOUT);
    } catch (error) {
      this.#end(error);
    }
  }

  keepAlive(on: boolean): void {
    if (on) this.#watched?.ref();
    else this.#watched?.unref();
  }

  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#watched === undefined) closeSync(this.#fd);
    else this.#watched.destroy();
  }

  /** Hands out the frames that `chunk` completes, but for the reply to call `id`, which it returns. -1: the other end could not read what it was sent. */
  #deliver(chunk: Uint8Array, id?: number): Uint8Array | undefined {
    let reply: Uint8Array | undefined;
    for (const frame of this.#frames.push(chunk)) {
      const of = frameId(frame);
      if (id !== undefined && (of === id || of === -1)) reply = frame;
      else this.#events.message(frame);
    }
    return reply;
  }

  #read(end: number): Uint8Array {
    if (!this.#unix.waitReadable(this.#fd, end - performance.now())) throw new Error(NO_ANSWER);
    const size = readSync(this.#fd, this.#chunk);
    if (size === 0) throw new Error(CLOSED);
    return this.#chunk.slice(0, size); // parts of it may be kept
  }

  #write(frame: Uint8Array, end: number): void {
    for (let at = 0; at < frame.length; ) {
      try {
        at += writeSync(this.#fd, frame, at);
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
        if (!this.#unix.waitWritable(this.#fd, end - performance.now())) throw new Error(NO_ANSWER);
      }
    }
  }

  #watch(): void {
    if (this.#watched !== undefined) return;
    const socket = new Socket({ fd: this.#fd, readable: true, writable: false });
    socket.on('data', (chunk) => {
      try {
        this.#deliver(chunk);
      } catch (error) {
        this.#end(error);
      }
    });
    socket.once('error', (error) => this.#end(error));
    socket.once('close', () => this.#end(new Error(CLOSED)));
    this.#watched = socket;
  }

  /** Why, in words. */
  #end(error: unknown): string {
    const reason = error instanceof Error ? systemReason(error) : String(error);
    if (!this.#ended) {
      this.close();
      this.#events.ended(reason);
    }
    return reason;
  }
}
