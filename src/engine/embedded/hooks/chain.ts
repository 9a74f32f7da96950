import type { ClsBpf } from './cls-bpf.ts';

/** The filters of one priority in one chain: they share protocol and kind. */
export interface FilterPriority {
  readonly priority: number;
  /** ETH_P_*, in host order. */
  readonly protocol: number;
  /** Newest first, which is also the order in which they run. */
  filters: readonly ClsBpf[];
}

/** The filters that packets run through one after the other: chain 0, and those that actions go to. */
export class Chain {
  readonly index: number;
  /** By ascending priority. */
  priorities: readonly FilterPriority[] = [];
  /** It was asked for, and stays without filters until it is deleted. */
  created = false;
  /** Actions that go to it. */
  gotos = 0;

  constructor(index: number) {
    this.index = index;
  }

  /** What only actions hold is not shown to anybody. */
  get visible(): boolean {
    return this.created || this.priorities.length > 0;
  }
}
