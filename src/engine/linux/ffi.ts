import { createRequire } from 'node:module';
import { NotSupportedError, SysError } from '../../errors.ts';
import { errno } from '../../uapi/errno.ts';

/** The functions of the C library that this engine calls. Addresses are numbers: user space ends below 2^53. */
export interface Libc {
  /** syscall(2) of bpf(2): number, command, address of the attributes, their size. */
  bpf(nr: number, cmd: number, attr: number, size: number): number;
  /** syscall(2) of perf_event_open(2): number, address of the attributes, pid, cpu, fd of the group, flags. */
  perfEventOpen(nr: number, attr: number, pid: number, cpu: number, group: number, flags: number): number;
  ioctl(fd: number, request: number, argument: number): number;
  open(path: number, flags: number, mode: number): number;
  read(fd: number, buffer: number, size: number): number;
  close(fd: number): number;
  mmap(address: number, size: number, protection: number, flags: number, fd: number, offset: number): number;
  munmap(address: number, size: number): number;
  mount(source: number, target: number, fstype: number, flags: number, data: number): number;
  setrlimit(resource: number, limit: number): number;
  socket(domain: number, type: number, protocol: number): number;
  setsockopt(fd: number, level: number, name: number, value: number, size: number): number;
  sendto(fd: number, buffer: number, size: number, flags: number, address: number, addressSize: number): number;
  recv(fd: number, buffer: number, size: number, flags: number): number;
  bind(fd: number, address: number, size: number): number;
  /** Addresses of a struct msghdr. */
  sendmsg(fd: number, message: number, flags: number): number;
  recvmsg(fd: number, message: number, flags: number): number;
  epoll_create1(flags: number): number;
  epoll_ctl(epfd: number, op: number, fd: number, event: number): number;
  epoll_wait(epfd: number, events: number, max: number, timeout: number): number;
}

/** Watches one fd from the event loop, without a thread. Keeps the process alive unless it is told not to. */
export interface PollHandle {
  close(): void;
  unref(): void;
  ref(): void;
}

export interface Ffi {
  readonly libc: Libc;
  /** errno of the last call on this thread. */
  errno(): number;
  /** Zeroed memory outside the JavaScript heap, which does not move: its address, and the same bytes. */
  alloc(size: number): { readonly address: number; readonly bytes: Uint8Array<ArrayBuffer> };
  free(address: number): void;
  /** Memory at an address, which has to stay there. */
  view(address: number, size: number): ArrayBuffer;
  poll(fd: number, readable: () => void): PollHandle;
}

// Pointers are declared as integers: what is passed is always an address of our own memory, never a JavaScript buffer.
// biome-ignore format: aligned table
const PROTOTYPES = {
  bpf:           ['syscall',       'long',    ['long', 'int', 'uintptr_t', 'uint']],
  perfEventOpen: ['syscall',       'long',    ['long', 'uintptr_t', 'int', 'int', 'int', 'ulong']],
  ioctl:         ['ioctl',         'int',     ['int', 'ulong', 'ulong']],
  open:          ['open',          'int',     ['uintptr_t', 'int', 'uint']],
  read:          ['read',          'ssize_t', ['int', 'uintptr_t', 'size_t']],
  close:         ['close',         'int',     ['int']],
  mmap:          ['mmap',          'intptr_t', ['uintptr_t', 'size_t', 'int', 'int', 'int', 'int64_t']],
  munmap:        ['munmap',        'int',     ['uintptr_t', 'size_t']],
  mount:         ['mount',         'int',     ['uintptr_t', 'uintptr_t', 'uintptr_t', 'ulong', 'uintptr_t']],
  setrlimit:     ['setrlimit',     'int',     ['int', 'uintptr_t']],
  socket:        ['socket',        'int',     ['int', 'int', 'int']],
  setsockopt:    ['setsockopt',    'int',     ['int', 'int', 'int', 'uintptr_t', 'uint']],
  sendto:        ['sendto',        'ssize_t', ['int', 'uintptr_t', 'size_t', 'int', 'uintptr_t', 'uint']],
  recv:          ['recv',          'ssize_t', ['int', 'uintptr_t', 'size_t', 'int']],
  bind:          ['bind',          'int',     ['int', 'uintptr_t', 'uint']],
  sendmsg:       ['sendmsg',       'ssize_t', ['int', 'uintptr_t', 'int']],
  recvmsg:       ['recvmsg',       'ssize_t', ['int', 'uintptr_t', 'int']],
  epoll_create1: ['epoll_create1', 'int',     ['int']],
  epoll_ctl:     ['epoll_ctl',     'int',     ['int', 'int', 'int', 'uintptr_t']],
  epoll_wait:    ['epoll_wait',    'int',     ['int', 'uintptr_t', 'int', 'int']],
} as const satisfies Record<keyof Libc, readonly [symbol: string, result: string, args: readonly string[]]>;

type Koffi = typeof import('koffi');

let loaded: Ffi | undefined;

/**
 * Loads koffi and finds the C library, once. Only here, so that whoever uses the embedded kernel alone never loads native code. Throws
 * NotSupportedError where koffi cannot be loaded.
 */
export function loadFfi(): Ffi {
  try {
    loaded ??= makeFfi(createRequire(import.meta.url)('koffi') as Koffi); // require is untyped
    return loaded;
  } catch (cause) {
    throw new NotSupportedError('the running Linux kernel without the package koffi', {
      instead: 'install koffi (npm install koffi), or use the embedded kernel',
      cause,
    });
  }
}

function makeFfi(koffi: Koffi): Ffi {
  // `ssize_t` and the like are not among koffi's names.
  const types: Readonly<Record<string, string>> = { ssize_t: 'intptr_t' };
  const library = koffi.load(null);
  const functions = Object.entries(PROTOTYPES).map(([name, [symbol, result, args]]) => [
    name,
    library.func(symbol, types[result] ?? result, [...args]),
  ]);
  return {
    libc: Object.fromEntries(functions) as Libc, // by PROTOTYPES, which has a row for each function
    errno: () => koffi.errno(),
    alloc(size) {
      const pointer: unknown = koffi.alloc('uint8_t', size);
      if (pointer === null || pointer === undefined)
        throw new SysError(errno.ENOMEM, 'malloc', { what: `of ${size} bytes` });
      const bytes = new Uint8Array(koffi.view(pointer, size));
      bytes.fill(0);
      return { address: Number(koffi.address(pointer)), bytes };
    },
    view: (address, size) => koffi.view(BigInt(address), size),
    free: (address) => koffi.free(BigInt(address)),
    poll(fd, readable) {
      return koffi.node.poll(fd, { readable: true }, readable);
    },
  };
}
