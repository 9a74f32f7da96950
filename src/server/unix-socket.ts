import { closeSync } from 'node:fs';
import { createRequire } from 'node:module';

/** What Node.js has no call for: connecting a stream socket, and sleeping until an fd is ready. */
export interface UnixSocket {
  /** An fd that does not block, connected to the socket at `path`; the errno if that fails, EAGAIN if the other end has too many waiting. */
  connect(path: string): { readonly fd: number } | { readonly errno: number };
  /** Whether `fd` is ready, or has ended, within so many milliseconds. */
  waitReadable(fd: number, timeoutMs: number): boolean;
  waitWritable(fd: number, timeoutMs: number): boolean;
}

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const POLLIN = 1;
const POLLOUT = 4;

let loaded: UnixSocket | false | undefined;

/** `undefined` where these are not the calls of Linux, or koffi cannot be loaded. */
export function loadUnixSocket(): UnixSocket | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    loaded ??= make(createRequire(import.meta.url)('koffi') as typeof import('koffi')); // require is untyped
  } catch {
    loaded = false;
  }
  return loaded || undefined;
}

function make(koffi: typeof import('koffi')): UnixSocket {
  const library = koffi.load(null);
  // Buffers stay where they are during a call, and the system keeps none of them.
  const socket = library.func('socket', 'int', ['int', 'int', 'int']);
  const connect = library.func('connect', 'int', ['int', 'uint8_t *', 'uint']);
  const poll = library.func('poll', 'int', ['uint8_t *', 'ulong', 'int']);

  /** struct pollfd: int fd, short events, short revents. A signal does not end the wait. */
  const pollfd = new DataView(new ArrayBuffer(8));
  const bytes = new Uint8Array(pollfd.buffer);
  const wait = (fd: number, events: number, timeoutMs: number): boolean => {
    pollfd.setInt32(0, fd, true);
    pollfd.setInt16(4, events, true);
    const end = performance.now() + timeoutMs;
    for (let left = timeoutMs; left > 0; left = end - performance.now()) {
      const ready: number = poll(bytes, 1, Math.ceil(left));
      if (ready >= 0) return ready > 0;
    }
    return false;
  };
  return {
    connect(path) {
      const fd: number = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
      if (fd < 0) return { errno: koffi.errno() };
      const address = sockaddr(path);
      if (connect(fd, address, address.length) === 0) return { fd };
      const errno = koffi.errno();
      closeSync(fd);
      return { errno };
    },
    waitReadable: (fd, timeoutMs) => wait(fd, POLLIN, timeoutMs),
    waitWritable: (fd, timeoutMs) => wait(fd, POLLOUT, timeoutMs),
  };
}

/** struct sockaddr_un: u16 family, and the path with its NUL. */
function sockaddr(path: string): Uint8Array {
  const name = new TextEncoder().encode(path);
  const address = new Uint8Array(2 + name.length + 1);
  address[0] = AF_UNIX;
  address.set(name, 2);
  return address;
}
