import { bpfSock, bpfSockAddr } from '../../../uapi/contexts.ts';
import { AF_INET, familyOf, sameAddress } from '../inet/address.ts';
import { swap16 } from '../interp/arith.ts';
import type { LinearMemory } from '../memory.ts';
import type { Endpoint } from '../sockets/endpoint.ts';
import type { Socket } from '../sockets/socket.ts';

/** A struct bpf_sock. IPv4 addresses are in their own field, IPv6 ones in the other. */
export function sockBytes(socket: Socket): Uint8Array {
  const { family, type, protocol, local, remote, options } = socket;
  const bytes = bpfSock.encode({
    bound_dev_if: options.boundDevice,
    family,
    type,
    protocol,
    mark: options.mark,
    priority: options.priority,
    src_port: local.port,
    dst_port: swap16(remote.port),
    state: socket.stateNumber,
    rx_queue_mapping: -1,
  });
  const { fields } = bpfSock;
  const [source, destination] =
    family === AF_INET ? [fields.src_ip4[1], fields.dst_ip4[1]] : [fields.src_ip6[1], fields.dst_ip6[1]];
  bytes.set(local.address, source);
  bytes.set(remote.address, destination);
  return bytes;
}

/** A struct bpf_sock_addr in linear memory, with the struct bpf_sock that it leads to behind it. */
export class SockAddrContext implements Disposable {
  readonly address: number;
  readonly #memory: LinearMemory;
  readonly #ip: number;
  readonly #source: number;
  readonly #given: Endpoint;

  private constructor(memory: LinearMemory, address: number, given: Endpoint) {
    this.#memory = memory;
    this.address = address;
    this.#given = given;
    const { fields } = bpfSockAddr;
    const v4 = given.address.length === 4;
    this.#ip = address + (v4 ? fields.user_ip4 : fields.user_ip6)[1];
    this.#source = address + (v4 ? fields.msg_src_ip4 : fields.msg_src_ip6)[1];
  }

  /** `undefined` if there is no memory. `source`: of a datagram, where it comes from. */
  static create(socket: Socket, given: Endpoint, source?: Uint8Array): SockAddrContext | undefined {
    const { memory } = socket.network.machine;
    const at = memory.alloc(bpfSockAddr.size + bpfSock.size);
    if (at === 0) return undefined;
    const { family, type, protocol } = socket;
    const user_family = familyOf(given.address);
    const sk = at + bpfSockAddr.size;
    const fields = { user_family, family, type, protocol, user_port: swap16(given.port), sk: BigInt(sk) };
    memory.u8.set(bpfSockAddr.encode(fields), at);
    memory.u8.set(sockBytes(socket), sk);
    const context = new SockAddrContext(memory, at, given);
    memory.u8.set(given.address, context.#ip);
    if (source !== undefined) memory.u8.set(source, context.#source);
    return context;
  }

  /** Address of the struct bpf_sock. */
  get sk(): number {
    return this.address + bpfSockAddr.size;
  }

  /** The address as the programs have left it. */
  get endpoint(): Endpoint {
    const port = swap16(this.#memory.dv.getUint16(this.address + bpfSockAddr.fields.user_port[1], true));
    const address = this.#memory.u8.slice(this.#ip, this.#ip + this.#given.address.length);
    return port === this.#given.port && sameAddress(address, this.#given.address) ? this.#given : { address, port };
  }
  get source(): Uint8Array {
    return this.#memory.u8.slice(this.#source, this.#source + this.#given.address.length);
  }

  [Symbol.dispose](): void {
    this.#memory.free(this.address);
  }
}
