import { roundUpToPowerOfTwo } from '../../../bytes/round.ts';
import { BPF_ANY, BPF_F_ZERO_SEED, mapTypeNumber } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import type { Machine } from '../machine.ts';
import { ACCESS_FLAGS, checkFlags, NUMA_FLAG } from './check.ts';
import { hashKey, keyFactors } from './key.ts';
import { BpfMap, MAP_HEADER_SIZE, type MapAttr, type MapType } from './map.ts';

/** Bytes of Linux's struct bpf_bloom_filter before the bits, for the memlock figure. */
const OVERHEAD = 312;
const MAX_HASHES = 15;
const DEFAULT_HASHES = 5;
const MAX_VALUE = 4 * 1024 * 1024;
const MAX_BITS = 2 ** 31;

/** BPF_MAP_TYPE_BLOOM_FILTER: whether a value was ever put in; it may say yes by mistake, never no. The low 4 bits of map_extra are the number of hashes. */
export const bloomFilter: MapType = {
  name: 'bloom_filter',
  type: mapTypeNumber.bloom_filter,
  checkBtf: (key) => (key === undefined ? 0 : -errno.EINVAL),
  check({ keySize, valueSize, maxEntries, flags, mapExtra }) {
    if (keySize !== 0 || valueSize === 0 || maxEntries === 0 || mapExtra > BigInt(MAX_HASHES)) return -errno.EINVAL;
    return checkFlags(flags, NUMA_FLAG | ACCESS_FLAGS | BPF_F_ZERO_SEED) || (valueSize > MAX_VALUE ? -errno.E2BIG : 0);
  },
  create(machine, attr) {
    const address = machine.memory.alloc(MAP_HEADER_SIZE + bitCount(attr) / 8);
    return address === 0 ? -errno.ENOMEM : new BloomFilter(machine, attr, address);
  },
};

function hashCount({ mapExtra }: MapAttr): number {
  return Number(mapExtra) || DEFAULT_HASHES;
}

/** A power of two, at least 64: seven bits for each five hashes of an entry. */
function bitCount(attr: MapAttr): number {
  const bits = Math.floor((attr.maxEntries * hashCount(attr) * 7) / 5);
  return bits > MAX_BITS ? 2 * MAX_BITS : Math.max(64, roundUpToPowerOfTwo(bits));
}

/**
 * In linear memory the bits follow the header. The type's own fields of the header:
 *
 *      32       36         40
 *     ┌────────┬──────────┬──────────┐
 *     │ bits   │ bits - 1 │ hashes   │
 *     └────────┴──────────┴──────────┘
 */
export class BloomFilter extends BpfMap {
  /** Address. */
  readonly bits: number;
  /** Bits, less one. */
  readonly mask: number;
  /** What each hash multiplies the words of a value by. */
  readonly factors: readonly Int32Array[];

  constructor(machine: Machine, attr: MapAttr, address: number) {
    super(machine, attr, address);
    this.bits = address + MAP_HEADER_SIZE;
    this.mask = bitCount(attr) - 1;
    const seed = (attr.flags & BPF_F_ZERO_SEED) !== 0 ? 0 : machine.random() | 0;
    this.factors = Array.from({ length: hashCount(attr) }, (_, n) => keyFactors(attr.valueSize, seed + n));
    [this.bits, this.mask, this.factors.length].forEach((word, i) => {
      machine.memory.dv.setInt32(address + 32 + 4 * i, word, true);
    });
  }

  override push(value: number, flags: number): number {
    if (flags !== BPF_ANY) return -errno.EINVAL;
    const { u8 } = this.machine.memory;
    for (const factors of this.factors) {
      const bit = this.#bit(value, factors);
      const at = this.bits + Math.floor(bit / 8);
      u8[at] = (u8[at] ?? 0) | (1 << (bit % 8));
    }
    return 0;
  }

  /** Whether the value at `value` may have been put in: 0, else -ENOENT. */
  override peek(value: number): number {
    const { u8 } = this.machine.memory;
    for (const factors of this.factors) {
      const bit = this.#bit(value, factors);
      if (((u8[this.bits + Math.floor(bit / 8)] ?? 0) & (1 << (bit % 8))) === 0) return -errno.ENOENT;
    }
    return 0;
  }
  override pop(_out: number): number {
    return -errno.EOPNOTSUPP;
  }

  lookup(_key: number): number {
    return 0;
  }
  update(_key: number, value: number, flags: number): number {
    return this.push(value, flags);
  }
  delete(_key: number): number {
    return -errno.EOPNOTSUPP;
  }
  nextKey(_key: number, _next: number): number {
    return -errno.EOPNOTSUPP;
  }
  /** The value that is asked for goes in where other maps give theirs. */
  override readonly asksByValue = true;
  copyOut(_key: number, value: number): number {
    return this.peek(value);
  }

  memoryUsage(): number {
    return OVERHEAD + (this.mask + 1) / 8;
  }

  #bit(value: number, factors: Int32Array): number {
    return (hashKey(this.machine.memory.dv, value, this.attr.valueSize, factors) & this.mask) >>> 0;
  }
}
