import type { TcHook } from '../../../net/index.ts';
import type { FilterBlock } from '../hooks/filter-block.ts';
import { fail } from './fail.ts';
import type { Network } from './network.ts';

const MAX_CHAIN = 0x0fff_ffff;

/** The filters that a request works on. Throws SysError: ENODEV, EINVAL, ENOENT, EOPNOTSUPP. */
export function findBlock(network: Network, { ifindex, parent, block }: TcHook): FilterBlock {
  if (block !== undefined) return network.blocks.find(block) ?? fail('EINVAL', 'Block of given index was not found');
  const device = network.device(ifindex) ?? fail('ENODEV');
  if (parent === 0) fail('EINVAL', 'Qdisc not classful'); // that of the root, where there are only queues
  const isClsact = parent >>> 16 === 0xffff;
  if (!isClsact || !device.qdisc) fail('EINVAL', "Parent Qdisc doesn't exists");
  const found =
    device.qdisc.blockOf(parent) ??
    ((parent & 0xffff) === 0 ? fail('EINVAL') : fail('ENOENT', "Specified class doesn't exist"));
  if (found.index !== 0)
    fail('EOPNOTSUPP', 'This filter block is shared. Please use the block index to manipulate the filters');
  return found;
}

/** As {@link findBlock}, for dumps: what is not there has no filters, and shared ones are shown too. */
export function findBlockToDump(network: Network, { ifindex, parent, block }: TcHook): FilterBlock | undefined {
  if (block !== undefined) return network.blocks.find(block);
  return parent === 0 ? undefined : network.device(ifindex)?.qdisc?.blockOf(parent);
}

/** How answers name the place of what is in a block: shared ones by their number, whatever the request said. */
export function hookOf({ index }: FilterBlock, asked: TcHook): TcHook {
  return index === 0 ? { ifindex: asked.ifindex, parent: asked.parent } : { ifindex: 0, parent: 0, block: index };
}

export function checkedChain(chain = 0): number {
  return chain > MAX_CHAIN ? fail('EINVAL', 'Specified chain index exceeds upper limit') : chain;
}
