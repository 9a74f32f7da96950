import { expect } from 'vitest';
import { createLinuxKernel } from '../../src/engine/linux/index.ts';
import { findCgroups } from '../../src/loader/cgroups.ts';
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

/** Where cgroups are: Linux may have those of its first version beside them. */
function cgroupRoot(name: 'embedded' | 'linux'): string {
  const root = name === 'embedded' ? '/sys/fs/cgroup' : findCgroups(createLinuxKernel());
  return `${root}/skep-flow-${process.pid}`;
}

flow('attaching to cgroups', (f) => {
  const root = cgroupRoot(f.kernel.name);
  const below = `${root}/below`;
  const [first, second] = ['/sys/fs/bpf/first', '/sys/fs/bpf/second'];
  /** What a command says, with marks for what is another one on each kernel. */
  const says = (...words: readonly string[]) =>
    f
      .ask(...words)
      .replaceAll(root, 'ROOT')
      .replace(/^( *)\d+ /gm, '$1ID ')
      .replace(/ +$/gm, '')
      .replace(/ +/g, ' ');
  const refused = (...words: readonly string[]) => {
    const { status, stderr } = f.kernel.skep(...words);
    expect(status).not.toBe(0);
    return stderr;
  };
  f.ask('fs', 'mkdir', root, below);
  try {
    for (const pin of [first, second]) f.ask('prog', 'load', 'examples/cgroup/cg.bpf.o', pin);

    expect(says('cgroup', 'show', root)).toBe('');
    f.ask('cgroup', 'attach', root, 'ingress', 'pinned', first, 'multi');
    f.ask('cgroup', 'attach', root, 'ingress', 'pinned', second, 'multi');
    f.ask('cgroup', 'attach', below, 'cgroup_inet_egress', 'pinned', second, 'override');
    expect(refused('cgroup', 'attach', root, 'ingress', 'pinned', first)).toContain('Operation not permitted');
    expect(says('cgroup', 'show', root)).toBe(SHOWN);
    expect(says('cgroup', 'show', below, 'effective')).toBe(EFFECTIVE);
    expect(says('cgroup', 'tree', root)).toBe(TREE);
    const [one] = JSON.parse(f.ask('-j', 'cgroup', 'show', root));
    expect(one).toMatchObject({ attach_type: 'cgroup_inet_ingress', attach_flags: 'multi', name: 'cg_count' });

    f.ask('cgroup', 'attach', below, 'ingress', 'pinned', first, 'pin', '/sys/fs/bpf/link');
    expect(says('cgroup', 'show', below, 'effective').match(/cgroup_inet_ingress/g)).toHaveLength(3);
    f.ask('fs', 'rm', '/sys/fs/bpf/link');

    f.ask('cgroup', 'detach', root, 'ingress', 'pinned', first);
    expect(refused('cgroup', 'detach', root, 'ingress', 'pinned', first)).toContain('No such file or directory');
    f.ask('cgroup', 'detach', root, 'ingress', 'pinned', second);
    expect(says('cgroup', 'show', root)).toBe('');
    expect(refused('fs', 'rm', root)).toContain('Device or resource busy');
  } finally {
    f.ask('fs', 'rm', below, root);
  }
});

const ATTACHED = 'ID cgroup_inet_ingress multi cg_count\n';
const SHOWN = `ID AttachType AttachFlags Name\n${ATTACHED}${ATTACHED}`;
const RUNS = 'ID cgroup_inet_ingress cg_count\n';
const EFFECTIVE = `ID AttachType Name\n${RUNS}${RUNS}ID cgroup_inet_egress cg_count\n`;
const TREE = `CgroupPath\n${SHOWN.replace(ATTACHED, `ROOT\n${ATTACHED}`)}ROOT/below\n ID cgroup_inet_egress override cg_count\n`;
