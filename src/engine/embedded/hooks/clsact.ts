import type { Direction } from '../../../sys/lab.ts';
import { TC_H_CLSACT_EGRESS, TC_H_CLSACT_INGRESS } from '../../../uapi/netlink.ts';
import { FilterBlock } from './filter-block.ts';

/** The qdisc `clsact`, or the older `ingress`, which has only the one direction. It queues nothing: it holds a device's filters. */
export class Clsact {
  readonly kind: 'clsact' | 'ingress';
  readonly ingress = new FilterBlock();
  readonly egress = new FilterBlock();

  constructor(kind: 'clsact' | 'ingress') {
    this.kind = kind;
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
    this.ingress.clear();
    this.egress.clear();
  }
}
