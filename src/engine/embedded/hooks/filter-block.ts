import { TC_ACT_UNSPEC } from '../../../uapi/bpf.ts';
import type { Fault } from '../interp/fault.ts';
import type { Machine } from '../machine.ts';
import type { Skb } from '../progs/skb.ts';
import { type Classification, type ClsBpf, classify, dropClassifier } from './cls-bpf.ts';

/** The filters of one priority in one chain: they share protocol and kind. */
export interface FilterPriority {
  readonly priority: number;
  /** ETH_P_*, in host order. */
  readonly protocol: number;
  /** Newest first, which is also the order in which they run. */
  filters: readonly ClsBpf[];
}

/** The priority that the kernel gives the first filter that names none; later ones count down. */
const FIRST_AUTO_PRIORITY = 0xc000;
const MIN_AUTO_PRIORITY = 0x8000;

/** The filters of one hook: chains of priorities. Packets run through chain 0. */
export class FilterBlock {
  /** Per chain, by ascending priority. A chain without filters is not there. */
  readonly #chains = new Map<number, readonly FilterPriority[]>();

  /** Numbers of the chains that have filters, ascending. */
  get chains(): number[] {
    return [...this.#chains.keys()].sort((a, b) => a - b);
  }

  priorities(chain: number): readonly FilterPriority[] {
    return this.#chains.get(chain) ?? [];
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
  addPriority(chain: number, priority: number, protocol: number): FilterPriority {
    const added: FilterPriority = { priority, protocol, filters: [] };
    this.#chains.set(
      chain,
      [...this.priorities(chain), added].sort((a, b) => a.priority - b.priority),
    );
    return added;
  }

  /** Puts a filter at the head, or in one step into the place of the one with its handle. */
  put(entry: FilterPriority, filter: ClsBpf): void {
    const old = entry.filters.find((other) => other.handle === filter.handle);
    entry.filters =
      old === undefined ? [filter, ...entry.filters] : entry.filters.map((other) => (other === old ? filter : other));
    if (old !== undefined) dropClassifier(old.classifier);
  }

  remove(chain: number, entry: FilterPriority, filter: ClsBpf): void {
    entry.filters = entry.filters.filter((other) => other !== filter);
    dropClassifier(filter.classifier);
    if (entry.filters.length === 0) this.removePriority(chain, entry);
  }

  removePriority(chain: number, entry: FilterPriority): void {
    const left = this.priorities(chain).filter((other) => other !== entry);
    if (left.length === 0) this.#chains.delete(chain);
    else this.#chains.set(chain, left);
    for (const filter of entry.filters) dropClassifier(filter.classifier);
  }

  flush(chain: number): void {
    for (const entry of this.priorities(chain)) this.removePriority(chain, entry);
  }

  clear(): void {
    for (const chain of this.chains) this.flush(chain);
  }

  /** Runs chain 0 on a packet: the first filter with an opinion decides. `fault`: the first one of a program that ran. */
  classify(machine: Machine, skb: Skb): Classification {
    let fault: Fault | undefined;
    for (const { protocol, filters } of this.priorities(0)) {
      if (!skb.isProtocol(protocol)) continue;
      for (const filter of filters) {
        const result = classify(machine, filter, skb);
        fault ??= result.fault;
        if (result.action >= 0) return { ...result, fault };
      }
    }
    return { action: TC_ACT_UNSPEC, classid: 0, fault };
  }
}
