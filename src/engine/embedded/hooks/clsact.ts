import type { Direction } from '../../../sys/lab.ts';
import { TC_H_CLSACT_EGRESS, TC_H_CLSACT_INGRESS } from '../../../uapi/netlink.ts';
import type { FilterBlock } from './filter-block.ts';
import type { SharedBlocks } from './shared-blocks.ts';

/** The qdisc `clsact`, or the older `ingress`, which has only the one direction. It queues nothing: it holds a device's filters. */
export class Clsact {
  readonly kind: 'clsact' | 'ingress';
  readonly ingress: FilterBlock;
  readonly egress: FilterBlock;
  readonly #shared: SharedBlocks;

  /** `blocks`: numbers of shared blocks, 0 for one of its own. */
  constructor(
    kind: 'clsact' | 'ingress',
    shared: SharedBlocks,
    blocks: Readonly<Record<Direction, number>> = { ingress: 0, egress: 0 },
  ) {
    this.kind = kind;
    this.#shared = shared;
    this.ingress = shared.hold(blocks.ingress);
    this.egress = shared.hold(blocks.egress);
  }

  block(direction: Direction): FilterBlock {
    return direction === 'ingress' ? this.ingress : this.egress;
  }

  /** The block that a filter's parent names. `undefined`: there is no such class. */
  blockOf(parent: number): FilterBlock | undefined {
    // On an `ingress` qdisc every minor number means the same block.
    if (this.kind === 'ingress' || parent === TC_H_CLSACT_INGRESS) return this.ingress;
    return parent === TC_H_CLSACT_EGRESS ? this.egress : undefined;
  }

  destroy(): void {
    this.#shared.release(this.ingress);
    this.#shared.release(this.egress);
  }
}
