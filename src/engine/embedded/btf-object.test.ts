import { expect, it } from 'vitest';
import { BtfBuilder, parseBtf } from '../../btf/index.ts';
import { BtfObject } from './btf-object.ts';
import { Machine } from './machine.ts';

it('reads types when they are asked for, once', () => {
  let reads = 0;
  const bytes = new BtfBuilder().bytes();
  const object = new BtfObject(new Machine(), () => {
    reads++;
    return { bytes, btf: parseBtf(bytes) };
  });
  expect([object.id, object.name, reads]).toEqual([2, '', 0]); // the kernel's own are the first
  expect(object.btf).toBe(object.btf);
  expect([object.bytes, reads]).toEqual([bytes, 1]);
});

it('looks at what is brought along when the machine is made', () => {
  expect(() => new Machine({ btf: Uint8Array.of(1, 2, 3) })).toThrow(expect.objectContaining({ name: 'ObjectError' }));
  expect(() => new Machine({ declarations: ['struct x { nonsense y; }'] })).toThrow(
    expect.objectContaining({ name: 'UsageError' }),
  );
});
