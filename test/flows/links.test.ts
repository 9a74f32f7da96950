import { expect } from 'vitest';
import { flow, frame } from './flow.ts';

const OBJECT = 'examples/cgroup/tc_count.bpf.o';
const SHARED = '/sys/fs/bpf/tc/globals/shared';
const LINK = '/sys/fs/bpf/link';

flow('tcx programs and links', (f) => {
  f.run('ip', 'link', 'add', 'a0', 'type', 'veth', 'peer', 'name', 'a1');
  for (const device of ['a0', 'a1']) f.run('ip', 'link', 'set', device, 'up');
  f.run('prog', 'load', OBJECT, '/sys/fs/bpf/first');
  f.run('prog', 'load', OBJECT, '/sys/fs/bpf/second');
  const first = ['pinned', '/sys/fs/bpf/first'];
  const second = ['pinned', '/sys/fs/bpf/second'];
  const shown = (): [string, number][] =>
    JSON.parse(f.ask('-j', 'net', 'show', 'dev', 'a0'))[0].tc.map((row: { kind: string; link_id: number }) => [
      row.kind,
      Math.sign(row.link_id),
    ]);

  f.run('net', 'attach', 'tcx_egress', ...first, 'dev', 'a0');
  f.run('net', 'attach', 'tcx_e', ...second, 'dev', 'a0', 'prepend', 'pin', LINK);
  expect(shown()).toEqual([
    ['tcx/egress', 1],
    ['tcx/egress', 0],
  ]);
  f.fails(1, 'net', 'attach', 'tcx_egress', ...first, 'dev', 'a0');
  f.fails(2, 'net', 'attach', 'tcx_egress', ...first, 'dev', 'a0', 'overwrite');
  f.fails(2, 'net', 'attach', 'nowhere', ...first, 'dev', 'a0');
  const link = JSON.parse(f.ask('-j', 'link', 'show', 'pinned', LINK));
  expect(link).toMatchObject({ type: 'tcx', devname: 'a0', attach_type: 'tcx_egress' });
  expect(f.ask('link', 'show', 'id', String(link.id))).toBe(
    `${link.id}: tcx  prog ${link.prog_id}  \n\tifindex a0(${link.ifindex})  attach_type tcx_egress  \n`,
  );

  // Both count, and neither decides.
  f.run('net', 'send', 'a0', 'egress', '--hex', frame());
  f.run('map', 'dump', 'pinned', SHARED);

  // The same program twice at one hook the kernel does not have.
  f.fails(1, 'link', 'update', 'pinned', LINK, ...first);
  f.run('net', 'detach', 'tcx_egress', 'dev', 'a0');
  f.fails(1, 'net', 'detach', 'tcx_egress', 'dev', 'a0');
  f.fails(1, 'link', 'update', 'pinned', LINK, ...first, 'old', ...first);
  f.run('link', 'update', 'pinned', LINK, ...first, 'old', ...second);
  const programOf = (...words: readonly string[]): number =>
    JSON.parse(f.ask('-j', ...words, 'show', 'pinned', LINK)).prog_id;
  expect(programOf('link')).toBe(JSON.parse(f.ask('-j', 'prog', 'show', ...first)).id);
  expect(shown()).toEqual([['tcx/egress', 1]]);

  f.run('link', 'pin', 'pinned', LINK, '/sys/fs/bpf/other');
  f.run('fs', 'rm', LINK);
  expect(shown()).toEqual([['tcx/egress', 1]]);
  f.run('link', 'detach', 'pinned', '/sys/fs/bpf/other');
  expect(shown()).toEqual([]);
  expect(f.ask('link', 'show', 'pinned', '/sys/fs/bpf/other')).toContain('ifindex (detached)');
  f.fails(1, 'link', 'update', 'pinned', '/sys/fs/bpf/other', ...second);
  f.fails(2, 'link', 'show', 'pinned', '/sys/fs/bpf/first');
  f.fails(1, 'link', 'show', 'id', '2147483640');
  f.run('fs', 'rm', '/sys/fs/bpf/other');

  // What stands under `netfilter:` is that of the whole kernel.
  expect(f.ask('net', 'show', 'dev', 'a1')).toMatch(/^xdp:\n\ntc:\n\nflow_dissector:\n\nnetfilter:\n/);
});

flow('what does not say where is pinned without', (f) => {
  // A classifier does not say by its section where to attach it.
  f.run('prog', 'load', OBJECT, '/sys/fs/bpf/p', 'autoattach');
  f.run('prog', 'show', 'pinned', '/sys/fs/bpf/p');
});
