import { expect } from 'vitest';
import { flow } from './flow.ts';

const TEMPLATE = 'examples/globals/template.bpf.o';

flow('pins of internal maps are named as by bpftool', (f) => {
  f.run('prog', 'loadall', TEMPLATE, '/sys/fs/bpf/p', 'type', 'tc', 'pinmaps', '/sys/fs/bpf/maps');
  expect(f.run('fs', 'ls', '/sys/fs/bpf/maps').replace(/ .*/g, '').trim().split('\n').sort()).toEqual([
    'template_bss',
    'template_data',
    'template_rodata',
  ]);
  // Into a directory, as mv does.
  f.run('fs', 'mv', '/sys/fs/bpf/p/template', '/sys/fs/bpf/maps/');
  f.run('fs', 'rm', '/sys/fs/bpf/p');
  f.run('fs', 'mv', '/sys/fs/bpf/maps', '/sys/fs/bpf/p');
  f.run('fs', 'mkdir', '/sys/fs/bpf/a/b/');
  f.run('fs', 'tree', '/sys/fs/bpf/a');
  f.run('fs', 'ls', '/sys/fs/bpf/p');
  f.run('prog', 'show', 'pinned', '/sys/fs/bpf/p/template');
});

flow('what is lacking, and where', (f) => {
  expect(f.fails(6, 'prog', 'loadall', 'test/objects/calls_be.o', '/sys/fs/bpf/be')).toContain(
    'test/objects/calls_be.o: loading a big-endian object into a little-endian kernel is not supported; compile it with -target bpfel',
  );
  // Its maps are named in no transcript: other tests may have maps of the same names on Linux.
  expect(f.ask('plan', 'test/objects/mixed_be.o')).toContain('from_tc');
  expect(f.run('plan', 'test/objects/types_be.o')).toContain('.rodata');
});

flow('a program keeps the time of its load', async (f) => {
  f.run('prog', 'load', TEMPLATE, '/sys/fs/bpf/p', 'type', 'tc');
  const loadedAt = (): number => JSON.parse(f.ask('-j', 'prog', 'show', 'pinned', '/sys/fs/bpf/p')).loaded_at;
  const first = loadedAt();
  expect(Math.abs(first - Date.now() / 1000)).toBeLessThan(30);
  await new Promise((resolve) => setTimeout(resolve, 2500));
  // The clocks are read one after the other.
  expect(Math.abs(loadedAt() - first)).toBeLessThanOrEqual(1);
});

flow('the words and the lines of tc and bpftool', (f) => {
  for (const device of ['a', 'b'])
    f.run('ip', 'link', 'add', `${device}0`, 'type', 'veth', 'peer', 'name', `${device}1`);
  f.run('tc', 'qdisc', 'add', 'dev', 'a0', 'clsact');
  f.run('tc', 'qdisc', 'add', 'dev', 'b0', 'ingress', 'handle', 'ffff:');
  f.run('tc', 'qdisc', 'add', 'dev', 'b1', 'handle', 'ffff:', 'ingress');
  f.run('tc', 'qdisc', 'del', 'dev', 'b1', 'handle', 'ffff:', 'ingress');
  expect(f.fails(2, 'tc', 'qdisc', 'add', 'dev', 'b1', 'handle', '1:', 'ingress')).toContain('is always ffff:');
  expect(f.run('tc', 'qdisc')).toBe(f.ask('tc', 'qdisc', 'show'));

  f.run('prog', 'loadall', TEMPLATE, '/sys/fs/bpf/p', 'type', 'tc', 'pinmaps', '/sys/fs/bpf/maps');
  const rodata = ['pinned', '/sys/fs/bpf/maps/template_rodata'];
  expect(f.run('map', 'dump', ...rodata)).toBe(
    `[{
        "value": {
            ".rodata": [{
                    "mark": 1
                }
            ]
        }
    }
]
`,
  );
  const [entry] = JSON.parse(f.ask('-j', 'map', 'dump', ...rodata));
  expect(entry.formatted).toEqual({ value: { '.rodata': [{ mark: 1 }] } });
  expect(JSON.parse(f.ask('-j', 'map', 'lookup', ...rodata, 'key', '0', '0', '0', '0')).formatted).toEqual(
    entry.formatted,
  );

  const add = ['tc', 'filter', 'add', 'dev', 'a0', 'egress'];
  const program = ['bpf', 'da', 'pinned', '/sys/fs/bpf/p/template'];
  f.run(...add, 'protocol', '2048', ...program);
  f.run(...add, 'protocol', '0x800', 'prio', '3', ...program);
  f.run(...add, 'chain', '5', 'prio', '7', ...program);
  expect(f.fails(2, ...add, 'protocol', 'constructor', ...program)).toContain("protocol 'constructor' is not known");
  const get = ['tc', 'filter', 'get', 'dev', 'a0', 'egress'];
  expect(f.run(...get, 'protocol', 'ip', 'prio', '3', 'handle', '1', 'bpf')).toMatch(
    /^filter egress protocol ip pref 3 bpf chain 0 handle 0x1 template:\[\*fsobj\] direct-action not_in_hw id /,
  );
  expect(f.run(...get, 'protocol', 'all', 'prio', '7', 'chain', '5', 'handle', '1', 'bpf')).toMatch(
    /^filter egress protocol all pref 7 bpf chain 5 handle 0x1 /,
  );
  const show = ['tc', 'filter', 'show', 'dev', 'a0', 'egress', 'chain', '5'];
  expect(f.run(...show)).toMatch(
    /^filter protocol all pref 7 bpf \nfilter protocol all pref 7 bpf handle 0x1 template/,
  );
  expect(JSON.parse(f.ask('-j', ...show))[0]).toEqual({ protocol: 'all', pref: 7, kind: 'bpf' });

  expect(f.run('map', 'help')).toBe(f.ask('help', 'map'));
  expect(f.fails(2, 'help', 'nothing')).toContain("there is no command 'nothing'");
});
