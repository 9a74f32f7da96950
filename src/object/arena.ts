import { ObjectError } from '../errors.ts';
import { isArenaData, type ObjectFile } from './file.ts';
import type { ArenaSpec, MapSpec } from './spec.ts';

/** The `__arena` variables of an object, which are in its map of type arena. `undefined` if there are none. Throws ObjectError if there is no such map, or several. */
export function arenaSpec({ elf, btf }: ObjectFile, maps: readonly MapSpec[]): ArenaSpec | undefined {
  const section = elf.sections.find(isArenaData);
  const [arena, other] = maps.filter(({ type }) => type === 'arena');
  if (arena !== undefined && other !== undefined)
    throw new ObjectError(`maps ${arena.name} and ${other.name} are both arenas; an object has one`);
  if (section === undefined) return undefined;
  if (arena !== undefined)
    return { map: arena.name, data: section.data.slice(), typeId: btf?.find('datasec', section.name) ?? 0 };
  throw new ObjectError('its variables need a map of type arena, which the object does not define', {
    section: section.name,
  });
}
