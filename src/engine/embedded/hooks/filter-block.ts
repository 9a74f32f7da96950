import { TC_ACT_RECLASSIFY, TC_ACT_SHOT, TC_ACT_UNSPEC } from '../../../uapi/bpf.ts';
import type { Fault } from '../interp/fault.ts';
import type { Machine } from '../machine.ts';
import type { Skb } from '../progs/skb.ts';
import { isGotoChain } from './action.ts';
import { Chain, type FilterPriority } from './chain.ts';
import { type Classification, type ClsBpf, classify, dropFilter } from './cls-bpf.ts';

/** The priority that the kernel gives the first filter that names none; later ones count down. */
const FIRST_AUTO_PRIORITY = 0xc000;
const MIN_AUTO_PRIORITY = 0x8000;
/** How often one packet may start again or go to another chain before it is dropped. */
const MAX_RESTARTS = 16;

/** The filters of one hook, or of several that share them: chains of priorities. Packets begin with chain 0. */
export class FilterBlock {
  /** Number of a shared block; 0: of one hook. */
  readonly index: number;
  /** By number, in the order in which they were made. One that nobody needs is not there. */
  readonly #chains = new Map<number, Chain>();

  constructor(index = 0) {
    this.index = index;
  }

  /** Those that are there for others than actions. */
  get chains(): Chain[] {
    return [...this.#chains.values()].filter((chain) => chain.visible);
  }

  /** How many chains there are, those that only actions hold included. */
  get chainCount(): number {
    return this.#chains.size;
  }

  chain(index: number): Chain | undefined {
    return this.#chains.get(index);
  }

  priorities(chain: number): readonly FilterPriority[] {
    return this.#chains.get(chain)?.priorities ?? [];
  }

  find(chain: number, priority: number): FilterPriority | undefined {
    return this.priorities(chain).find((entry) => entry.priority === priority);
  }

  /** The priority of a new filter that names none. */
  autoPriority(chain: number): number {
    const lowest = this.priorities(chain).find((entry) => entry.priority >= MIN_AUTO_PRIORITY);
    return lowest === undefined ? FIRST_AUTO_PRIORITY : lowest.priority - 1;
  }

  /** A new, empty priority. */
  addPriority(index: number, priority: number, protocol: number): FilterPriority {
    const added: FilterPriority = { priority, protocol, filters: [] };
    const chain = this.#make(index);
    chain.priorities = [...chain.priorities, added].sort((a, b) => a.priority - b.priority);
    return added;
  }

  /** Puts a filter at the head, or in one step into the place of the one with its handle. */
  put(entry: FilterPriority, filter: ClsBpf): void {
    const old = entry.filters.find((other) => other.handle === filter.handle);
    entry.filters =
      old === undefined ? [filter, ...entry.filters] : entry.filters.map((other) => (other === old ? filter : other));
    if (old !== undefined) dropFilter(old);
  }

  remove(chain: number, entry: FilterPriority, filter: ClsBpf): void {
    entry.filters = entry.filters.filter((other) => other !== filter);
    dropFilter(filter);
    if (entry.filters.length === 0) this.removePriority(chain, entry);
  }

  removePriority(index: number, entry: FilterPriority): void {
    const chain = this.#chains.get(index);
    if (chain === undefined) return;
    chain.priorities = chain.priorities.filter((other) => other !== entry);
    for (const filter of entry.filters) dropFilter(filter);
    this.#forget(chain);
  }

  flush(chain: number): void {
    for (const entry of this.priorities(chain)) this.removePriority(chain, entry);
  }

  /** Runs `use` with a chain there, which stays if it is needed then. */
  within<T>(index: number, use: () => T): T {
    const chain = this.#make(index);
    try {
      return use();
    } finally {
      this.#forget(chain);
    }
  }

  /** A chain that stays until {@link FilterBlock.deleteChain}, also without filters. */
  createChain(index: number): void {
    this.#make(index).created = true;
  }

  /** With its filters. Actions may still go to it, and find nothing there. */
  deleteChain(chain: Chain): void {
    chain.created = false;
    this.flush(chain.index);
    this.#forget(chain);
  }

  /** The chain that an action is to go to; the action holds it until {@link FilterBlock.dropGoto}. */
  holdGoto(index: number): Chain {
    const chain = this.#make(index);
    chain.gotos++;
    return chain;
  }

  dropGoto(chain: Chain): void {
    chain.gotos--;
    this.#forget(chain);
  }

  clear(): void {
    for (const chain of this.chains) this.deleteChain(chain);
  }

  /** Runs chain 0 on a packet, and those that actions go to: the first filter with an opinion decides. `fault`: the first one of a program that ran. */
  classify(machine: Machine, skb: Skb): Classification {
    let fault: Fault | undefined;
    let chain = this.#chains.get(0);
    for (let restarts = 0; ; restarts++) {
      const result = classifyIn(machine, chain?.priorities ?? [], skb);
      fault ??= result.fault;
      const again = result.action === TC_ACT_RECLASSIFY;
      if (!again && !isGotoChain(result.action)) return { ...result, fault };
      if (restarts === MAX_RESTARTS) return { action: TC_ACT_SHOT, classid: result.classid, fault };
      chain = again ? this.#chains.get(0) : result.chain;
    }
  }

  #make(index: number): Chain {
    let chain = this.#chains.get(index);
    if (chain === undefined) {
      chain = new Chain(index);
      this.#chains.set(index, chain);
    }
    return chain;
  }

  #forget(chain: Chain): void {
    if (!chain.visible && chain.gotos === 0) this.#chains.delete(chain.index);
  }
}

function classifyIn(machine: Machine, priorities: readonly FilterPriority[], skb: Skb): Classification {
  let fault: Fault | undefined;
  for (const { protocol, filters } of priorities) {
    if (!skb.isProtocol(protocol)) continue;
    for (const filter of filters) {
      const result = classify(machine, filter, skb);
      fault ??= result.fault;
      if (result.action >= 0) return { ...result, fault };
    }
  }
  return { action: TC_ACT_UNSPEC, classid: 0, fault };
}
