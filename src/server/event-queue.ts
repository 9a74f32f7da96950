import type { KernelEvent } from '../sys/watch.ts';

/** Events that wait to be read: so many at most, then none is added until they have been taken, and those that come meanwhile are counted. */
export class EventQueue {
  readonly #max: number;
  #events: KernelEvent[] = [];
  #lost = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get empty(): boolean {
    return this.#events.length === 0;
  }

  push(event: KernelEvent): void {
    if (this.#lost === 0 && this.#events.length < this.#max) this.#events.push(event);
    else this.#lost += event.kind === 'lost' ? event.count : 1;
  }

  /** All of them, and how many came after them and were lost. */
  take(): readonly KernelEvent[] {
    const events = this.#events;
    if (this.#lost > 0) events.push({ kind: 'lost', count: this.#lost });
    this.#events = [];
    this.#lost = 0;
    return events;
  }
}
