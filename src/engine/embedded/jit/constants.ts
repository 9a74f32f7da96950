import { BPF_F_RDONLY_PROG } from '../../../uapi/bpf.ts';
import { ArrayMap } from '../maps/array.ts';
import type { BpfMap } from '../maps/map.ts';
import type { Known } from './transfer.ts';

/** What is in those of the maps that nobody can write to any more, as `.rodata` is once an object is loaded. */
export function constantsOf(maps: readonly BpfMap[]): Known['constantAt'] {
  const frozen = maps.filter((map): map is ArrayMap => map.constructor === ArrayMap && isConstant(map));
  return (address, size) => {
    for (const { values, stride, attr, machine } of frozen) {
      if (address < values || address + size > values + stride * attr.maxEntries) continue;
      const { dv } = machine.memory;
      if (size === 8) return { low: dv.getInt32(address, true), high: dv.getInt32(address + 4, true) };
      if (size === 4) return { low: dv.getInt32(address, true), high: 0 };
      return { low: size === 2 ? dv.getUint16(address, true) : dv.getUint8(address), high: 0 };
    }
    return undefined;
  };
}

function isConstant({ frozen, writableMappings, attr }: BpfMap): boolean {
  return frozen && writableMappings === 0 && (attr.flags & BPF_F_RDONLY_PROG) !== 0;
}
