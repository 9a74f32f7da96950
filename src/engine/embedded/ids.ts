const MAX_ID = 2 ** 31 - 1;

/** Objects of one kind by id. Ids grow from 1 and start again only after 2^31 - 1, so none is used again soon. */
export class IdTable<T> {
  readonly #objects = new Map<number, T>();
  /** Ascending. */
  readonly #ids: number[] = [];
  #last = 0;

  /** The new object's id. */
  add(object: T): number {
    let id = this.#last;
    do id = id === MAX_ID ? 1 : id + 1;
    while (this.#objects.has(id));
    this.#last = id;
    this.#objects.set(id, object);
    this.#ids.splice(this.#after(id), 0, id);
    return id;
  }

  remove(id: number): void {
    if (this.#objects.delete(id)) this.#ids.splice(this.#after(id) - 1, 1);
  }

  get(id: number): T | undefined {
    return this.#objects.get(id);
  }

  /** The smallest id above `id`, or `undefined`. */
  next(id: number): number | undefined {
    return this.#ids[this.#after(id)];
  }

  get size(): number {
    return this.#ids.length;
  }

  /** By growing id. */
  *values(): Generator<T> {
    for (let id = this.next(0); id !== undefined; id = this.next(id)) {
      const object = this.#objects.get(id);
      if (object !== undefined) yield object;
    }
  }

  /** How many ids are not above `id`. */
  #after(id: number): number {
    let low = 0;
    let high = this.#ids.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ids[middle] ?? 0) <= id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
