import { skMsgMd } from '../../../uapi/contexts.ts';
import { errno } from '../../../uapi/errno.ts';
import { swap16 } from '../interp/arith.ts';
import { Placed } from '../placed.ts';
import type { Socket } from '../sockets/socket.ts';

/** Where a program sends data to instead: what another socket receives (`ingress`), or sends. */
export interface SocketRedirect {
  readonly socket: Socket;
  readonly ingress: boolean;
}

/** Bytes of a message that programs have made longer, at most. */
const MAX_SIZE = 1 << 20;
/** What of a message is in one piece, so that a program sees it without asking. Bytes. */
const PIECE = 32768;

/** A message that a program decides about before it is sent: a struct sk_msg_md in linear memory, and the bytes in a block of their own. */
export class SkMsg implements Disposable {
  readonly kind = 'sk_msg';
  readonly socket: Socket;
  readonly #context: Placed;
  #data: Placed;
  #size: number;
  /** bpf_msg_apply_bytes and bpf_msg_cork_bytes: 0 if they were not called. */
  apply = 0;
  cork = 0;
  redirect: SocketRedirect | undefined;

  private constructor(socket: Socket, context: Placed, data: Placed, size: number) {
    this.socket = socket;
    this.#context = context;
    this.#data = data;
    this.#size = size;
    this.#show(0, Math.min(size, PIECE));
  }

  /** `undefined` if there is no memory. */
  static create(socket: Socket, bytes: Uint8Array): SkMsg | undefined {
    const { memory, socketViews } = socket.network.machine;
    const { family, local, remote } = socket;
    const fields = { family, local_port: local.port, remote_port: swap16(remote.port) * 0x1_0000 };
    const md = skMsgMd.encode({ ...fields, sk: BigInt(socketViews.show(socket)) });
    const v4 = local.address.length === 4;
    md.set(remote.address, skMsgMd.fields[v4 ? 'remote_ip4' : 'remote_ip6'][1]);
    md.set(local.address, skMsgMd.fields[v4 ? 'local_ip4' : 'local_ip6'][1]);
    const context = Placed.put(memory, md);
    const data = context && Placed.put(memory, bytes);
    if (data === undefined) context?.[Symbol.dispose]();
    return data && context && new SkMsg(socket, context, data, bytes.length);
  }

  get context(): number {
    return this.#context.address;
  }
  bytes(): Uint8Array {
    return this.#data.read(this.#size);
  }

  /** The bytes from `start` to `end` can be seen: 0 or -EINVAL. */
  pull(start: number, end: number): number {
    if (end <= start || end > this.#size) return -errno.EINVAL;
    this.#show(start, end);
    return 0;
  }
  /** Puts zeros in. The program sees what is before, or the zeros if nothing is. */
  push(start: number, length: number): number {
    if (length === 0) return 0;
    if (start > this.#size) return -errno.EINVAL;
    return this.#splice(start, 0, length) || this.#show(0, start === 0 ? length : start);
  }
  /** Takes bytes away. The program sees what is before, or what follows if nothing is. */
  pop(start: number, length: number): number {
    if (length === 0) return 0;
    if (start >= this.#size || start + length > this.#size) return -errno.EINVAL;
    return this.#splice(start, length, 0) || this.#show(0, start === 0 ? this.#size : start);
  }

  #splice(start: number, removed: number, inserted: number): number {
    const size = this.#size - removed + inserted;
    if (size > MAX_SIZE) return -errno.ENOMEM;
    const bytes = this.bytes();
    const changed = new Uint8Array(size);
    changed.set(bytes.subarray(0, start));
    changed.set(bytes.subarray(start + removed), start + inserted);
    const data = Placed.put(this.socket.network.machine.memory, changed, Math.max(size, 1));
    if (data === undefined) return -errno.ENOMEM;
    this.#data[Symbol.dispose]();
    this.#data = data;
    this.#size = size;
    return 0;
  }

  /** What of the message the context leads to. */
  #show(start: number, end: number): 0 {
    const { dv } = this.socket.network.machine.memory;
    const { fields } = skMsgMd;
    dv.setBigUint64(this.context + fields.data[1], BigInt(this.#data.address + start), true);
    dv.setBigUint64(this.context + fields.data_end[1], BigInt(this.#data.address + end), true);
    dv.setUint32(this.context + fields.size[1], this.#size, true);
    return 0;
  }

  [Symbol.dispose](): void {
    this.#data[Symbol.dispose]();
    this.#context[Symbol.dispose]();
  }
}
