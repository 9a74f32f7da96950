import { bpfSock, bpfTcpSock } from '../../../uapi/contexts.ts';
import { sockBytes } from '../cgroups/socket-context.ts';
import type { LinearMemory } from '../memory.ts';
import type { Socket } from './socket.ts';

interface View {
  readonly socket: Socket;
  /** Address of a struct bpf_sock, and of a struct bpf_tcp_sock behind it. */
  readonly address: number;
}

/**
 * What programs see of sockets: a struct bpf_sock in linear memory, made when one is first shown. An address says which socket is meant only by this table: what
 * programs write to the memory changes nothing.
 */
export class SocketViews {
  readonly #memory: LinearMemory;
  readonly #bySocket = new Map<Socket, View>();
  readonly #byAddress = new Map<number, View>();

  constructor(memory: LinearMemory) {
    this.#memory = memory;
  }

  /** Address of the struct bpf_sock of a socket as it is now; 0 if there is no memory for it. */
  show(socket: Socket): number {
    const view = this.#bySocket.get(socket) ?? this.#add(socket);
    if (view === undefined) return 0;
    this.#memory.u8.set(sockBytes(socket), view.address);
    return view.address;
  }

  /** Address of the struct bpf_tcp_sock; 0 if the socket is none of TCP. */
  showTcp(socket: Socket): number {
    const { figures } = socket;
    const address = figures === undefined ? 0 : this.show(socket);
    if (address === 0 || figures === undefined) return 0;
    this.#memory.u8.set(bpfTcpSock.encode(figures), address + bpfSock.size);
    return address + bpfSock.size;
  }

  /** The socket whose struct bpf_sock is at an address. */
  at(address: number): Socket | undefined {
    return this.#byAddress.get(address)?.socket;
  }

  /** Another struct that shows it. */
  add(address: number, socket: Socket): void {
    this.#byAddress.set(address, { socket, address });
  }
  remove(address: number): void {
    this.#byAddress.delete(address);
  }

  /** The socket is gone. */
  forget(socket: Socket): void {
    const view = this.#bySocket.get(socket);
    if (view === undefined) return;
    this.#bySocket.delete(socket);
    this.#byAddress.delete(view.address);
    this.#memory.free(view.address);
  }

  #add(socket: Socket): View | undefined {
    const address = this.#memory.alloc(bpfSock.size + bpfTcpSock.size);
    if (address === 0) return undefined;
    const view = { socket, address };
    this.#bySocket.set(socket, view);
    this.#byAddress.set(address, view);
    return view;
  }
}
