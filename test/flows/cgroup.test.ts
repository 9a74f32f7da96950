import { expect } from 'vitest';
import { flow } from './flow.ts';

const SHARED = '/sys/fs/bpf/tc/globals/shared';

flow('a tc program and a cgroup program on one map', (f) => {
  f.run('ip', 'link', 'add', 'a0', 'type', 'veth', 'peer', 'name', 'a1');
  f.run('tc', 'qdisc', 'add', 'dev', 'a0', 'clsact');
  f.run('tc', 'filter', 'add', 'dev', 'a0', 'egress', 'bpf', 'da', 'obj', 'examples/cgroup/tc_count.bpf.o');

  // Without a word about the map, the second loader makes its own: that is the trap.
  f.run('plan', 'examples/cgroup/tc_count.bpf.o', 'examples/cgroup/cg.bpf.o');
  f.run('prog', 'load', 'examples/cgroup/cg.bpf.o', '/sys/fs/bpf/alone');
  f.run('prog', 'load', 'examples/cgroup/cg.bpf.o', '/sys/fs/bpf/by_pin', 'map', 'name', 'shared', 'pinned', SHARED);
  const { id } = JSON.parse(f.ask('-j', 'map', 'show', 'pinned', SHARED));
  f.run('prog', 'load', 'examples/cgroup/cg.bpf.o', '/sys/fs/bpf/by_id', 'map', 'idx', '0', 'id', String(id));

  const ids = (pin: string): number[] =>
    JSON.parse(f.ask('-j', 'prog', 'show', 'pinned', `/sys/fs/bpf/${pin}`)).map_ids;
  expect(ids('by_pin')).toEqual([id]);
  expect(ids('by_id')).toEqual([id]);
  expect(ids('alone')).not.toEqual([id]);
  const [filter] = JSON.parse(f.ask('-j', 'tc', 'filter', 'show', 'dev', 'a0', 'egress')).slice(1);
  expect(JSON.parse(f.ask('-j', 'prog', 'show', 'id', String(filter.options.prog.id))).map_ids).toEqual([id]);

  f.run('prog', 'show', 'pinned', '/sys/fs/bpf/by_pin');
  f.run('fs', 'ls', '/sys/fs/bpf');
});
