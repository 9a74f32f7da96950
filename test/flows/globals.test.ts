import { expect } from 'vitest';
import { flow, frame } from './flow.ts';

const TEMPLATE = ['bpf', 'da', 'obj', 'examples/globals/template.bpf.o', 'sec', 'tc'];

flow('globals: one object file, loaded with different values and swapped', (f) => {
  f.run('ip', 'link', 'add', 'a0', 'type', 'veth', 'peer', 'name', 'a1');
  f.run('ip', 'link', 'set', 'a0', 'up');
  f.run('ip', 'link', 'set', 'a1', 'up');
  f.run('tc', 'qdisc', 'add', 'dev', 'a0', 'clsact');
  const at = ['dev', 'a0', 'egress', 'prio', '1', 'handle', '1', 'protocol', 'all'];
  f.run('tc', 'filter', 'add', ...at, ...TEMPLATE, 'set', 'mark=7', 'set', 'limit=3');

  /** The program of the filter, and its maps by name. */
  const look = () => {
    const [{ options }] = JSON.parse(f.ask('-j', 'tc', 'filter', 'get', ...at, 'bpf'));
    const program: { id: number; map_ids: number[] } = JSON.parse(
      f.ask('-j', 'prog', 'show', 'id', String(options.prog.id)),
    );
    const maps = program.map_ids.map((id): { id: number; name: string; frozen: number } =>
      JSON.parse(f.ask('-j', 'map', 'show', 'id', String(id))),
    );
    return {
      program,
      id: (section: string) => String(maps.find((map) => map.name === `template${section}`)?.id),
      maps,
    };
  };
  const first = look();
  expect(first.maps.map((map) => map.name).sort()).toEqual(['template.bss', 'template.data', 'template.rodata']);
  expect(first.maps.filter((map) => map.frozen === 1).map((map) => map.name)).toEqual(['template.rodata']);

  // Three maps with libbpf's names, read through BTF; .rodata is frozen.
  expect(f.run('map', 'dump', 'id', first.id('.rodata'))).toContain('"mark": 7');
  expect(f.run('map', 'dump', 'id', first.id('.data'))).toContain('"limit": 3');
  const refused = f.fails(
    1,
    'map',
    'update',
    'id',
    first.id('.rodata'),
    'key',
    '0',
    '0',
    '0',
    '0',
    'value',
    '1',
    '0',
    '0',
    '0',
  );
  expect(refused).toContain('Operation not permitted');
  const xlated = f.ask('prog', 'dump', 'xlated', 'id', String(first.program.id));
  for (const [section, offset] of [
    ['.data', 0],
    ['.bss', 0],
    ['.bss', 8],
    ['.rodata', 0],
  ] as const) {
    expect(xlated).toContain(`= map[id:${first.id(section)}][0]+${offset}`);
  }

  // Five packets, of which the program lets three through.
  for (let i = 0; i < 5; i++) f.run('net', 'send', 'a0', 'egress', '--hex', frame());
  expect(f.run('map', 'dump', 'id', first.id('.bss'))).toMatch(/"packets": 3\s+\},\{\s+"bytes": 192/);

  // The same file with another value takes the place of the first; nobody holds the first one's maps any more.
  f.run('tc', 'filter', 'replace', ...at, ...TEMPLATE, 'set', 'mark=9');
  const second = look();
  expect(f.run('map', 'dump', 'id', second.id('.rodata'))).toContain('"mark": 9');
  expect(f.run('map', 'dump', 'id', second.id('.bss'))).toContain('"packets": 0');
  for (const section of ['.rodata', '.data', '.bss']) f.fails(1, 'map', 'show', 'id', first.id(section));
  f.run('tc', 'filter', 'show', 'dev', 'a0', 'egress');

  // A value that does not fit, and a name that is not there: nothing is loaded, the filter stays.
  expect(f.fails(2, 'tc', 'filter', 'replace', ...at, ...TEMPLATE, 'set', 'mark=-1')).toContain(
    'global mark: -1 does not fit in',
  );
  expect(f.fails(2, 'tc', 'filter', 'replace', ...at, ...TEMPLATE, 'set', 'nobody=1')).toContain(
    'it has mark, limit, packets and bytes',
  );
  expect(look().program.id).toBe(second.program.id);
});

flow('a swap under traffic: every packet meets one version', async (f) => {
  f.run('ip', 'link', 'add', 'a0', 'type', 'veth', 'peer', 'name', 'a1');
  f.run('ip', 'link', 'set', 'a0', 'up');
  f.run('ip', 'link', 'set', 'a1', 'up');
  f.run('tc', 'qdisc', 'add', 'dev', 'a0', 'clsact');
  const filter = [
    'dev',
    'a0',
    'egress',
    'prio',
    '1',
    'handle',
    '1',
    'bpf',
    'da',
    'obj',
    'test/objects/swap.o',
    'sec',
    'tc',
  ];
  f.run('tc', 'filter', 'add', ...filter, 'set', 'version=0');
  const packets = 4000;
  const traffic = f.kernel.start('net', 'send', 'a0', 'egress', '--hex', frame(), 'repeat', String(packets));
  let version = 1;
  while (traffic.child.exitCode === null && version < 8) {
    f.kernel.ok('tc', 'filter', 'replace', ...filter, 'set', `version=${version}`);
    version++;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(await traffic.ended).toBe(0);
  const entries: { formatted: { value: number } }[] = JSON.parse(
    f.ask('-j', 'map', 'dump', 'pinned', '/sys/fs/bpf/tc/globals/seen'),
  );
  const seen = entries.map((entry) => entry.formatted.value);
  expect(seen.reduce((sum, n) => sum + n, 0)).toBe(packets);
});
