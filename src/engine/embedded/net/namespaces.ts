import type { Machine } from '../machine.ts';
import { Network } from './network.ts';

/** Names and namespaces that one machine may have: a caller in a loop must not fill the memory. */
const MAX_NAMESPACES = 4096;

/** The network namespaces of a machine, and the names of some: the files in /run/netns. */
export class Namespaces {
  /** The one that the machine starts with. It never goes. */
  readonly first: Network;
  readonly #machine: Machine;
  readonly #all = new Set<Network>();
  readonly #named = new Map<string, Network>();
  #lastCookie = 0;

  constructor(machine: Machine) {
    this.#machine = machine;
    this.first = this.#create();
  }

  get all(): ReadonlySet<Network> {
    return this.#all;
  }
  get names(): ReadonlyMap<string, Network> {
    return this.#named;
  }

  /** A new namespace under a name that is free, which holds it. `undefined`: there are too many. */
  create(name: string): Network | undefined {
    if (this.#all.size >= MAX_NAMESPACES) return undefined;
    const network = this.#create();
    this.#named.set(name, network);
    return network;
  }

  /** Takes a name away. False if there is none. */
  remove(name: string): boolean {
    const network = this.#named.get(name);
    if (network === undefined) return false;
    this.#named.delete(name);
    network.put();
    return true;
  }

  /** For a namespace that nothing holds any more. */
  forget(network: Network): void {
    this.#all.delete(network);
    for (const other of this.#all) other.dropNumberOf(network);
  }

  #create(): Network {
    const network = new Network(this.#machine, ++this.#lastCookie);
    this.#all.add(network);
    return network;
  }
}
