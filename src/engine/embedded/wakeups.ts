/** Whom something that happens in the kernel may concern: those who wait for files look again at each. */
export class Wakeups {
  readonly #waiting = new Set<() => void>();

  /** Calls `look` each time that something happens, until the returned function is called. */
  on(look: () => void): () => void {
    this.#waiting.add(look);
    return () => this.#waiting.delete(look);
  }

  all(): void {
    if (this.#waiting.size > 0) for (const look of [...this.#waiting]) look();
  }
}
