import type { Btf } from '../../../btf/index.ts';
import type { LinearMemory } from '../memory.ts';

/** Bytes. No struct that a program is shown is larger; a BTF that says so is not believed. */
const MAX_SIZE = 65536;

type Place = readonly [offset: number, size: number];

/** A struct of the kernel as its BTF lays it out, whoever made that: where programs look for its members. */
export class KernelStruct {
  /** Bytes. 0: the BTF does not have it, or not in a size that can be. */
  readonly size: number;
  readonly #places = new Map<string, Place>();

  constructor(btf: Btf, name: string) {
    const id = btf.find('struct', name);
    const size = id === undefined ? 0 : btf.size(id);
    this.size = size > MAX_SIZE ? 0 : size;
    if (id !== undefined && this.size > 0) this.#add(btf, id, 0, 0);
  }

  has(member: string): boolean {
    return this.#places.has(member);
  }

  /** Bytes from the start of the struct. */
  place(member: string): number | undefined {
    return this.#places.get(member)?.[0];
  }

  /** Members that the struct does not have are passed over; texts are cut to fit, with a NUL. `address`: of zeroed memory. */
  write(
    memory: LinearMemory,
    address: number,
    values: Readonly<Record<string, number | bigint | string | Uint8Array>>,
  ): void {
    for (const [name, value] of Object.entries(values)) {
      const [offset, size] = this.#places.get(name) ?? [0, 0];
      if (offset + size > this.size) continue;
      const bytes = typeof value === 'object' ? value : typeof value === 'string' ? text(value, size) : word(value);
      memory.u8.set(bytes.subarray(0, size), address + offset);
    }
  }

  /** Members of anonymous structs and unions count as those of the struct around them. */
  #add(btf: Btf, id: number, start: number, depth: number): void {
    const type = btf.type(id);
    if ((type.kind !== 'struct' && type.kind !== 'union') || depth > 8) return;
    for (const { name, typeId, bitOffset, bitSize } of type.members) {
      const offset = start + bitOffset / 8;
      if (name === '') this.#add(btf, typeId, offset, depth + 1);
      else if (bitSize === 0 && !this.#places.has(name)) this.#places.set(name, [offset, btf.size(typeId)]);
    }
  }
}

function text(value: string, size: number): Uint8Array {
  return new TextEncoder().encode(value).subarray(0, Math.max(size - 1, 0));
}

function word(value: number | bigint): Uint8Array {
  return new Uint8Array(BigUint64Array.of(BigInt.asUintN(64, BigInt(value))).buffer);
}
