import { describe, expect, it } from 'vitest';
import { objectBytes } from '../../test/support/objects.ts';
import { createEmbeddedKernel } from '../engine/embedded/index.ts';
import { ObjectError } from '../errors.ts';
import { load } from '../loader/load.ts';
import { arenaSpec } from './arena.ts';
import { readObjectFile } from './file.ts';
import { parseObject } from './parse.ts';

const bytes = objectBytes('test/objects/arena.o');

describe('variables in an arena', () => {
  const spec = parseObject(bytes, { file: 'arena.o' });

  it('are told with their map', () => {
    expect(spec.arena).toMatchObject({ map: 'arena' });
    expect(spec.arena?.data.length).toBeGreaterThanOrEqual(4 + 4 * 8 + 8);
    expect(spec.notes).toEqual([]);
  });

  it('are what instructions refer to, by their place in the section', () => {
    const offsets = spec.programs.flatMap(({ references }) =>
      references.map(({ map, valueOffset }) => ({ map, valueOffset })),
    );
    expect(new Set(offsets.map(({ map }) => map))).toEqual(new Set(['arena']));
    expect(offsets.every(({ valueOffset }) => valueOffset !== undefined)).toBe(true);
  });

  it('need one arena', () => {
    const file = readObjectFile(bytes);
    expect(() => arenaSpec(file, [])).toThrow(ObjectError);
    expect(() => arenaSpec(file, [])).toThrow('section .addr_space.1: its variables need a map of type arena');
    const twice = [...spec.maps, ...spec.maps.map((map) => ({ ...map, name: 'other' }))];
    expect(() => arenaSpec(file, twice)).toThrow('maps arena and other are both arenas');
  });

  it('are not for a kernel without so much memory, which says so', () => {
    const { kernel } = createEmbeddedKernel();
    const large = { ...spec, maps: spec.maps.map((map) => ({ ...map, maxEntries: 2 ** 20 })) };
    expect(() => load(kernel, large)).toThrow(expect.objectContaining({ code: 'ENOMEM' }));
    expect(() => load(kernel, large)).toThrow('1048576 pages of an arena have no room');
  });
});
