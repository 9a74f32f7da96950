import { BPF_ADD, BPF_AND, BPF_CMPXCHG, BPF_FETCH, BPF_OR, BPF_XCHG, BPF_XOR } from '../../../isa/index.ts';

/**
 * An atomic instruction on `size` bytes at `address`, which the caller has checked. `operation` is its `imm`; the operand is register `source`,
 * which gets the old value where the operation fetches (cmpxchg: r0). Nothing else runs between reading and writing. False: no such operation.
 */
export function atomicUpdate(
  view: DataView,
  address: number,
  size: 4 | 8,
  operation: number,
  low: Int32Array,
  high: Int32Array,
  source: number,
): boolean {
  const old = view.getInt32(address, true);
  const oldHigh = size === 8 ? view.getInt32(address + 4, true) : 0;
  const b = low[source] ?? 0;
  const bh = high[source] ?? 0;
  let value = b;
  let valueHigh = bh;
  let fetchInto = operation & BPF_FETCH ? source : -1;
  switch (operation) {
    case BPF_ADD:
    case BPF_ADD | BPF_FETCH:
      value = (old + b) | 0;
      valueHigh = (oldHigh + bh + (value >>> 0 < old >>> 0 ? 1 : 0)) | 0;
      break;
    case BPF_OR:
    case BPF_OR | BPF_FETCH:
      value = old | b;
      valueHigh = oldHigh | bh;
      break;
    case BPF_AND:
    case BPF_AND | BPF_FETCH:
      value = old & b;
      valueHigh = oldHigh & bh;
      break;
    case BPF_XOR:
    case BPF_XOR | BPF_FETCH:
      value = old ^ b;
      valueHigh = oldHigh ^ bh;
      break;
    case BPF_XCHG:
      break;
    case BPF_CMPXCHG: {
      const same = old === low[0] && (size === 4 || oldHigh === high[0]);
      if (!same) {
        value = old;
        valueHigh = oldHigh;
      }
      fetchInto = 0;
      break;
    }
    default:
      return false;
  }
  view.setInt32(address, value, true);
  if (size === 8) view.setInt32(address + 4, valueHigh, true);
  if (fetchInto >= 0) {
    low[fetchInto] = old;
    high[fetchInto] = oldHigh;
  }
  return true;
}
