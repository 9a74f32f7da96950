import { expect } from 'vitest';
import { flow } from './flow.ts';

const ONE = 'test/objects/layout_one.o';
const OTHER = 'test/objects/layout_other.o';

flow('two structs of one size and different fields do not share a map without a word', (f) => {
  expect(f.run('plan', ONE, OTHER)).toContain(
    'shared with the one above, /sys/fs/bpf/stats; WARNING: the layout of value. is packets (u32) at 0 there, bytes (u32) at 0 here',
  );
  f.run('prog', 'load', ONE, '/sys/fs/bpf/one');
  expect(f.run('plan', OTHER)).toMatch(/reused: id #?\d+, \/sys\/fs\/bpf\/stats; WARNING/);
  expect(f.run('plan', OTHER, 'strict')).toContain(
    'refused: /sys/fs/bpf/stats has layout of value. packets (u32) at 0, wanted bytes (u32) at 0',
  );
  expect(f.fails(5, 'prog', 'load', OTHER, '/sys/fs/bpf/other', 'strict')).toContain('layout of value');
  // Without `strict` it is a warning, and the map is shared.
  const loaded = f.kernel.skep('prog', 'load', OTHER, '/sys/fs/bpf/other');
  expect([loaded.status, loaded.stderr]).toEqual([
    0,
    expect.stringContaining('warning: map stats is shared, but the layout of value. is packets (u32) at 0 there'),
  ]);
  const ids = ['one', 'other'].map(
    (pin) => JSON.parse(f.ask('-j', 'prog', 'show', 'pinned', `/sys/fs/bpf/${pin}`)).map_ids,
  );
  expect(ids[0]).toEqual(ids[1]);
});

flow('what the plan says is what loading does', (f) => {
  // Maps: from_tc (pinned for all by its definition), from_libbpf and from_btf (private). On Linux other tests have maps too, but none of these names.
  const mixed = 'test/objects/mixed.o';
  const map = (pin: string, index: number): number =>
    JSON.parse(f.ask('-j', 'prog', 'show', 'pinned', `/sys/fs/bpf/${pin}`)).map_ids[index];
  const fates = (...words: string[]): string[] =>
    JSON.parse(f.ask('-j', 'plan', ...words)).map((row: { fate: string }) => row.fate);
  const mine = ['pin', 'from_btf=/sys/fs/bpf/mine'];

  expect(fates(mixed, mixed)).toEqual(['new', 'new', 'new', 'reused', 'duplicate', 'duplicate']);
  expect(fates(mixed, mixed, ...mine, 'share', 'from_libbpf')).toEqual([
    'new',
    'new',
    'new',
    'reused',
    'reused',
    'reused',
  ]);
  expect(fates(mixed, mixed, 'isolate', 'from_tc')).toEqual([
    'new',
    'new',
    'new',
    'duplicate',
    'duplicate',
    'duplicate',
  ]);
  f.run('plan', mixed, mixed, ...mine);
  f.run('plan', mixed, mixed, 'format', 'mermaid');
  f.run('plan', mixed, mixed, 'format', 'dot');

  f.run('prog', 'load', mixed, '/sys/fs/bpf/a', ...mine, 'share', 'from_libbpf');
  expect(fates(mixed, ...mine, 'share', 'from_libbpf')).toEqual(['reused', 'reused', 'reused']);
  f.run('prog', 'load', mixed, '/sys/fs/bpf/b', ...mine, 'share', 'from_libbpf');
  expect([0, 1, 2].map((i) => map('a', i) === map('b', i))).toEqual([true, true, true]);
  expect(fates(mixed)).toEqual(['reused', 'duplicate', 'duplicate']);
  f.run('prog', 'load', mixed, '/sys/fs/bpf/c');
  expect([0, 1, 2].map((i) => map('a', i) === map('c', i))).toEqual([true, false, false]);
  expect(fates(mixed, 'isolate', 'from_tc')).toEqual(['duplicate', 'duplicate', 'duplicate']);
  f.run('prog', 'load', mixed, '/sys/fs/bpf/d', 'isolate', 'from_tc');
  expect([0, 1, 2].map((i) => map('a', i) === map('d', i))).toEqual([false, false, false]);
  expect(f.fails(2, 'plan', mixed, 'isolate', 'nobody')).toContain(
    'has no map nobody (option isolate); it has from_tc, from_libbpf and from_btf',
  );
});
