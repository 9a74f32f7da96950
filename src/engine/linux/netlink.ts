import { SysError } from '../../errors.ts';
import { splitMessages } from '../../net/message.ts';
import { errno } from '../../uapi/errno.ts';
import { NLM_F_ACK, NLMSG_DONE, NLMSG_ERROR, nlmsghdr } from '../../uapi/netlink.ts';
import type { Ffi } from './ffi.ts';
import type { Memory } from './memory.ts';
import { check } from './syscall.ts';

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const NETLINK_ROUTE = 0;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const MSG_PEEK = 2;
const MSG_TRUNC = 0x20;

/** Seconds that the kernel may take for one message of an answer: a change waits for every other that is under way. */
const TIMEOUT_S = 10;
/** Bytes at most of one answer. */
const MAX_ANSWER = 1 << 26;

/** A NETLINK_ROUTE socket in the network namespace that the thread is in when the first request is made. */
export class NetlinkSocket implements Disposable {
  readonly #ffi: Ffi;
  readonly #memory: Memory;
  #fd = -1;
  #seq = 0;

  constructor(ffi: Ffi, memory: Memory) {
    this.#ffi = ffi;
    this.#memory = memory;
  }

  /**
   * Sends one request and returns the messages of its answer up to the acknowledgement or the end of the dump. The request always asks for an
   * acknowledgement, and goes under a number of its own, which the answer does not show. Throws SysError: EINVAL if `request` is not one
   * message, ETIMEDOUT, EFBIG for an answer of more than 64 MiB, and what socket(2), send(2) and recv(2) answer.
   */
  request(request: Uint8Array): Uint8Array {
    const header = nlmsghdr.decode(request);
    if (request.length < nlmsghdr.size || request.length !== Math.ceil(header.nlmsg_len / 4) * 4) {
      throw new SysError(errno.EINVAL, 'netlink', {
        detail: `a request of ${request.length} bytes says that it is ${header.nlmsg_len} bytes long`,
      });
    }
    this.#seq = (this.#seq % 0xffffffff) + 1;
    try {
      this.#send(
        nlmsghdr.encode({ ...header, nlmsg_flags: header.nlmsg_flags | NLM_F_ACK, nlmsg_seq: this.#seq }),
        request,
      );
      return this.#receive(header.nlmsg_seq);
    } catch (error) {
      // The rest of the answer may still come: the next request begins on a socket that knows nothing of it.
      this.#close();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#close();
  }

  #send(header: Uint8Array, request: Uint8Array): void {
    const { libc } = this.#ffi;
    if (this.#fd < 0) this.#fd = this.#open();
    this.#memory.reset(request.length + 8);
    const at = this.#memory.put(request);
    this.#memory.bytes.set(header, at);
    for (;;) {
      const sent = libc.sendto(this.#fd, this.#memory.address + at, request.length, 0, 0, 0);
      if (sent === -1 && this.#ffi.errno() === errno.EINTR) continue;
      check(this.#ffi, sent, 'send', 'a netlink request');
      return;
    }
  }

  #receive(seq: number): Uint8Array {
    const parts: Uint8Array[] = [];
    let total = 0;
    for (;;) {
      const datagram = this.#recv();
      for (const message of splitMessages(datagram)) {
        if (message.seq !== this.#seq) continue;
        const start = message.payload.byteOffset - datagram.byteOffset - nlmsghdr.size;
        const part = datagram.slice(start, start + Math.ceil((nlmsghdr.size + message.payload.length) / 4) * 4);
        new DataView(part.buffer).setUint32(8, seq, true);
        parts.push(part);
        total += part.length;
        if (message.type === NLMSG_ERROR || message.type === NLMSG_DONE) return join(parts, total);
      }
      if (total > MAX_ANSWER) {
        throw new SysError(errno.EFBIG, 'recv', {
          detail: `the answer to a netlink request is longer than ${MAX_ANSWER} bytes`,
        });
      }
    }
  }

  /** One datagram, whole, as a copy. */
  #recv(): Uint8Array {
    const size = this.#recvInto(0, MSG_PEEK | MSG_TRUNC);
    return this.#memory.bytes.slice(0, this.#recvInto(size, 0));
  }

  /** Into the start of the memory. With MSG_TRUNC the length that the datagram has, not the one that fits. */
  #recvInto(size: number, flags: number): number {
    for (;;) {
      this.#memory.reset(size);
      const received = this.#ffi.libc.recv(this.#fd, this.#memory.address, size, flags);
      if (received !== -1) return received;
      switch (this.#ffi.errno()) {
        case errno.EINTR:
          continue;
        case errno.EAGAIN:
          throw new SysError(errno.ETIMEDOUT, 'recv', {
            detail: `no answer to a netlink request within ${TIMEOUT_S} s`,
          });
        default:
          check(this.#ffi, received, 'recv', 'the answer to a netlink request');
      }
    }
  }

  #open(): number {
    const { libc } = this.#ffi;
    const fd = check(
      this.#ffi,
      libc.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE),
      'socket',
      'AF_NETLINK',
    );
    try {
      this.#memory.reset(16);
      const at = this.#memory.take(16);
      this.#memory.view.setBigInt64(at, BigInt(TIMEOUT_S), true);
      this.#memory.view.setBigInt64(at + 8, 0n, true);
      check(
        this.#ffi,
        libc.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, this.#memory.address + at, 16),
        'setsockopt',
        'SO_RCVTIMEO',
      );
      this.#memory.view.setUint32(at, 1, true);
      for (const option of [NETLINK_EXT_ACK, NETLINK_CAP_ACK]) {
        // Linux >= 4.12 and 4.3: without them answers are only longer, and say less.
        libc.setsockopt(fd, SOL_NETLINK, option, this.#memory.address + at, 4);
      }
      return fd;
    } catch (error) {
      libc.close(fd);
      throw error;
    }
  }

  #close(): void {
    if (this.#fd >= 0) this.#ffi.libc.close(this.#fd);
    this.#fd = -1;
  }
}

function join(parts: readonly Uint8Array[], total: number): Uint8Array {
  const bytes = new Uint8Array(total);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
