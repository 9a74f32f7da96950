import type { TcpSocket } from './tcp-socket.ts';

/** net.core.somaxconn. */
const MAX_BACKLOG = 4096;

/** The connections of a listening socket that nobody has accepted yet. */
export class Backlog {
  #limit = 0;
  readonly #waiting: TcpSocket[] = [];
  /** Those whose handshake is under way. */
  readonly #opening = new Set<TcpSocket>();

  set limit(limit: number) {
    this.#limit = Math.min(Math.max(0, limit), MAX_BACKLOG);
  }
  /** As Linux counts: one more than was asked for. */
  get full(): boolean {
    return this.#waiting.length > this.#limit;
  }
  /** As many handshakes are under way as there may be: who asks now gets a cookie. */
  get opensMany(): boolean {
    return this.#opening.size > this.#limit;
  }
  get readable(): boolean {
    return this.#waiting.length > 0;
  }

  open(child: TcpSocket): void {
    this.#opening.add(child);
  }
  leave(child: TcpSocket): void {
    this.#opening.delete(child);
  }
  /** The handshake is done. */
  established(child: TcpSocket): void {
    this.#opening.delete(child);
    this.#waiting.push(child);
  }
  next(): TcpSocket | undefined {
    return this.#waiting.shift();
  }

  /** All that nobody will ever have. */
  clear(): readonly TcpSocket[] {
    return [...this.#opening, ...this.#waiting.splice(0)];
  }
}
