import { FilterBlock } from './filter-block.ts';

/** The filter blocks of a network that have a number, by which several hooks share them. */
export class SharedBlocks {
  readonly #byIndex = new Map<number, { readonly block: FilterBlock; holders: number }>();

  find(index: number): FilterBlock | undefined {
    return this.#byIndex.get(index)?.block;
  }

  /** The block of that number, made if it is not there; 0: one of the caller's own. Give it back with {@link SharedBlocks.release}. */
  hold(index: number): FilterBlock {
    if (index === 0) return new FilterBlock();
    const held = this.#byIndex.get(index) ?? { block: new FilterBlock(index), holders: 0 };
    held.holders++;
    this.#byIndex.set(index, held);
    return held.block;
  }

  /** The last who does takes the filters along. */
  release(block: FilterBlock): void {
    const held = this.#byIndex.get(block.index);
    if (held !== undefined && --held.holders > 0) return;
    this.#byIndex.delete(block.index);
    block.clear();
  }
}
