import { createServer, type Server, type Socket } from 'node:net';
import type { Kernel } from '../sys/kernel.ts';
import type { PacketLab, TestRunLab } from '../sys/lab.ts';
import type { ObservedKernel } from '../sys/watch.ts';
import { Client } from './client.ts';

/** A kernel that can be shared: each client is a process of its own. */
export interface SharedKernel {
  openProcess(): Kernel;
  readonly lab: PacketLab & TestRunLab & ObservedKernel;
}

export interface KernelServer {
  /** Resolves when the server has stopped, by {@link KernelServer.stop} or because a client asked for it. */
  readonly stopped: Promise<void>;
  stop(): void;
  readonly clients: number;
}

/** Milliseconds that a client has for closing its end when the server stops. */
const GRACE = 500;

/** Serves `shared` on an open server socket. A client whose connection ends, however it ends, has its fds closed. */
export function serve(shared: SharedKernel, server: Server): KernelServer {
  const sockets = new Set<Socket>();
  const stopped = new Promise<void>((resolve) => server.once('close', resolve));
  const stop = () => {
    server.close();
    for (const socket of sockets) socket.end();
    setTimeout(() => {
      for (const socket of sockets) socket.destroy();
    }, GRACE).unref();
  };
  server.on('connection', (socket) => {
    sockets.add(socket);
    new Client(shared.openProcess(), shared.lab, socket, stop);
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
