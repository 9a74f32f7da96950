import { createServer, type Server, type Socket } from 'node:net';
import { BpfError, UsageError } from '../errors.ts';
import type { Kernel } from '../sys/kernel.ts';
import type { PacketLab } from '../sys/lab.ts';
import { dispatch, waitArguments } from './dispatch.ts';
import { decodeFrame, encodeFrame, FrameReader, type Reply } from './protocol.ts';
import { toWire } from './wire-error.ts';

/** A kernel that can be shared: each client is a process of its own. */
export interface SharedKernel {
  openProcess(): Kernel;
  readonly lab: PacketLab;
}

export interface KernelServer {
  /** Resolves when the server has stopped, by {@link KernelServer.stop} or because a client asked for it. */
  readonly stopped: Promise<void>;
  stop(): void;
  readonly clients: number;
}

/** `wait` calls that one client may have open at a time. */
const MAX_WAITS = 256;

/** Serves `shared` on an open server socket. A client whose connection ends, however it ends, has its fds closed. */
export function serve(shared: SharedKernel, server: Server): KernelServer {
  const sockets = new Set<Socket>();
  const stopped = new Promise<void>((resolve) => server.once('close', resolve));
  const stop = () => {
    server.close();
    for (const socket of sockets) socket.end();
  };
  server.on('connection', (socket) => {
    sockets.add(socket);
    new Client(shared, socket, stop);
    socket.once('close', () => sockets.delete(socket));
  });
  return {
    stopped,
    stop,
    get clients() {
      return sockets.size;
    },
  };
}

/** A server socket on `path`, which must not exist. */
export function listen(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve(server);
    });
  });
}

class Client {
  readonly #kernel: Kernel;
  readonly #lab: PacketLab;
  readonly #socket: Socket;
  readonly #stop: () => void;
  readonly #frames = new FrameReader();
  readonly #waits = new Map<number, AbortController>();

  constructor(shared: SharedKernel, socket: Socket, stop: () => void) {
    this.#kernel = shared.openProcess();
    this.#lab = shared.lab;
    this.#socket = socket;
    this.#stop = stop;
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#close());
  }

  #receive(chunk: Uint8Array): void {
    try {
      for (const frame of this.#frames.push(chunk)) this.#handle(frame);
    } catch (error) {
      if (!(error instanceof BpfError)) throw error;
      this.#reply([-1, false, toWire(error)]);
      this.#socket.end();
    }
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
      case 'cancel':
        if (typeof args[0] === 'number') this.#waits.get(args[0])?.abort();
        return;
      case 'shutdown':
        this.#reply([id, true, undefined]);
        this.#stop();
        return;
      default:
        this.#reply(dispatch(this.#kernel, this.#lab, id, method, args));
    }
  }

  #wait(id: number, args: readonly unknown[]): void {
    const wanted = waitArguments(args);
    if (wanted === undefined || this.#waits.has(id) || this.#waits.size >= MAX_WAITS) {
      this.#reply([id, false, toWire(new UsageError('wrong arguments for wait, or too many of them at a time'))]);
      return;
    }
    const abort = new AbortController();
    this.#waits.set(id, abort);
    this.#kernel
      .wait(wanted.fds, { timeoutMs: wanted.timeoutMs, signal: abort.signal })
      .then(
        (ready) => this.#reply([id, true, ready]),
        (error: unknown) => this.#reply([id, false, toWire(error)]),
      )
      .finally(() => this.#waits.delete(id));
  }

  #reply(reply: Reply): void {
    if (this.#socket.writable) this.#socket.write(encodeReply(reply));
  }

  #close(): void {
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
