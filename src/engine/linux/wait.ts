import { SysError } from '../../errors.ts';
import type { WaitOptions } from '../../sys/kernel.ts';
import { errno } from '../../uapi/errno.ts';
import type { Fd } from '../../uapi/fd.ts';
import type { Ffi, PollHandle } from './ffi.ts';
import type { Memory } from './memory.ts';
import { type PerfWatch, perfWatch } from './perf-watch.ts';
import { check } from './syscall.ts';

const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EPOLLIN = 1;
const EPOLLOUT = 4;
/** Milliseconds that setTimeout can count. */
const MAX_TIMEOUT = 2 ** 31 - 1;

/** struct epoll_event is packed on x86-64 alone: a u32 of events, then 8 bytes of our own data. */
const EVENT = process.arch === 'x64' ? { size: 12, data: 4 } : { size: 16, data: 8 };

/**
 * Those of `fds` that can be read, or written to, as soon as one can; none after `timeoutMs`. One epoll instance for each call, which the event loop watches: no
 * thread waits, the fds themselves stay as they are (the event loop would make them non-blocking), and several calls may wait for the same one.
 * What epoll does not take, as ordinary files, can always be read. Perf events are watched otherwise (perf-watch.ts): the first wait for one says that it
 * can be read, whether or not.
 */
export async function waitForFds(
  ffi: Ffi,
  memory: Memory,
  fds: readonly Fd[],
  { until, timeoutMs, signal }: WaitOptions,
): Promise<Fd[]> {
  signal?.throwIfAborted();
  const wanted = until === 'writable' ? EPOLLOUT : EPOLLIN;
  const epfd = check(ffi, ffi.libc.epoll_create1(EPOLL_CLOEXEC), 'epoll_create1');
  let handle: PollHandle | undefined;
  let timer: NodeJS.Timeout | undefined;
  let abort = (): void => {};
  const stops: (() => void)[] = [];
  const events = new Map(fds.flatMap((fd) => perfWatches(ffi, fd)));
  const told = () => [...events].flatMap(([fd, watch]) => (watch.take() ? [fd] : []));
  try {
    const always = fds.filter((fd) => !events.has(fd) && !add(ffi, memory, epfd, fd, wanted));
    const ready = [...told(), ...(always.length > 0 ? always : readyFds(ffi, memory, epfd, fds))];
    if (ready.length > 0 || (timeoutMs !== undefined && timeoutMs <= 0)) return ready;
    return await new Promise<Fd[]>((resolve, reject) => {
      abort = () => reject(signal?.reason);
      signal?.addEventListener('abort', abort, { once: true });
      if (timeoutMs !== undefined && timeoutMs <= MAX_TIMEOUT) timer = setTimeout(() => resolve([]), timeoutMs);
      for (const watch of events.values()) stops.push(watch.onTold(() => resolve(told())));
      handle = ffi.poll(epfd, () => {
        try {
          const now = readyFds(ffi, memory, epfd, fds);
          if (now.length > 0) resolve(now);
        } catch (error) {
          reject(error);
        }
      });
    });
  } finally {
    signal?.removeEventListener('abort', abort);
    clearTimeout(timer);
    for (const stop of stops) stop();
    handle?.close();
    ffi.libc.close(epfd);
  }
}

function perfWatches(ffi: Ffi, fd: Fd): [Fd, PerfWatch][] {
  const watch = perfWatch(ffi, fd);
  return watch === undefined ? [] : [[fd, watch]];
}

/** False if the fd cannot be waited for because it never blocks. */
function add(ffi: Ffi, memory: Memory, epfd: number, fd: Fd, wanted: number): boolean {
  memory.reset(EVENT.size);
  const at = memory.take(EVENT.size);
  memory.bytes.fill(0, at, at + EVENT.size);
  memory.view.setUint32(at, wanted, true);
  memory.view.setInt32(at + EVENT.data, fd, true);
  const result = ffi.libc.epoll_ctl(epfd, EPOLL_CTL_ADD, fd, memory.address + at);
  if (result === -1) {
    const reason = ffi.errno();
    if (reason === errno.EPERM) return false;
    if (reason === errno.EEXIST) return true; // the same fd twice
    throw new SysError(reason, 'epoll_ctl', { what: `fd ${fd}` });
  }
  return true;
}

/** Those that are ready now. Errors and ends count, because read(2) will tell them. */
function readyFds(ffi: Ffi, memory: Memory, epfd: number, fds: readonly Fd[]): Fd[] {
  const max = Math.max(1, Math.min(fds.length, 1024));
  memory.reset(max * EVENT.size);
  const at = memory.take(max * EVENT.size);
  const n = ffi.libc.epoll_wait(epfd, memory.address + at, max, 0);
  if (n === -1 && ffi.errno() === errno.EINTR) return [];
  check(ffi, n, 'epoll_wait');
  const ready = new Set(
    Array.from({ length: n }, (_, i) => memory.view.getInt32(at + i * EVENT.size + EVENT.data, true)),
  );
  return fds.filter((fd) => ready.has(fd));
}
