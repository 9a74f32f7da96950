import { SysError } from '../../errors.ts';
import type { WaitOptions } from '../../sys/kernel.ts';
import { errno } from '../../uapi/errno.ts';
import type { Fd } from '../../uapi/fd.ts';
import type { OpenFile } from './files.ts';
import { PagedRing } from './maps/ringbuf.ts';
import type { Process } from './process.ts';

/** Milliseconds that setTimeout can count. */
const MAX_TIMEOUT = 2 ** 31 - 1;

/** Those of `fds` that can be read, or written to, as soon as one can; none after `timeoutMs`, or when the process ends. */
export function waitForFds(
  process: Process,
  fds: readonly Fd[],
  { until, timeoutMs, signal }: WaitOptions,
): Promise<Fd[]> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const ready = readyOf(process, fds, until);
    if (ready.length > 0 || (timeoutMs !== undefined && timeoutMs <= 0)) {
      resolve(ready);
      return;
    }
    let timer: ReturnType<typeof setTimeout> | undefined;
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      stopWaiting();
      stopProcess();
    };
    const finish = (result: Fd[]): void => {
      end();
      resolve(result);
    };
    const abort = (): void => {
      end();
      reject(signal?.reason);
    };
    const look = (): void => {
      const open = fds.filter((fd) => process.files.get(fd) !== undefined);
      const now = readyOf(process, open, until);
      if (now.length > 0) finish(now);
    };
    const stopWaiting = process.machine.wake.on(look);
    const stopProcess = process.onEnd(() => finish([]));
    signal?.addEventListener('abort', abort, { once: true });
    if (timeoutMs !== undefined && timeoutMs <= MAX_TIMEOUT) timer = setTimeout(() => finish([]), timeoutMs);
  });
}

function readyOf(process: Process, fds: readonly Fd[], until: WaitOptions['until']): Fd[] {
  return fds.filter((fd) => {
    const file = process.files.get(fd);
    if (file === undefined) throw new SysError(errno.EBADF, 'wait', { what: `fd ${fd}` });
    return until === 'writable' ? isWritable(file) : isReadable(process, file);
  });
}

/** Only these files can make a reader wait. */
function isReadable({ machine }: Process, file: OpenFile): boolean {
  switch (file.kind) {
    case 'trace_pipe':
      return file.rest.length > 0 || !machine.trace.empty;
    case 'socket':
      return !file.socket.empty;
    case 'inet_socket':
      return file.socket.readable;
    case 'perf_event':
      return file.event.takeWoken();
    case 'map':
      return !(file.map instanceof PagedRing) || file.map.readable;
    default:
      return true;
  }
}

function isWritable(file: OpenFile): boolean {
  return file.kind !== 'map' || !(file.map instanceof PagedRing) || file.map.writable;
}
