import { ObjectError } from '../errors.ts';
import type { Btf } from './btf.ts';
import { BtfBuilder } from './builder.ts';
import { type CoreRelocation, resolveCore } from './core.ts';
import { CORE_KINDS, type CoreSpec } from './core-spec.ts';
import { mapTypeIds, typeIds } from './type-ids.ts';
import type { BtfType } from './types.ts';

/**
 * How much is kept with a type, as much as is compared when types are matched. `plain`: pointers lead nowhere, structs have the members that something
 * else wants. `pointers`: what they lead to, too. `whole`: also the members of structs, except `behind` pointers, where a name is enough.
 */
type Extent = 'plain' | 'pointers' | 'whole' | 'behind';

type Need = readonly [id: number, extent: Extent];

/**
 * The types of a kernel that the CO-RE relocations of some objects are answered by, and no others: of a struct only the members that are looked at.
 * Relocations get the same answers from it as from the whole.
 *
 * @example
 * const minimal = new CoreTypes(parseBtf(vmlinux));
 * for (const relocation of relocations) minimal.add(btf, relocation);
 * writeFileSync('min.btf', minimal.bytes());
 */
export class CoreTypes {
  readonly #source: Btf;
  readonly #kept = new Map<number, Set<Extent>>();
  /** Indices of the members that are kept, by the id of their struct. */
  readonly #members = new Map<number, Set<number>>();
  readonly #known = new Map<Btf, Set<string>>();

  /** `source`: the types of a kernel. */
  constructor(source: Btf) {
    this.#source = source;
  }

  /** Keeps what answers a relocation of an object with the types `local`. Throws ObjectError as {@link resolveCore}. */
  add(local: Btf, relocation: CoreRelocation): void {
    const known = this.#known.get(local) ?? new Set();
    this.#known.set(local, known);
    const key = `${relocation.kind} ${relocation.typeId} ${relocation.access}`;
    if (known.has(key)) return;
    known.add(key);
    const { found } = resolveCore(local, [this.#source], relocation);
    if (found !== undefined) this.#keep(found);
  }

  /** BTF with what was kept, in the order of the source. */
  bytes(): Uint8Array {
    const ids = [...this.#kept.keys()].sort((a, b) => a - b);
    const renumbered = new Map(ids.map((id, index) => [id, index + 1]));
    const builder = new BtfBuilder();
    for (const id of ids) builder.add(mapTypeIds(this.#reduced(id), (to) => renumbered.get(to) ?? 0));
    return builder.bytes();
  }

  #reduced(id: number): BtfType {
    const type = this.#source.type(id);
    if (type.kind !== 'struct' && type.kind !== 'union') return type;
    const wanted = this.#members.get(id);
    return { ...type, members: type.members.filter((_, index) => wanted?.has(index)) };
  }

  #keep({ kind, rootId, passed }: CoreSpec): void {
    const { of } = CORE_KINDS.find((row) => row.name === kind) ?? { of: 'type' };
    this.#mark(rootId, of !== 'type' ? 'plain' : kind === 'type_matches' ? 'whole' : 'pointers');
    for (const { typeId, index } of passed) this.#markMember(typeId, index);
  }

  #markMember(id: number, index: number): void {
    const type = this.#source.type(id);
    const member = type.kind === 'struct' || type.kind === 'union' ? type.members[index] : undefined;
    if (member === undefined) throw new ObjectError(`type ${id} has no member ${index}`, { section: '.BTF' });
    this.#mark(id, 'plain');
    this.#want(id, index);
    this.#mark(member.typeId, 'plain');
  }

  #want(id: number, index: number): void {
    const wanted = this.#members.get(id) ?? new Set();
    this.#members.set(id, wanted.add(index));
  }

  #mark(root: number, extent: Extent): void {
    const waiting: Need[] = [[root, extent]];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const [id, extent] = next;
      const extents = this.#kept.get(id) ?? new Set();
      if (id === 0 || extents.has(extent)) continue;
      this.#kept.set(id, extents.add(extent));
      for (const need of this.#needs(id, extent)) waiting.push(need);
    }
  }

  /** What a type that is kept needs besides. */
  #needs(id: number, extent: Extent): readonly Need[] {
    const type = this.#source.type(id);
    const parts = extent === 'behind' ? 'whole' : extent;
    switch (type.kind) {
      case 'struct':
      case 'union':
        if (extent !== 'whole') return [];
        for (const index of type.members.keys()) this.#want(id, index);
        return type.members.map(({ typeId }) => [typeId, extent]);
      case 'ptr':
        return extent === 'plain' ? [] : [[type.typeId, extent === 'pointers' ? extent : 'behind']];
      case 'typedef':
      case 'volatile':
      case 'const':
      case 'restrict':
      case 'type_tag':
        return [[type.typeId, extent]];
      default:
        return typeIds(type).map((to) => [to, parts]);
    }
  }
}
