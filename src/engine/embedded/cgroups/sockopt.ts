import { attachTypeNumber } from '../../../uapi/bpf.ts';
import { bpfSock, bpfSockopt } from '../../../uapi/contexts.ts';
import { errno } from '../../../uapi/errno.ts';
import type { Machine } from '../machine.ts';
import type { Socket } from '../sockets/socket.ts';
import type { Cgroup } from './cgroup.ts';
import { runCgroupHook } from './run-hook.ts';
import { sockBytes } from './socket-context.ts';

/** Bytes of an option's value that programs see at most, and that those of setsockopt(2) have room for at least. */
const MAX_VALUE = 4096;
const MIN_ROOM = 16;

export interface SocketOption {
  /** SOL_*, IPPROTO_* */
  readonly level: number;
  readonly name: number;
  readonly value: Uint8Array;
}

/** What the programs make of a setsockopt(2): -errno, `done` (the kernel is not asked, and it succeeds), or what the kernel gets. */
export function checkSetsockopt(
  machine: Machine,
  cgroup: Cgroup,
  socket: Socket,
  option: SocketOption,
): SocketOption | 'done' | number {
  if (cgroup.effective(attachTypeNumber.cgroup_setsockopt).length === 0) return option;
  const given = option.value.length;
  const room = Math.min(Math.max(given, MIN_ROOM), MAX_VALUE);
  using window = Window.create(machine, socket, option, given, room);
  if (window === undefined) return -errno.ENOMEM;
  const { retval } = runCgroupHook(machine, cgroup, attachTypeNumber.cgroup_setsockopt, window.context, {
    kind: 'cgroup',
    retval: 0,
    socket,
    skAt: window.sk,
  });
  if (retval !== 0) return retval;
  const { level, optname: name, optlen } = window.read();
  if (optlen === -1) return 'done';
  if (optlen < -1 || optlen > room) return given > MAX_VALUE && optlen >= 0 ? option : -errno.EFAULT;
  return { level, name, value: optlen === 0 ? option.value : window.value(optlen) };
}

/**
 * What they make of a getsockopt(2): -errno, or the value that the caller gets. `retval`: what the kernel has answered; `buffer`: the caller's, with the
 * kernel's value if there is one; `length`: its bytes.
 */
export function checkGetsockopt(
  machine: Machine,
  cgroup: Cgroup,
  socket: Socket,
  option: SocketOption,
  length: number,
  retval: number,
): Uint8Array | number {
  const kernels = option.value.slice(0, length);
  const answer = retval === 0 ? kernels : retval;
  if (cgroup.effective(attachTypeNumber.cgroup_getsockopt).length === 0) return answer;
  const asked = option.value.length;
  const optlen = retval === 0 ? length : asked;
  const room = Math.min(asked, MAX_VALUE);
  using window = Window.create(
    machine,
    socket,
    retval === 0 ? option : { ...option, value: new Uint8Array(0) },
    optlen,
    room,
  );
  if (window === undefined) return -errno.ENOMEM;
  const retvalAt = window.context + bpfSockopt.fields.retval[1];
  const call = { kind: 'cgroup', retval, retvalAt, socket, skAt: window.sk } as const;
  const ran = runCgroupHook(machine, cgroup, attachTypeNumber.cgroup_getsockopt, window.context, call);
  if (ran.retval < 0) return ran.retval;
  const after = window.read();
  if (after.optlen < 0 || after.optlen > room) return optlen > MAX_VALUE && after.optlen >= 0 ? answer : -errno.EFAULT;
  if (after.optlen === 0) return kernels;
  // The kernel copies beyond the caller's buffer then, and fails if that is not the caller's memory.
  return window.value(after.optlen);
}

/** A struct bpf_sockopt in linear memory, with the value that it leads to and the socket. */
class Window implements Disposable {
  readonly context: number;
  readonly #machine: Machine;
  readonly #value: number;

  private constructor(machine: Machine, context: number) {
    this.#machine = machine;
    this.context = context;
    this.#value = context + bpfSockopt.size + bpfSock.size;
  }

  /** `undefined` if there is no memory. */
  static create(
    machine: Machine,
    socket: Socket,
    { level, name, value }: SocketOption,
    optlen: number,
    room: number,
  ): Window | undefined {
    const { memory } = machine;
    const context = memory.alloc(bpfSockopt.size + bpfSock.size + room);
    if (context === 0) return undefined;
    const window = new Window(machine, context);
    const sk = context + bpfSockopt.size;
    const start = window.#value;
    const fields = {
      sk: BigInt(sk),
      optval: BigInt(start),
      optval_end: BigInt(start + room),
      level,
      optname: name,
      optlen,
    };
    memory.u8.set(bpfSockopt.encode(fields), context);
    memory.u8.set(sockBytes(socket), sk);
    memory.u8.set(value.subarray(0, room), start);
    return window;
  }

  /** Address of the struct bpf_sock. */
  get sk(): number {
    return this.context + bpfSockopt.size;
  }

  read() {
    return bpfSockopt.decode(this.#machine.memory.u8, this.context);
  }
  value(length: number): Uint8Array {
    return this.#machine.memory.u8.slice(this.#value, this.#value + length);
  }

  [Symbol.dispose](): void {
    this.#machine.memory.free(this.context);
  }
}
