import { expect } from 'vitest';
import { type Flow, flow } from './flow.ts';

const AGENT = `/tmp/skep-agent-${process.pid}`;
const SHARED = 'examples/shared/shared_none.bpf.o';
const TAIL = 'test/objects/tail.o';

/** A device with a clsact. */
function device({ run }: Flow): void {
  run('ip', 'link', 'add', 'g0', 'type', 'veth', 'peer', 'name', 'g1');
  run('tc', 'qdisc', 'add', 'dev', 'g0', 'clsact');
}
const filter = (object: string, section: string) =>
  `tc filter add dev g0 egress bpf da obj ${object} sec ${section}`.split(' ');

flow('the maps of a filter go to an agent', async (f) => {
  device(f);
  const add = [...filter(SHARED, 'egress'), 'export', AGENT];
  // Nobody waits there: nothing is attached.
  expect(f.fails(1, ...add)).toContain('No such file or directory');
  expect(f.run('tc', 'filter', 'show', 'dev', 'g0', 'egress')).toBe('');
  const agent = f.kernel.start('tc', 'exec', 'bpf', 'import', AGENT, 'pinmaps', '/sys/fs/bpf/got');
  let ran = f.kernel.skep(...add);
  for (let tries = 0; ran.status !== 0 && tries < 100; tries++) ran = f.kernel.skep(...add);
  expect(ran).toEqual({ status: 0, stdout: '', stderr: '' });
  expect(await agent.ended).toBe(0);
  f.run('map', 'show', 'pinned', '/sys/fs/bpf/got/map_sh');
  f.run('map', 'update', 'pinned', '/sys/fs/bpf/got/map_sh', 'key', '0', '0', '0', '0', 'value', '7', '0', '0', '0');
  // It is the map of the filter.
  const [{ id }] = JSON.parse(f.ask('-j', 'map', 'show')).filter(({ name }: { name?: string }) => name === 'map_sh');
  expect(f.run('map', 'dump', 'id', String(id))).toContain('07 00 00 00');
  f.fails(1, ...add);
});

flow('an agent says what it cannot do, before it waits', (f) => {
  f.fails(2, 'tc', 'exec', 'bpf', 'import');
  f.fails(2, 'tc', 'exec', 'bpf', 'import', AGENT, 'run');
  f.fails(1, 'tc', 'exec', 'bpf', 'import', '/sys/fs/bpf/agent', 'pinmaps', '/sys/fs/bpf/got');
  // A program can inherit fds only of a kernel whose fds are the process's.
  if (f.kernel.name === 'embedded') {
    const { status, stderr } = f.kernel.skep('tc', 'exec', 'bpf', 'import', AGENT);
    expect([status, stderr]).toEqual([6, expect.stringContaining('import UDS pinmaps DIR')]);
  }
});

flow('a program is grafted into a prog array', (f) => {
  device(f);
  f.run(...filter(TAIL, 'classifier'));
  const jump = '/sys/fs/bpf/tc/globals/jump';
  f.run('tc', 'exec', 'bpf', 'graft', 'm:globals/jump', 'key', '0', 'obj', SHARED, 'sec', 'egress');
  const name = (key: number) => {
    const words = ['-j', 'map', 'lookup', 'pinned', jump, 'key', String(key), '0', '0', '0'];
    const { value }: { value: string[] } = JSON.parse(f.ask(...words));
    const id = value.reduceRight((sum, byte) => sum * 256 + Number(byte), 0);
    return JSON.parse(f.ask('-j', 'prog', 'show', 'id', String(id))).name;
  };
  expect([name(0), name(1)]).toEqual(['count_egress', 'pass']);
  // The key of the section, and all other sections of the object again.
  f.run('tc', 'exec', 'bpf', 'graft', jump, 'obj', TAIL, 'sec', '7/1');
  expect([name(0), name(1)]).toEqual(['drop', 'pass']);
  f.run('prog', 'load', SHARED, '/sys/fs/bpf/tc/one', 'type', 'classifier', 'pinning', 'none');
  f.run('tc', 'exec', 'bpf', 'graft', jump, 'key', '0x1', 'pinned', 'm:one');
  expect(f.fails(2, 'tc', 'exec', 'bpf', 'graft', jump, 'obj', SHARED, 'sec', 'egress')).toContain('key KEY');
  expect(f.fails(2, 'tc', 'exec', 'bpf', 'graft', jump, 'pinned', 'm:one')).toContain('key KEY');
  expect(f.fails(1, 'tc', 'exec', 'bpf', 'graft', jump, 'key', '9', 'pinned', 'm:one')).toContain('slot 9');
  f.fails(1, 'tc', 'exec', 'bpf', 'graft', '/sys/fs/bpf/none', 'key', '0', 'pinned', 'm:one');
  f.fails(2, 'tc', 'exec', 'bpf', 'graft', jump, 'key', '0', 'obj', SHARED, 'type', 'nothing');
});
