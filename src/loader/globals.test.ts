import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createEmbeddedKernel } from '../engine/embedded/index.ts';
import { type BpfObject, load, openObject } from './index.ts';

const bytes = readFileSync(join(resolve(import.meta.dirname, '../..'), 'test/objects/types.o'));
const open = () => openObject(bytes, { file: 'types.o' });

/** What the tests expect `shape` to be; test/objects/types.c says where it comes from. */
const shape = (object: BpfObject) => object.globals.shape as Record<string, unknown>;

describe('a part of a global', () => {
  it('is set, and the rest stays', () => {
    const object = open();
    const before = shape(object);
    object.setGlobal('shape.at[1].x', 77);
    object.setGlobal('shape.color', 'GREEN');
    object.setGlobal('shape.low', 2);
    object.setGlobal('shape.bytes[3]', 255);
    object.setGlobal('shape.name', 'ball');
    object.setGlobal('numbers[2]', 10);
    object.setGlobal('u8v', 1);
    expect(shape(object)).toEqual({
      ...before,
      at: [
        { x: 1, y: -2 },
        { x: 77, y: 4 },
      ],
      color: 'GREEN',
      low: 2,
      number: 0xff020304,
      bytes: [4, 3, 2, 255],
      name: 'ball',
    });
    expect(object.globals.numbers).toEqual([7, 8, 10]);
    expect(object.globals.u8v).toBe(1);
    using loaded = load(createEmbeddedKernel().kernel, object);
    expect(loaded.globals.shape).toEqual(shape(object));
  });

  it.each([
    ['shape.size', 1, 'global shape.size: there is no such member; there is color, at, low, high, name, next'],
    ['shape.at[2].x', 1, 'global shape.at[2]: the array has 2 elements'],
    ['shape.at[1].z', 1, 'global shape.at[1].z: there is no such member; there is x, y'],
    ['shape.low.x', 1, 'global shape.low: it is a bit-field, it has no parts'],
    ['shape.at.x', 1, 'global shape.at.x: it is no struct, it has no members'],
    ['u8v[0]', 1, 'global u8v[0]: it is no array'],
    ['u8v', 300, 'global u8v: 300 does not fit'],
    ['shape.bytes[0]', 300, 'global shape.bytes[0]: 300 does not fit'],
    ['shape.', 1, 'global shape.: .member or [index] is expected'],
    ['nothing.x', 1, 'types.o has no global variable nothing: it has'],
  ])('%s = %s is refused', (path, value, message) => {
    const object = open();
    const before = object.toSpec();
    expect(() => object.setGlobal(path, value)).toThrow(message);
    expect(object.toSpec()).toEqual(before);
  });
});
