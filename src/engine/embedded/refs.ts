/**
 * A kernel object that lives as long as something holds it: an fd, a pin, a program, an attachment, an outer map. The count starts at 1,
 * the creator's own.
 */
export abstract class RefCounted {
  #refs = 1;

  get(): this {
    this.#refs++;
    return this;
  }

  put(): void {
    this.#refs--;
    if (this.#refs === 0) this.destroy();
    if (this.#refs < 0) throw new Error('embedded kernel: object released more often than taken');
  }

  get refs(): number {
    return this.#refs;
  }

  /** The last reference is gone: give back memory, ids and the references held on others. */
  protected abstract destroy(): void;
}
