import type { LogEvent, PacketEvent } from '../../sys/watch.ts';

type Observer = (event: PacketEvent | LogEvent) => void;

/** Whoever wants to know what happens in the machine. */
export class Observers {
  readonly #observers = new Set<Observer>();

  get none(): boolean {
    return this.#observers.size === 0;
  }

  /** Returns what ends it. */
  on(observer: Observer): () => void {
    const own: Observer = (event) => observer(event); // the same function may observe twice
    this.#observers.add(own);
    return () => void this.#observers.delete(own);
  }

  tell(event: PacketEvent | LogEvent): void {
    for (const observer of this.#observers) observer(event);
  }
}
