import { type ProgType, progTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { Fd } from '../../../uapi/fd.ts';
import { decodeClassic } from '../hooks/classic.ts';
import type { TcProgram } from '../hooks/tc-program.ts';
import { AF_INET, AF_INET6, formatAddress, parseAddress } from '../inet/address.ts';
import type { Process } from '../process.ts';
import type { Endpoint } from './endpoint.ts';
import type { SocketOptions } from './socket.ts';
import { getOption, setOption } from './socket-option.ts';
import { TcpSocket } from './tcp-socket.ts';
import type { TcpState } from './tcp-state.ts';
import { UdpSocket } from './udp-socket.ts';

/** An IP address as text, and a port. */
export interface SocketAddress {
  /** `10.0.0.1`, `fd00::1`; `0.0.0.0` and `::`: any. */
  readonly address: string;
  readonly port: number;
}

export interface LabSocketInput extends Partial<SocketOptions> {
  /** `inet` if not said. An `inet6` socket takes IPv4 as well, from `::ffff:a.b.c.d`, unless IPV6_V6ONLY is set. */
  readonly family?: 'inet' | 'inet6' | undefined;
  readonly type: 'tcp' | 'udp';
}

export interface Received {
  readonly data: Uint8Array;
  /** Who sent it: of a connection, its other end. */
  readonly from: SocketAddress;
}

/**
 * A socket of a process of the embedded kernel. Calls throw SysError as the system calls do, and none waits for another process: where Linux would, they answer
 * EAGAIN, or `undefined`. What the network does of itself is done when a call returns.
 */
export interface LabSocket extends Disposable {
  readonly fd: Fd;
  /** A number of its own: bpf_get_socket_cookie. */
  readonly cookie: number;
  /** getsockname(2), getpeername(2): `undefined` without a peer. */
  readonly name: SocketAddress;
  readonly peer: SocketAddress | undefined;
  /** Of TCP. */
  readonly state: TcpState | undefined;
  setOptions(options: Partial<SocketOptions>): void;
  /** setsockopt(2) as it is, with the programs of the cgroup. Throws SysError: ENOPROTOOPT for what no socket here has, EINVAL, and what a program answers. */
  setsockopt(level: number, name: number, value: Uint8Array): void;
  /** getsockopt(2) into a buffer that has `buffer` in it: the bytes that come back. */
  getsockopt(level: number, name: number, buffer: Uint8Array): Uint8Array;
  bind(address: SocketAddress): void;
  /**
   * Of TCP: waits until there is a connection, or there will be none. Time passes for that as far as it must: the clock jumps from one retransmission to the
   * next. With `nonBlocking` it throws EINPROGRESS instead, and whoever moves the clock lets the connection go on.
   */
  connect(address: SocketAddress, options?: { readonly nonBlocking?: boolean | undefined }): void;
  listen(backlog?: number): void;
  /** The next connection that somebody has made; `undefined` if there is none yet. */
  accept(): LabSocket | undefined;
  /** Bytes that were sent, of TCP maybe not all. `to`: for UDP, where it is not connected. */
  send(data: Uint8Array, to?: SocketAddress): number;
  /** The next datagram, or what has come of a stream: nothing (no bytes) after its end. `undefined` if nothing has come yet. */
  receive(max?: number): Received | undefined;
  /** SO_ATTACH_BPF and SO_ATTACH_FILTER: a program of type socket_filter, or classic instructions of 8 bytes each; `undefined` takes it away. */
  setFilter(filter: Fd | Uint8Array | undefined): void;
  /** SO_ATTACH_REUSEPORT_EBPF and _CBPF: who of the sockets that share the port gets a packet. A program of type sk_reuseport or socket_filter. */
  setReuseport(filter: Fd | Uint8Array | undefined): void;
  shutdown(how: 'read' | 'write' | 'both'): void;
  close(): void;
}

/** Throws SysError: EMFILE, and what a program at the cgroup's socket creation answers. */
export function openLabSocket(process: Process, { family = 'inet', type, ...options }: LabSocketInput): LabSocket {
  const af = family === 'inet6' ? AF_INET6 : AF_INET;
  return process.call('socket', undefined, () => {
    const socket =
      type === 'tcp' ? new TcpSocket(process.network, process, af) : new UdpSocket(process.network, process, af);
    Object.assign(socket.options, options);
    const refused = socket.hooks.create(socket);
    if (refused === 0) return install(process, socket);
    socket.close();
    return refused;
  });
}

function install(process: Process, socket: UdpSocket | TcpSocket): LabSocket | number {
  socket.fds = 1;
  const fd = process.files.add({ kind: 'inet_socket', socket });
  return fd < 0 ? fd : new ProcessSocket(process, socket, fd as Fd); // the brand's origin
}

class ProcessSocket implements LabSocket {
  readonly fd: Fd;
  readonly #process: Process;
  readonly #socket: UdpSocket | TcpSocket;

  constructor(process: Process, socket: UdpSocket | TcpSocket, fd: Fd) {
    this.#process = process;
    this.#socket = socket;
    this.fd = fd;
  }

  get cookie(): number {
    return this.#socket.cookie;
  }
  get name(): SocketAddress {
    const socket = this.#socket;
    return this.#call('getsockname', () => shown(socket.hooks.getsockname(socket, socket.local)));
  }
  get peer(): SocketAddress | undefined {
    const socket = this.#socket;
    if (!socket.connected) return undefined;
    return this.#call('getpeername', () => shown(socket.hooks.getpeername(socket, socket.remote)));
  }
  get state(): TcpState | undefined {
    return this.#socket instanceof TcpSocket ? this.#socket.state : undefined;
  }

  setOptions(options: Partial<SocketOptions>): void {
    this.#call('setsockopt', () => {
      Object.assign(this.#socket.options, options);
      return 0;
    });
  }

  setsockopt(level: number, name: number, value: Uint8Array): void {
    this.#call('setsockopt', () => setOption(this.#socket, level, name, value));
  }
  getsockopt(level: number, name: number, buffer: Uint8Array): Uint8Array {
    return this.#call('getsockopt', () => getOption(this.#socket, level, name, buffer));
  }

  bind(address: SocketAddress): void {
    this.#call('bind', () => this.#at(address, (endpoint) => this.#socket.bind(endpoint)), address);
  }

  connect(address: SocketAddress, { nonBlocking = false } = {}): void {
    const socket = this.#socket;
    this.#call(
      'connect',
      () => {
        const started = this.#at(address, (endpoint) => socket.connect(endpoint));
        if (started !== 0 || socket instanceof UdpSocket) return started;
        while (!nonBlocking && socket.state === 'syn_sent' && socket.network.machine.timers.sleep());
        const failed = socket.takeError();
        return failed === 0 && socket.state === 'syn_sent' ? -errno.EINPROGRESS : failed;
      },
      address,
    );
  }

  listen(backlog = 128): void {
    this.#call('listen', () => (this.#socket instanceof TcpSocket ? this.#socket.listen(backlog) : -errno.EOPNOTSUPP));
  }

  accept(): LabSocket | undefined {
    const socket = this.#socket;
    return this.#call('accept', () => {
      if (!(socket instanceof TcpSocket)) return -errno.EOPNOTSUPP;
      const child = socket.accept();
      if (typeof child === 'number') return child === -errno.EAGAIN ? undefined : child;
      return install(this.#process, child);
    });
  }

  send(data: Uint8Array, to?: SocketAddress): number {
    const socket = this.#socket;
    return this.#call('send', () => {
      if (socket instanceof TcpSocket) return socket.send(data);
      return to === undefined ? socket.send(data) : this.#at(to, (endpoint) => socket.send(data, endpoint));
    });
  }

  receive(max = 1 << 20): Received | undefined {
    const socket = this.#socket;
    return this.#call('recv', () => {
      const taken = socket instanceof TcpSocket ? socket.take(max) : socket.take();
      if (typeof taken === 'number') return taken === -errno.EAGAIN ? undefined : taken;
      if (taken instanceof Uint8Array) return { data: taken, from: shown(socket.remote) };
      return { data: taken.data.subarray(0, max), from: shown(taken.from) };
    });
  }

  setFilter(filter: Fd | Uint8Array | undefined): void {
    this.#call('setsockopt', () => {
      const program = this.#program(filter, ['socket_filter']);
      if (typeof program === 'number') return program;
      if (program === undefined && this.#socket.filter === undefined) return -errno.ENOENT;
      this.#socket.filter = program;
      return 0;
    });
  }

  setReuseport(filter: Fd | Uint8Array | undefined): void {
    const socket = this.#socket;
    this.#call('setsockopt', () => {
      const program = this.#program(filter, ['socket_filter', 'sk_reuseport']);
      return typeof program === 'number' ? program : socket.network.inet.sockets.setGroupProgram(socket, program);
    });
  }

  #program(filter: Fd | Uint8Array | undefined, types: readonly ProgType[]): TcProgram | number | undefined {
    if (filter === undefined) return undefined;
    if (filter instanceof Uint8Array) {
      const insns = decodeClassic(filter);
      return insns === undefined ? -errno.EINVAL : { kind: 'classic', insns, bytes: filter.slice() };
    }
    const prog = this.#process.prog(filter);
    if (typeof prog === 'number') return prog;
    if (!types.some((type) => progTypeNumber[type] === prog.attr.type)) return -errno.EINVAL;
    return { kind: 'ebpf', prog, name: undefined };
  }

  shutdown(how: 'read' | 'write' | 'both'): void {
    this.#call('shutdown', () => (this.#socket instanceof TcpSocket ? this.#socket.shutdown(how) : 0));
  }

  close(): void {
    this.#call('close', () => this.#process.files.close(this.fd));
  }
  [Symbol.dispose](): void {
    if (this.#process.files.get(this.fd)?.kind === 'inet_socket') this.close();
  }

  #at(address: SocketAddress, use: (endpoint: Endpoint) => number): number {
    const bytes = parseAddress(address.address);
    if (bytes === undefined || address.port >>> 16 !== 0) return -errno.EINVAL;
    return use({ address: bytes, port: address.port });
  }

  #call<T>(syscall: string, call: () => T | number, address?: SocketAddress): T {
    const what = address === undefined ? `fd ${this.fd}` : `fd ${this.fd} to ${address.address} port ${address.port}`;
    return this.#process.call(syscall, what, () => (this.#socket.closed ? -errno.EBADF : call()));
  }
}

function shown({ address, port }: Endpoint): SocketAddress {
  return { address: formatAddress(address), port };
}
