import { attachTypeNumber, linkTypeNumber } from '../../src/uapi/bpf.ts';
import { bpfLinkInfo } from '../../src/uapi/info.ts';
import {
  BPF_F_AFTER,
  BPF_F_ALLOW_MULTI,
  BPF_F_ALLOW_OVERRIDE,
  BPF_F_BEFORE,
  BPF_F_ID,
  BPF_F_PREORDER,
  BPF_F_RELATIVE_LINK,
  BPF_F_REPLACE,
} from '../../src/uapi/link.ts';
import { cgroupRow } from './cgroup-bench.ts';
import { outcome, soon } from './session.ts';
import type { Row } from './suite.ts';

/** Links to cgroups. */
export const cgroupLinkRows: readonly Row[] = [
  cgroupRow(
    'a link says what it is',
    [],
    (tree) => {
      const { cgroup, ...rest } = tree.info(tree.link('', 'a'));
      return [cgroup === tree.id(''), rest];
    },
    [true, { type: linkTypeNumber.cgroup, attachType: attachTypeNumber.cgroup_inet_ingress, prog: 'a' }],
  ),
  cgroupRow(
    'what fdinfo says',
    [],
    (tree, s) => {
      const link = tree.link('', 'a');
      const text = s.text(`/proc/self/fdinfo/${link}`);
      return text.slice(text.indexOf('cgroup_id')).replace(String(tree.id('')), 'ID');
    },
    'cgroup_id:\tID\nattach_type:\t0\n',
  ),
  cgroupRow(
    'a link is one of several',
    [],
    (tree) => {
      tree.attach('', 'a');
      tree.link('', 'b');
      tree.link('', 'a');
      return [tree.query(''), outcome(() => tree.attach('', 'b'))];
    },
    [{ order: 'aba', error: 'ok', count: 3, mode: BPF_F_ALLOW_MULTI, revision: 4n }, 'ok'],
  ),
  cgroupRow(
    'a link beside one that is alone',
    [],
    (tree) => {
      tree.attach('', 'a', 0);
      tree.link('', 'b');
    },
    'EPERM',
  ),
  cgroupRow(
    'a link below one that forbids',
    ['x'],
    (tree) => {
      tree.attach('', 'a', 0);
      tree.link('x', 'b');
    },
    'EPERM',
  ),
  ...(
    [
      [BPF_F_ALLOW_MULTI, 'EINVAL'],
      [BPF_F_ALLOW_OVERRIDE, 'EINVAL'],
      [BPF_F_REPLACE, 'EINVAL'],
      [1 << 20, 'EINVAL'],
    ] as const
  ).map(([flags, want]) =>
    cgroupRow(`a link with the flags ${flags}`, [], (tree) => tree.link('', 'a', { flags }), want),
  ),
  cgroupRow(
    'links in an order',
    [],
    (tree, s) => {
      const a = tree.link('', 'a');
      const b = tree.link('', 'b', { flags: BPF_F_BEFORE });
      tree.link('', 'c', { flags: BPF_F_AFTER | BPF_F_RELATIVE_LINK, 'cgroup.relative_fd': b });
      tree.link('', 'd', { flags: BPF_F_PREORDER });
      const relative_id = s.info(a, bpfLinkInfo).id;
      tree.link('', 'e', { flags: BPF_F_BEFORE | BPF_F_ID | BPF_F_RELATIVE_LINK, 'cgroup.relative_id': relative_id });
      return [tree.order(''), tree.effective('')];
    },
    ['bcead', 'dbcea'],
  ),
  ...(
    [
      ['a program', BPF_F_AFTER, 'EINVAL'],
      ['a program as if it were a link', BPF_F_AFTER | BPF_F_RELATIVE_LINK, 'EINVAL'],
      ['a program by id', BPF_F_AFTER | BPF_F_ID, 'EINVAL'],
    ] as const
  ).map(([name, flags, want]) =>
    cgroupRow(
      `a link beside ${name}`,
      [],
      (tree) => {
        tree.attach('', 'a');
        tree.link('', 'b', { flags, 'cgroup.relative_fd': tree.prog('a') });
      },
      want,
    ),
  ),
  cgroupRow(
    'a link beside one of another cgroup',
    ['x'],
    (tree) => {
      const link = tree.link('x', 'a');
      tree.link('', 'b', { flags: BPF_F_AFTER | BPF_F_RELATIVE_LINK, 'cgroup.relative_fd': link });
    },
    'ENOENT',
  ),
  cgroupRow(
    'a link of a revision that is past',
    [],
    (tree) => tree.link('', 'a', { 'cgroup.expected_revision': 3n }),
    'ESTALE',
  ),
  cgroupRow('a link to what is no cgroup', [], (tree, s) => tree.link('', 'a', { target_fd: s.map('hash') }), 'EBADF'),
  cgroupRow(
    'a link of an fd that is no program',
    [],
    (tree, s) => tree.link('', 'a', { prog_fd: s.map('hash') }),
    'EINVAL',
  ),
  cgroupRow(
    'a link of a program of another type',
    [],
    (tree, s) => tree.link('', 'a', { prog_fd: s.prog() }),
    'EINVAL',
  ),
  cgroupRow(
    'the last fd detaches',
    [],
    (tree, s) => {
      const link = tree.link('', 'a');
      const between = tree.order('');
      s.close(link);
      return [between, tree.query('')];
    },
    ['a', { order: '', error: 'ok', count: 0, mode: 0, revision: 3n }],
  ),
  cgroupRow(
    'a pin holds the link',
    [],
    (tree, s) => {
      const link = tree.link('', 'a');
      s.pin(link, '/sys/fs/bpf/link');
      s.close(link);
      const pinned = tree.order('');
      s.kernel.unlink('/sys/fs/bpf/link');
      return [pinned, soon(() => tree.order(''), '')];
    },
    ['a', ''],
  ),
  cgroupRow(
    'a link with another program keeps its place',
    ['x'],
    (tree) => {
      tree.attach('', 'a');
      const link = tree.link('', 'b');
      tree.attach('', 'c');
      tree.update(link, 'd');
      return [tree.order(''), tree.effective('x'), tree.info(link).prog, tree.query('').revision];
    },
    ['adc', 'adc', 'd', 5n],
  ),
  cgroupRow('updating with the right old program', [], (tree) => tree.update(tree.link('', 'a'), 'b', 'a'), 'ok'),
  cgroupRow('updating with a wrong old program', [], (tree) => tree.update(tree.link('', 'a'), 'b', 'c'), 'EPERM'),
  cgroupRow(
    'updating with the same program',
    [],
    (tree) => {
      const link = tree.link('', 'a');
      tree.update(link, 'a');
      return tree.query('').revision;
    },
    3n,
  ),
  cgroupRow(
    'updating with a program that is there',
    [],
    (tree) => {
      tree.attach('', 'a');
      tree.update(tree.link('', 'b'), 'a');
      return tree.order('');
    },
    'aa',
  ),
  cgroupRow(
    'updating with a program of another type',
    [],
    (tree, s) => {
      const link = tree.link('', 'a');
      s.kernel.bpf('BPF_LINK_UPDATE', { link_fd: link, new_prog_fd: s.prog() });
    },
    'EINVAL',
  ),
  cgroupRow(
    'detached, a link is still there',
    [],
    (tree, s) => {
      const link = tree.link('', 'a');
      s.kernel.bpf('BPF_LINK_DETACH', { link_fd: link });
      const { cgroup, attachType, prog } = tree.info(link);
      return [
        tree.order(''),
        [cgroup, attachType, prog],
        outcome(() => tree.update(link, 'b')),
        outcome(() => s.kernel.bpf('BPF_LINK_DETACH', { link_fd: link })),
      ];
    },
    ['', [0n, attachTypeNumber.cgroup_inet_ingress, 'a'], 'ENOLINK', 'ok'],
  ),
  cgroupRow(
    'a cgroup that goes lets go of its links',
    ['x'],
    (tree) => {
      const link = tree.link('x', 'a');
      tree.remove('x');
      const cgroup = soon(() => tree.info(link).cgroup, 0n);
      return [cgroup, outcome(() => tree.update(link, 'b'))];
    },
    [0n, 'ENOLINK'],
  ),
  cgroupRow(
    'a cgroup that goes lets go of its programs',
    ['x'],
    (tree, s) => {
      const prog = s.prog({ prog_type: 8 });
      const id = s.progId(prog);
      tree.attach('x', 'a', BPF_F_ALLOW_MULTI, { attach_bpf_fd: prog });
      s.close(prog);
      tree.remove('x');
      return soon(() => s.progLives(id), false);
    },
    false,
  ),
  cgroupRow(
    'a link holds a mode of several',
    [],
    (tree, s) => {
      const link = tree.link('', 'a');
      const held = outcome(() => tree.attach('', 'b', 0));
      s.close(link);
      return [held, outcome(() => tree.attach('', 'b', 0))];
    },
    ['EPERM', 'ok'],
  ),
  cgroupRow(
    'a link has an id',
    [],
    (tree, s) => {
      const { id } = s.info(tree.link('', 'a'), bpfLinkInfo);
      const again = s.own(s.kernel.bpf('BPF_LINK_GET_FD_BY_ID', { link_id: id }));
      return s.info(again, bpfLinkInfo).id === id;
    },
    true,
  ),
];
