import { expect } from 'vitest';
import { flow, frame } from './flow.ts';

/** What `prog run` says that a program returned for a frame. */
const retval = (output: string): number => JSON.parse(output).retval;

flow('a classifier returns a class; classic bytecode matches everything', (f) => {
  f.run('ip', 'link', 'add', 'a0', 'type', 'veth', 'peer', 'name', 'a1');
  f.run('ip', 'link', 'set', 'a0', 'up');
  f.run('ip', 'link', 'set', 'a1', 'up');
  f.run('tc', 'qdisc', 'add', 'dev', 'a0', 'clsact');
  f.run(
    'tc',
    'filter',
    'add',
    'dev',
    'a0',
    'egress',
    'prio',
    '10',
    'bpf',
    'obj',
    'examples/classify/cls.bpf.o',
    'sec',
    'classify',
  );
  f.run(
    'tc',
    'filter',
    'add',
    'dev',
    'a0',
    'egress',
    'prio',
    '20',
    'protocol',
    'ip',
    'bpf',
    'bytecode',
    '1,6 0 0 4294967295,',
    'flowid',
    '1:2',
  );
  f.run(
    'tc',
    'filter',
    'add',
    'dev',
    'a0',
    'egress',
    'prio',
    '30',
    'handle',
    '0x7',
    'bpf',
    'da',
    'bytecode',
    '4,40 0 0 12,21 0 1 2048,6 0 0 1,6 0 0 0',
  );
  f.run('tc', 'filter', 'show', 'dev', 'a0', 'egress');
  f.run('tc', 'filter', 'show', 'dev', 'a0', 'egress', 'prio', '20');
  f.run('-p', 'tc', 'filter', 'show', 'dev', 'a0', 'egress', 'prio', '30');
  f.run('tc', 'filter', 'get', 'dev', 'a0', 'egress', 'prio', '30', 'protocol', 'all', 'handle', '7', 'bpf');

  const [{ options }] = JSON.parse(
    f.ask('-j', 'tc', 'filter', 'get', 'dev', 'a0', 'egress', 'prio', '10', 'protocol', 'all', 'handle', '1', 'bpf'),
  );
  const run = (tos: number) => retval(f.ask('-j', 'prog', 'run', 'id', String(options.prog.id), 'hex', frame(tos)));
  expect(run(0)).toBe(0x8000000);
  expect(run(0x2e)).toBe(0x800002e);

  f.run('tc', 'filter', 'delete', 'dev', 'a0', 'egress', 'prio', '20');
  expect(f.fails(1, 'tc', 'filter', 'delete', 'dev', 'a0', 'egress', 'prio', '20')).toContain('not found');
  expect(
    f.fails(
      1,
      'tc',
      'filter',
      'change',
      'dev',
      'a0',
      'egress',
      'prio',
      '30',
      'handle',
      '9',
      'bpf',
      'da',
      'bytecode',
      '1,6 0 0 0',
    ),
  ).toContain('Need both RTM_NEWTFILTER and NLM_F_CREATE to create a new filter');
  f.run('tc', 'filter', 'show', 'dev', 'a0', 'egress');
  f.run('tc', 'qdisc', 'delete', 'dev', 'a0', 'clsact');
  f.run('tc', 'qdisc', 'show', 'dev', 'a0');
});

flow("tc's tail-call sections go into the prog array with their id, and run", (f) => {
  f.run('ip', 'link', 'add', 'a0', 'type', 'veth', 'peer', 'name', 'a1');
  f.run('tc', 'qdisc', 'add', 'dev', 'a0', 'clsact');
  f.run('tc', 'filter', 'add', 'dev', 'a0', 'ingress', 'bpf', 'da', 'obj', 'test/objects/tail.o', 'sec', 'classifier');
  f.run('fs', 'tree', '/sys/fs/bpf');
  f.run('map', 'show', 'pinned', '/sys/fs/bpf/tc/globals/jump');
  const slots: { value: string[] }[] = JSON.parse(f.ask('-j', 'map', 'dump', 'pinned', '/sys/fs/bpf/tc/globals/jump'));
  expect(slots).toHaveLength(2);
  const [{ options }] = JSON.parse(f.ask('-j', 'tc', 'filter', 'show', 'dev', 'a0', 'ingress')).slice(1);
  const run = () => retval(f.ask('-j', 'prog', 'run', 'id', String(options.prog.id), 'hex', frame()));
  // The mark is 0: slot 0 drops (2). Without slot 0 the call falls through (-1), and so it does once nobody holds the array.
  expect(run()).toBe(2);
  f.run('map', 'delete', 'pinned', '/sys/fs/bpf/tc/globals/jump', 'key', '0', '0', '0', '0');
  expect(run()).toBe(0xffffffff);
});
