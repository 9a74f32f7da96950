import { type Btf, parseBtf } from './btf.ts';
import { BtfBuilder } from './builder.ts';
import { dedupTypes } from './dedup.ts';
import { mapTypeIds } from './type-ids.ts';
import type { BtfType } from './types.ts';

/**
 * The types of several BTFs that go on from one base, as one that goes on from it: each type once, none that the base has. Throws ObjectError as
 * {@link dedupTypes}.
 */
export function mergeBtf(base: Btf, parts: readonly Btf[]): Btf {
  const types: BtfType[] = Array.from({ length: base.typeCount }, (_, id) => base.type(id));
  for (const part of parts) {
    const moved = types.length - base.typeCount;
    for (let id = base.typeCount; id < part.typeCount; id++)
      types.push(mapTypeIds(part.type(id), (to) => (to < base.typeCount ? to : to + moved)));
  }
  const merged = dedupTypes(types);
  const ids = new Map<number, number>();
  for (const [id, type] of types.slice(0, base.typeCount).entries()) {
    const one = merged.ids[id] ?? 0;
    // A declaration of the base does not stand for the definition of a part.
    if (!ids.has(one) && merged.types[one]?.kind === type.kind) ids.set(one, id);
  }
  const own = [...merged.types.keys()].filter((one) => !ids.has(one));
  for (const [index, one] of own.entries()) ids.set(one, base.typeCount + index);
  const builder = new BtfBuilder(base);
  for (const one of own) {
    const type = merged.types[one];
    if (type !== undefined) builder.add(mapTypeIds(type, (to) => ids.get(to) ?? 0));
  }
  return parseBtf(builder.bytes(), base);
}
