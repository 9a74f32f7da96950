/** A connection to a kernel that carries frames, and on which a caller can sleep until a reply is here. */
export interface Line {
  /** Sends request `id` and sleeps until its reply is here: that frame, or in words why none comes. */
  call(frame: Uint8Array, id: number, timeoutMs: number): Uint8Array | string;
  /** Sends a request whose reply is an event. */
  post(frame: Uint8Array): void;
  /** Whether the process lives on for replies that are events. */
  keepAlive(on: boolean): void;
  close(): void;
}

export interface LineEvents {
  /** A frame that no call sleeps for. */
  message(frame: Uint8Array): void;
  /** The connection is gone, and why, in words. */
  ended(reason: string): void;
}

/** Milliseconds that connecting may take. */
export const CONNECT_TIMEOUT = 10_000;

export const NO_ANSWER = 'it did not answer in time';
export const CLOSED = 'the connection was closed';
