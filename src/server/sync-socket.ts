import { BpfError } from '../errors.ts';
import { decodeFrame } from './decode.ts';
import { DirectLine } from './direct-line.ts';
import { encodeFrame } from './encode.ts';
import type { Line, LineEvents } from './line.ts';
import { checkSocketPath } from './place.ts';
import { ThreadLine } from './thread-line.ts';

/** Milliseconds that a call may take before the other end is taken for dead. */
const CALL_TIMEOUT = 60_000;

/** How a line is made: whatever is fastest here, or by name. */
export type LineKind = 'direct' | 'thread';

type Message = readonly unknown[];

/** Who waits for replies that come later. */
export interface Waiting {
  message(reply: Message): void;
  failed(error: BpfError): void;
}

/**
 * A connection on which a caller can wait for a reply without returning to the event loop. It does not keep the process alive unless an asynchronous
 * request is open.
 */
export class SyncSocket {
  readonly #path: string;
  readonly #line: Line;
  readonly #pending = new Map<number, Waiting>();
  #lastId = 0;
  /** Why the connection ended, as far as this thread was told. */
  #failure: string | undefined;
  #open = true;

  /** Connects to the socket at `path`. Throws BpfError CONNECTION if nobody listens there, or no socket can have that path. */
  constructor(path: string, kind?: LineKind) {
    checkSocketPath(path);
    this.#path = path;
    const line = openLine(
      path,
      { message: (frame) => this.#receive(frame), ended: (reason) => this.#fail(reason) },
      kind,
    );
    if (typeof line === 'string') throw new BpfError('CONNECTION', `no kernel answers at ${path}: ${line}`);
    this.#line = line;
  }

  /** Sends a request and sleeps until its reply is here. */
  call(method: string, ...args: readonly unknown[]): Message {
    if (!this.#open || this.#failure !== undefined) throw this.#gone(this.#failure);
    const id = ++this.#lastId;
    const answer = this.#line.call(encodeFrame([id, method, ...args]), id, CALL_TIMEOUT);
    const reply = typeof answer === 'string' ? undefined : decodeFrame(answer);
    if (reply !== undefined) return reply;
    this.close();
    this.#fail(typeof answer === 'string' ? answer : 'it answers with something that is no message');
    throw this.#gone(this.#failure);
  }

  /** Sends a request whose reply comes later; the id cancels it. The reply is rejected with BpfError CONNECTION if the connection ends first. */
  request(method: string, ...args: readonly unknown[]): { readonly id: number; readonly reply: Promise<Message> } {
    let id = 0;
    const reply = new Promise<Message>((resolve, reject) => {
      id = this.subscribe({ message: resolve, failed: reject }, method, ...args);
    }).finally(() => this.forget(id));
    return { id, reply };
  }

  /** Sends a request to which any number of replies come later, until it is forgotten. Returns its id. Throws BpfError CONNECTION if the connection has ended. */
  subscribe(waiting: Waiting, method: string, ...args: readonly unknown[]): number {
    if (!this.#open || this.#failure !== undefined) throw this.#gone(this.#failure);
    const id = ++this.#lastId;
    const frame = encodeFrame([id, method, ...args]);
    this.#pending.set(id, waiting);
    this.#line.post(frame);
    this.#line.keepAlive(true);
    return id;
  }

  /** Sends a request that has no reply; on a connection that has ended, nothing. */
  post(method: string, ...args: readonly unknown[]): void {
    if (this.#open && this.#failure === undefined) this.#line.post(encodeFrame([++this.#lastId, method, ...args]));
  }

  /** What still comes for a request is left unread. */
  forget(id: number): void {
    this.#pending.delete(id);
    if (this.#pending.size === 0) this.#line.keepAlive(false);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#line.close();
    for (const waiting of this.#pending.values()) waiting.failed(this.#gone(undefined));
  }

  #receive(frame: Uint8Array): void {
    const reply = decodeFrame(frame);
    if (reply !== undefined) this.#pending.get(Number(reply[0]))?.message(reply);
  }

  #fail(reason: string): void {
    this.#failure ??= reason;
    for (const waiting of this.#pending.values()) waiting.failed(this.#gone(this.#failure));
  }

  #gone(reason: string | undefined): BpfError {
    return new BpfError(
      'CONNECTION',
      reason === undefined
        ? `the connection to the kernel at ${this.#path} is closed`
        : `the kernel at ${this.#path} is gone: ${reason}`,
    );
  }
}

function openLine(path: string, events: LineEvents, kind?: LineKind): Line | string {
  const direct = kind === 'thread' ? undefined : DirectLine.open(path, events);
  return direct ?? ThreadLine.open(path, events);
}
