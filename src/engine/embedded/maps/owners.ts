/** A map in which objects have values. */
export interface OwnedValues {
  /** Takes the values of an owner away. 0, or -ENOENT if there are none. */
  remove(owner: object): number;
}

/** The maps that have a value of an owner. */
const mapsOf = new WeakMap<object, Set<OwnedValues>>();

export function addOwner(owner: object, map: OwnedValues): void {
  mapsOf.set(owner, (mapsOf.get(owner) ?? new Set()).add(map));
}
export function dropOwner(owner: object, map: OwnedValues): void {
  mapsOf.get(owner)?.delete(map);
}

/** An owner ends: its values in all maps end with it. Who makes owners calls this. */
export function endStorages(owner: object): void {
  for (const map of mapsOf.get(owner) ?? []) map.remove(owner);
}
