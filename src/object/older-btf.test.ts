import { describe, expect, it } from 'vitest';
import { objectBytes } from '../../test/support/objects.ts';
import { BtfBuilder, type BtfType, parseBtf } from '../btf/index.ts';
import { BTF_FEATURES, type BtfFeature, olderBtf } from './older-btf.ts';
import { parseObject } from './parse.ts';

const INT: BtfType = { kind: 'int', name: 'int', size: 4, bits: 32, bitOffset: 0, encoding: 'signed' };
const BYTE: BtfType = { kind: 'int', name: '', size: 1, bits: 8, bitOffset: 0, encoding: 'none' };
const CALLED = { kind: 'var', name: 'x', typeId: 1, linkage: 0 } as const;
const VALUES = [-1n, 1n].map((value, i) => ({ name: `V${i}`, value }));

// biome-ignore format: aligned table
const CASES: readonly (readonly [BtfFeature, given: readonly BtfType[], want: readonly BtfType[]])[] = [
  ['float',       [{ kind: 'float', name: 'double', size: 8 }],                    [{ kind: 'struct', name: '', size: 8, members: [] }]],
  ['decl_tag',    [{ kind: 'decl_tag', name: 'tag', typeId: 1, component: -1 }],   [{ ...BYTE, name: 'tag' }]],
  ['type_tag',    [{ kind: 'type_tag', name: 'tag', typeId: 1 }],                  [{ kind: 'const', name: '', typeId: 1 }]],
  ['signed_enum', [{ kind: 'enum', name: 'e', size: 4, signed: true, values: VALUES }],
                  [{ kind: 'enum', name: 'e', size: 4, signed: false, values: [{ name: 'V0', value: 0xffffffffn }, { name: 'V1', value: 1n }] }]],
  ['enum64',      [{ kind: 'enum64', name: 'e', size: 8, signed: true, values: VALUES }],
                  [{ kind: 'union', name: 'e', size: 8, members: ['V0', 'V1'].map((name) => ({ name, typeId: 3, bitOffset: 0, bitSize: 0 })) }, BYTE]],
  ['section_name', [CALLED, { kind: 'datasec', name: '?.x', size: 4, variables: [{ typeId: 2, offset: 0, size: 4 }] }],
                   [CALLED, { kind: 'datasec', name: '_.x', size: 4, variables: [{ typeId: 2, offset: 0, size: 4 }] }]],
  ['section_name', [CALLED, { kind: 'datasec', name: '1/a.b_9 -', size: 4, variables: [{ typeId: 2, offset: 0, size: 4 }] }],
                   [CALLED, { kind: 'datasec', name: '__a.b_9__', size: 4, variables: [{ typeId: 2, offset: 0, size: 4 }] }]],
];

describe('BTF for a kernel that does not take', () => {
  it.each(CASES)('%s', (feature, given, want) => {
    const builder = new BtfBuilder();
    for (const type of [INT, ...given]) builder.add(type);
    const bytes = builder.bytes();
    const before = bytes.slice();
    const older = parseBtf(olderBtf(bytes, new Set([feature])));
    expect([...older.ownIds()].map((id) => older.type(id))).toEqual([INT, ...want]);
    expect(bytes).toEqual(before);
    const others = new Set((Object.keys(BTF_FEATURES) as BtfFeature[]).filter((one) => one !== feature));
    const same = parseBtf(olderBtf(bytes, others));
    expect(given.map((_, i) => same.type(i + 2))).toEqual(given);
  });

  it.each(['test/objects/types.o', 'test/objects/struct_ops.o', 'test/objects/types_be.o'])(
    'anything of %s',
    (file) => {
      const { btf } = parseObject(objectBytes(file));
      const all = new Set(Object.keys(BTF_FEATURES) as BtfFeature[]); // keys of the table
      const older = btf && parseBtf(olderBtf(btf.bytes, all));
      for (const id of btf?.ownIds() ?? []) {
        const [was, is] = [btf?.type(id), older?.type(id)];
        expect(all.has(is?.kind as BtfFeature)).toBe(false);
        if (was?.kind !== 'decl_tag' && was !== undefined && 'size' in was)
          expect(is).toMatchObject({ size: was.size });
        if (was?.kind === 'struct') expect(is).toEqual(was);
      }
      expect(older?.typeCount).toBe((btf?.typeCount ?? 0) + 1);
    },
  );
});
