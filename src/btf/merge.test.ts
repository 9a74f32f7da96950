import { describe, expect, it } from 'vitest';
import { parseBtf } from './btf.ts';
import { BtfBuilder } from './builder.ts';
import { mergeBtf } from './merge.ts';
import type { BtfType } from './types.ts';

const INT: BtfType = { kind: 'int', name: 'int', size: 4, bits: 32, bitOffset: 0, encoding: 'signed' };

function struct(name: string, typeId: number): BtfType {
  return { kind: 'struct', name, size: 8, members: [{ name: 'x', typeId, bitOffset: 0, bitSize: 0 }] };
}

function btf(base: ReturnType<typeof parseBtf> | undefined, ...types: readonly BtfType[]) {
  const builder = new BtfBuilder(base);
  for (const type of types) builder.add(type);
  return parseBtf(builder.bytes(), base);
}

describe('mergeBtf', () => {
  const base = btf(
    undefined,
    INT,
    struct('a', 1),
    { kind: 'fwd', name: 'f', of: 'struct' },
    { kind: 'ptr', name: '', typeId: 3 },
  );

  function merged(...parts: readonly (readonly BtfType[])[]): BtfType[] {
    const all = mergeBtf(
      base,
      parts.map((part) => btf(base, ...part)),
    );
    expect(all.base).toBe(base);
    return Array.from({ length: all.typeCount - base.typeCount }, (_, i) => all.type(base.typeCount + i));
  }

  it('leaves out what the base has', () => {
    expect(merged([INT, struct('a', 5), struct('b', 6)])).toEqual([struct('b', 2)]);
  });

  it('keeps once what several parts have', () => {
    expect(merged([struct('b', 1), struct('c', 5)], [struct('c', 6), struct('b', 1)])).toEqual([
      struct('b', 1),
      struct('c', 5),
    ]);
  });

  it('keeps a definition of what the base only declares', () => {
    expect(merged([struct('f', 1), { kind: 'ptr', name: '', typeId: 5 }])).toContainEqual(struct('f', 1));
  });

  it('keeps apart what has one name and is not the same', () => {
    expect(merged([struct('b', 1)], [struct('b', 2)])).toEqual([struct('b', 1), struct('b', 2)]);
  });

  it('is empty of nothing', () => {
    expect(merged([])).toEqual([]);
  });
});
