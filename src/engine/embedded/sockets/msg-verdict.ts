import { concatBytes } from '../../../bytes/plain.ts';
import { errno } from '../../../uapi/errno.ts';
import { interpreterOf } from '../interp/interpreter.ts';
import type { BpfProg } from '../progs/prog.ts';
import { SkMsg, type SocketRedirect } from '../progs/sk-msg.ts';
import type { Socket } from './socket.ts';

const SK_PASS = 1;
const EMPTY = new Uint8Array(0);
/** Bytes that wait for more at most. */
const MAX_CORKED = 1 << 20;

type Verdict = 'pass' | 'drop' | SocketRedirect;

/** What becomes of what a socket sends, by a program. A verdict may be for a number of bytes, over several messages; one to drop stays for good, as on Linux. */
export class MsgVerdict {
  readonly #socket: Socket;
  readonly #prog: BpfProg;
  #verdict: Verdict | undefined;
  /** Bytes that the verdict is still for; 0: for what it was asked about. */
  #apply = 0;
  #corked: Uint8Array = EMPTY;
  /** How many bytes the program waits for. */
  #cork = 0;

  constructor(socket: Socket, prog: BpfProg) {
    this.#socket = socket;
    this.#prog = prog.get();
  }

  end(): void {
    this.#prog.put();
  }

  /** Bytes that were taken, or -errno: -EACCES if all are dropped. */
  send(data: Uint8Array): number {
    let copied = data.length;
    let left: Uint8Array = concatBytes([this.#corked, data]);
    this.#corked = EMPTY;
    if (left.length < this.#cork) return this.#wait(left, copied);
    this.#cork = 0;
    while (left.length > 0) {
      const before = left.length;
      if (this.#verdict === undefined) {
        left = this.#ask(left);
        if (this.#cork > left.length) return this.#wait(left, copied);
        this.#cork = 0;
      }
      const size = this.#apply === 0 ? left.length : Math.min(this.#apply, left.length);
      if (this.#verdict === 'drop') {
        this.#apply -= Math.min(this.#apply, size);
        copied -= size + before - left.length;
        return copied > 0 ? copied : -errno.EACCES;
      }
      const part = left.subarray(0, size);
      const failed = size === 0 ? 0 : this.#pass(part);
      this.#apply -= Math.min(this.#apply, size);
      if (this.#apply === 0) this.#verdict = undefined;
      if (failed < 0) return failed;
      left = left.subarray(size);
    }
    return copied;
  }

  #wait(bytes: Uint8Array, copied: number): number {
    this.#verdict = undefined;
    if (bytes.length > MAX_CORKED) return -errno.ENOMEM;
    this.#corked = bytes;
    return copied;
  }

  #pass(part: Uint8Array): number {
    const to = this.#verdict;
    if (to === 'pass' || to === 'drop' || to === undefined) return this.#socket.sendOut(part);
    if (to.socket.congested) return -errno.EAGAIN;
    if (!to.ingress) return to.socket.sendOut(part);
    return to.socket.closed ? -errno.EPIPE : to.socket.takeIn(part);
  }

  /** Runs the program. The message as it has left it. */
  #ask(bytes: Uint8Array): Uint8Array {
    using message = SkMsg.create(this.#socket, bytes);
    this.#verdict = 'drop';
    if (message === undefined) return bytes;
    const { value } = interpreterOf(this.#socket.network.machine).runProgram(this.#prog, message.context, message);
    this.#apply = message.apply;
    this.#cork = message.cork;
    if (value === SK_PASS) this.#verdict = message.redirect ?? 'pass';
    return message.bytes();
  }
}
