import { createRequire } from 'node:module';
import { SysError } from '../../src/errors.ts';
import { errno } from '../../src/uapi/errno.ts';

/** The C library's sockets, for tests: what the lab of the embedded kernel does without them. */

const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi'); // require is untyped
const libc = koffi.load(null);
const call = {
  unshare: libc.func('int unshare(int)'),
  setns: libc.func('int setns(int, int)'),
  socket: libc.func('int socket(int, int, int)'),
  bind: libc.func('int bind(int, const uint8_t *, uint)'),
  connect: libc.func('int connect(int, const uint8_t *, uint)'),
  listen: libc.func('int listen(int, int)'),
  accept: libc.func('int accept4(int, void *, void *, int)'),
  sendto: libc.func('intptr_t sendto(int, const uint8_t *, size_t, int, const uint8_t *, uint)'),
  recvfrom: libc.func('intptr_t recvfrom(int, _Out_ uint8_t *, size_t, int, _Inout_ uint8_t *, _Inout_ uint32_t *)'),
  getsockname: libc.func('int getsockname(int, _Inout_ uint8_t *, _Inout_ uint32_t *)'),
  getpeername: libc.func('int getpeername(int, _Inout_ uint8_t *, _Inout_ uint32_t *)'),
  setsockopt: libc.func('int setsockopt(int, int, int, const uint8_t *, uint)'),
  getsockopt: libc.func('int getsockopt(int, int, int, _Inout_ uint8_t *, _Inout_ uint32_t *)'),
  shutdown: libc.func('int shutdown(int, int)'),
  poll: libc.func('int poll(_Inout_ uint8_t *, ulong, int)'),
  close: libc.func('int close(int)'),
};

export const CLONE_NEWNET = 0x40000000;
export const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const POLLIN = 1;
const POLLOUT = 4;
/** Milliseconds for what happens at once on an idle machine. */
const PATIENCE = 300;

/** The result, or a SysError of what the kernel answered. */
function checked(name: keyof typeof call, ...args: readonly unknown[]): number {
  const result = Number(call[name](...args));
  if (result < 0) throw new SysError(koffi.errno(), name);
  return result;
}

export function unshare(flags: number): void {
  checked('unshare', flags);
}
export function setns(fd: number): void {
  checked('setns', fd, CLONE_NEWNET);
}

/** A socket that does not wait, but for what is on its way. */
export class LinuxSocket {
  readonly fd: number;

  constructor(fd: number) {
    this.fd = fd;
  }
  static open(family: number, type: number, protocol = 0): LinuxSocket {
    return new LinuxSocket(checked('socket', family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
  }

  bind(address: Uint8Array): void {
    checked('bind', this.fd, address, address.length);
  }
  connect(address: Uint8Array): void {
    try {
      checked('connect', this.fd, address, address.length);
    } catch (error) {
      if (!(error instanceof SysError) || error.errno !== errno.EINPROGRESS) throw error;
      this.#poll(POLLOUT, 20_000);
      const failed = this.error();
      if (failed !== 0) throw new SysError(failed, 'connect');
      // Only then does the socket know that it is connected.
      checked('connect', this.fd, address, address.length);
    }
  }
  listen(backlog: number): void {
    checked('listen', this.fd, backlog);
  }
  accept(): LinuxSocket | undefined {
    this.#poll(POLLIN, PATIENCE);
    return orNothing(() => new LinuxSocket(checked('accept', this.fd, null, null, SOCK_NONBLOCK | SOCK_CLOEXEC)));
  }
  send(data: Uint8Array, address?: Uint8Array): number {
    return checked(
      'sendto',
      this.fd,
      data,
      data.length,
      0x4000 /* MSG_NOSIGNAL */,
      address ?? null,
      address?.length ?? 0,
    );
  }
  /** `undefined`: there is nothing. */
  receive(max = 1 << 20, patience = PATIENCE): { readonly data: Uint8Array; readonly from: Uint8Array } | undefined {
    this.#poll(POLLIN, patience);
    const buffer = new Uint8Array(max);
    const from = new Uint8Array(128);
    const size = [from.length];
    return orNothing(() => {
      const length = checked('recvfrom', this.fd, buffer, max, 0, from, size);
      return { data: buffer.slice(0, length), from: from.slice(0, size[0]) };
    });
  }
  name(): Uint8Array {
    return this.#address('getsockname');
  }
  peer(): Uint8Array {
    return this.#address('getpeername');
  }
  setOption(level: number, name: number, value: Uint8Array): void {
    checked('setsockopt', this.fd, level, name, value, value.length);
  }
  getOption(level: number, name: number, buffer: Uint8Array): Uint8Array {
    const value = buffer.slice();
    const size = [value.length];
    checked('getsockopt', this.fd, level, name, value, size);
    return value.slice(0, size[0]);
  }
  error(): number {
    const value = new Uint8Array(4);
    checked('getsockopt', this.fd, 1, 4, value, [4]);
    return new DataView(value.buffer).getInt32(0, true);
  }
  cookie(): number {
    const value = new Uint8Array(8);
    checked('getsockopt', this.fd, 1, 57, value, [8]);
    return Number(new DataView(value.buffer).getBigUint64(0, true));
  }
  shutdown(how: 'read' | 'write' | 'both'): void {
    checked('shutdown', this.fd, ['read', 'write', 'both'].indexOf(how));
  }
  close(): void {
    checked('close', this.fd);
  }

  #address(name: 'getsockname' | 'getpeername'): Uint8Array {
    const address = new Uint8Array(128);
    const size = [address.length];
    checked(name, this.fd, address, size);
    return address.slice(0, size[0]);
  }
  #poll(events: number, timeout: number): void {
    const entry = new Uint8Array(8);
    const view = new DataView(entry.buffer);
    view.setInt32(0, this.fd, true);
    view.setInt16(4, events, true);
    checked('poll', entry, 1, timeout);
  }
}

function orNothing<T>(take: () => T): T | undefined {
  try {
    return take();
  } catch (error) {
    if (error instanceof SysError && error.errno === errno.EAGAIN) return undefined;
    throw error;
  }
}
