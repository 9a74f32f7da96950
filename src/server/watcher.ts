import type { LogEvent, ObservedKernel, PacketEvent } from '../sys/watch.ts';
import { EventQueue } from './event-queue.ts';
import { MAX_STRING } from './methods.ts';

/** Events that are kept for a watcher that does not read. A line of the trace log has 1100 characters at most. */
const MAX_EVENTS = 4096;

/** What a client wants to be told. */
interface Wanted {
  readonly packets: boolean | string;
  readonly log: boolean;
}

/** Where events go: `send` is only called while `ready`, and more is asked for by {@link Watcher.flush} when that is so again. */
interface Reader {
  readonly ready: boolean;
  send(events: readonly unknown[]): void;
}

/** One `watch` of a client. Events are gathered while the server works and sent in one message when it is the event loop's turn. */
export class Watcher {
  readonly #wanted: Wanted;
  readonly #reader: Reader;
  readonly #queue = new EventQueue(MAX_EVENTS);
  readonly #stop: () => void;
  #scheduled = false;

  constructor(kernel: ObservedKernel, wanted: Wanted, reader: Reader) {
    this.#wanted = wanted;
    this.#reader = reader;
    this.#stop = kernel.observe((event) => this.#tell(event));
    reader.send([]); // from here on
  }

  stop(): void {
    this.#stop();
    this.#queue.take();
  }

  /** Sends what there is, if the reader takes it. */
  flush(): void {
    if (this.#reader.ready && !this.#queue.empty) this.#reader.send(this.#queue.take());
  }

  #tell(event: PacketEvent | LogEvent): void {
    const { packets, log } = this.#wanted;
    const wanted = event.kind === 'log' ? log : packets === true || packets === event.device;
    if (!wanted) return;
    this.#queue.push(event);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.flush();
    });
  }
}

/** What a `watch` request asks for; `undefined` if that is nothing that can be asked for. */
export function watchArguments([packets, log]: readonly unknown[]): Wanted | undefined {
  const fits = typeof packets === 'boolean' || (typeof packets === 'string' && packets.length <= MAX_STRING);
  return fits && typeof log === 'boolean' ? { packets, log } : undefined;
}
