import { expect, it } from 'vitest';
import { IdTable } from './ids.ts';

it('IdTable: ids grow, are not used again, and are walked in order', () => {
  const table = new IdTable<string>();
  expect(['a', 'b', 'c'].map((name) => table.add(name))).toEqual([1, 2, 3]);
  table.remove(2);
  table.remove(2);
  expect(table.add('d')).toBe(4);
  expect([...table.values()]).toEqual(['a', 'c', 'd']);
  expect([table.next(0), table.next(1), table.next(3), table.next(4), table.next(-5)]).toEqual([1, 3, 4, undefined, 1]);
  expect([table.get(2), table.get(3), table.size]).toEqual([undefined, 'c', 3]);
});
