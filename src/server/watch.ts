import type { BpfError } from '../errors.ts';
import type { KernelEvent, WatchOptions } from '../sys/watch.ts';
import { EventQueue } from './event-queue.ts';
import type { SyncSocket } from './sync-socket.ts';
import { fromWire } from './wire-error.ts';

/** Events that are kept in this process for a loop that does not come round. */
const MAX_EVENTS = 65536;

/** The client's end of `watch`: see WatchedKernel. */
export async function* watch(
  socket: SyncSocket,
  { packets = false, log = false, signal }: WatchOptions,
): AsyncGenerator<KernelEvent, void> {
  const queue = new EventQueue(MAX_EVENTS);
  let failure: BpfError | undefined;
  let wake = () => {};
  const waiting = {
    message([, ok, result]: readonly unknown[]) {
      if (ok !== true) failure ??= fromWire(result);
      else if (Array.isArray(result)) for (const event of result) if (isEvent(event)) queue.push(event);
      wake();
    },
    failed(error: BpfError) {
      failure ??= error;
      wake();
    },
  };
  const isAborted = () => signal?.aborted === true;
  const abort = () => wake();
  if (isAborted()) return;
  const id = socket.subscribe(waiting, 'watch', packets, log);
  signal?.addEventListener('abort', abort, { once: true });
  try {
    while (!isAborted()) {
      for (const event of queue.take()) {
        yield event;
        if (isAborted()) return;
      }
      if (failure !== undefined) throw failure;
      if (queue.empty)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  } finally {
    signal?.removeEventListener('abort', abort);
    socket.forget(id);
    if (failure === undefined) socket.post('cancel', id);
  }
}

/** The other end may be anybody. */
function isEvent(value: unknown): value is KernelEvent {
  const event: { readonly [name: string]: unknown } = Object(value);
  const numbers = (...names: readonly string[]) => names.every((name) => Number.isSafeInteger(event[name]));
  switch (event.kind) {
    case 'log':
      return typeof event.line === 'string';
    case 'lost':
      return numbers('count');
    case 'packet':
      return (
        typeof event.device === 'string' &&
        (event.direction === 'ingress' || event.direction === 'egress') &&
        (event.xdp === undefined || numbers('xdp')) &&
        numbers('ifindex', 'netns', 'length', 'verdict')
      );
    default:
      return false;
  }
}
