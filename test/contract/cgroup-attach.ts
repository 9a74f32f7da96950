import { attachTypeNumber } from '../../src/uapi/bpf.ts';
import { bpfProgInfo } from '../../src/uapi/info.ts';
import {
  BPF_F_AFTER,
  BPF_F_ALLOW_MULTI,
  BPF_F_ALLOW_OVERRIDE,
  BPF_F_BEFORE,
  BPF_F_ID,
  BPF_F_PREORDER,
  BPF_F_QUERY_EFFECTIVE,
  BPF_F_RELATIVE_LINK,
  BPF_F_REPLACE,
} from '../../src/uapi/link.ts';
import { type CgroupTree, cgroupRow } from './cgroup-bench.ts';
import { outcome } from './session.ts';
import type { Row } from './suite.ts';

const NONE = 0;
const OVERRIDE = BPF_F_ALLOW_OVERRIDE;
const MULTI = BPF_F_ALLOW_MULTI;
const PREORDER = MULTI | BPF_F_PREORDER;
const EFFECTIVE = BPF_F_QUERY_EFFECTIVE;

/** What one cgroup takes after what it has. Each step: a name and flags; the answer is that of the last, and the order then. */
type Step = readonly [name: string, flags: number];
// biome-ignore format: a row a line
const MODES: readonly (readonly [name: string, steps: readonly Step[], answer: unknown, order: string])[] = [
  ['one alone',                  [['a', NONE]],                     'ok', 'a'],
  ['another alone',              [['a', NONE], ['b', NONE]],        'ok', 'b'],
  ['the same alone',             [['a', NONE], ['a', NONE]],        'ok', 'a'],
  ['another to override',        [['a', OVERRIDE], ['b', OVERRIDE]], 'ok', 'b'],
  ['two',                        [['a', MULTI], ['b', MULTI]],      'ok', 'ab'],
  ['the same twice',             [['a', MULTI], ['a', MULTI]],      'EINVAL', 'a'],
  ['override after alone',       [['a', NONE], ['b', OVERRIDE]],    'EPERM', 'a'],
  ['several after alone',        [['a', NONE], ['b', MULTI]],       'EPERM', 'a'],
  ['alone after override',       [['a', OVERRIDE], ['b', NONE]],    'EPERM', 'a'],
  ['several after override',     [['a', OVERRIDE], ['b', MULTI]],   'EPERM', 'a'],
  ['alone after several',        [['a', MULTI], ['b', NONE]],       'EPERM', 'a'],
  ['override after several',     [['a', MULTI], ['b', OVERRIDE]],   'EPERM', 'a'],
  ['both modes',                 [['a', OVERRIDE | MULTI]],         'EINVAL', ''],
  ['replacing, alone',           [['a', BPF_F_REPLACE]],            'EINVAL', ''],
  ['preorder, alone',            [['a', BPF_F_PREORDER]],           'ok', 'a'],
  ['before, alone',              [['a', BPF_F_BEFORE]],             'ok', 'a'],
  ['a flag that nobody knows',   [['a', MULTI | (1 << 20)]],        'EINVAL', ''],
  ['first',                      [['a', MULTI], ['b', MULTI | BPF_F_BEFORE]], 'ok', 'ba'],
  ['last',                       [['a', MULTI], ['b', MULTI | BPF_F_AFTER]],  'ok', 'ab'],
  ['first and last of none',     [['a', MULTI | BPF_F_BEFORE | BPF_F_AFTER]], 'ok', 'a'],
  ['first and last of one',      [['a', MULTI], ['b', MULTI | BPF_F_BEFORE | BPF_F_AFTER]], 'EINVAL', 'a'],
  ['an id, of none',             [['a', MULTI | BPF_F_ID]],         'EINVAL', ''],
  ['an id without a place',      [['a', MULTI], ['b', MULTI | BPF_F_ID]], 'EINVAL', 'a'],
  ['before no id',               [['a', MULTI], ['b', MULTI | BPF_F_ID | BPF_F_BEFORE]], 'ENOENT', 'a'],
  ['before no link',             [['a', MULTI], ['b', MULTI | BPF_F_RELATIVE_LINK | BPF_F_BEFORE]], 'EINVAL', 'a'],
  ['before no link of none',     [['b', MULTI | BPF_F_RELATIVE_LINK | BPF_F_BEFORE]], 'EINVAL', ''],
];

/** What a cgroup allows those below. */
// biome-ignore format: a row a line
const ABOVE: readonly (readonly [above: Step | undefined, flags: number, answer: unknown, effective: string])[] = [
  [['a', NONE], NONE, 'EPERM', 'a'],
  [['a', NONE], OVERRIDE, 'EPERM', 'a'],
  [['a', NONE], MULTI, 'EPERM', 'a'],
  [['a', OVERRIDE], NONE, 'ok', 'b'],
  [['a', OVERRIDE], OVERRIDE, 'ok', 'b'],
  [['a', OVERRIDE], MULTI, 'ok', 'b'],
  [['a', MULTI], NONE, 'ok', 'ba'],
  [['a', MULTI], OVERRIDE, 'ok', 'ba'],
  [['a', MULTI], MULTI, 'ok', 'ba'],
  [['a', PREORDER], MULTI, 'ok', 'ab'],
  [['a', PREORDER], PREORDER, 'ok', 'ab'],
  [['a', MULTI], PREORDER, 'ok', 'ba'],
  [undefined, MULTI, 'ok', 'b'],
];

function steps(tree: CgroupTree, at: string, list: readonly Step[]): unknown {
  return list.map(([name, flags]) => outcome(() => tree.attach(at, name, flags))).at(-1);
}

export const cgroupAttachRows: readonly Row[] = [
  ...MODES.map(([name, list, answer, order]) =>
    cgroupRow(`attaching ${name}`, [], (tree) => [steps(tree, '', list), tree.order('')], [answer, order]),
  ),
  ...ABOVE.map(([above, flags, answer, effective]) =>
    cgroupRow(
      `attaching with ${flags} below ${above?.[1] ?? 'nothing'}`,
      ['in', 'in/deep'],
      (tree) => {
        if (above !== undefined) tree.attach('', ...above);
        return [outcome(() => tree.attach('in', 'b', flags)), tree.effective('in'), tree.effective('in/deep')];
      },
      [answer, effective, effective],
    ),
  ),
  cgroupRow(
    'the deepest runs first, and above it each in its order',
    ['x', 'x/y'],
    (tree) => {
      for (const name of 'ab') tree.attach('', name);
      for (const name of 'cd') tree.attach('x', name);
      for (const name of 'ef') tree.attach('x/y', name);
      tree.attach('x/y', 'g', PREORDER);
      tree.attach('x', 'h', PREORDER);
      tree.attach('x', 'i', PREORDER);
      tree.attach('', 'j', PREORDER);
      return [tree.effective('x/y'), tree.effective('x'), tree.effective(''), tree.order('x')];
    },
    ['jhigefcdab', 'jhicdab', 'jab', 'cdhi'],
  ),
  cgroupRow(
    'one that overrides hides what several above do not',
    ['x', 'x/y', 'x/y/z'],
    (tree) => {
      tree.attach('', 'a');
      tree.attach('x', 'b', OVERRIDE);
      tree.attach('x/y', 'c', OVERRIDE);
      return [tree.effective('x'), tree.effective('x/y'), tree.effective('x/y/z')];
    },
    ['ba', 'ca', 'ca'],
  ),
  cgroupRow(
    'a cgroup made later inherits',
    [],
    (tree) => {
      tree.attach('', 'a');
      tree.make('later');
      return [tree.effective('later'), tree.order('later')];
    },
    ['a', ''],
  ),
  cgroupRow(
    'what is below stays when a program above goes',
    ['x'],
    (tree) => {
      tree.attach('', 'a', OVERRIDE);
      tree.attach('x', 'b', OVERRIDE);
      tree.detach('x', 'b');
      const between = tree.effective('x');
      tree.detach('', 'a');
      return [between, tree.effective('x')];
    },
    ['a', ''],
  ),
  cgroupRow(
    'a mode that forbids, above programs that are there already',
    ['x'],
    (tree) => {
      tree.attach('x', 'b');
      tree.attach('', 'a', NONE);
      return [tree.effective('x'), outcome(() => tree.attach('x', 'c')), outcome(() => tree.detach('x', 'b'))];
    },
    ['b', 'EPERM', 'ok'],
  ),
  cgroupRow(
    'once empty, another mode',
    [],
    (tree) => {
      tree.attach('', 'a', NONE);
      tree.detach('', 'a');
      const empty = tree.query('');
      tree.attach('', 'b', MULTI);
      return [empty, tree.query('')];
    },
    [
      { order: '', error: 'ok', count: 0, mode: 0, revision: 3n },
      { order: 'b', error: 'ok', count: 1, mode: 2, revision: 4n },
    ],
  ),
  cgroupRow(
    '65 programs',
    [],
    (tree) => {
      for (let i = 0; i < 64; i++) tree.attach('', `p${i}`);
      return [
        outcome(() => tree.attach('', 'one more')),
        outcome(() => tree.replace('', 'p1', 'one more')),
        tree.query('').count,
      ];
    },
    ['E2BIG', 'E2BIG', 64],
  ),

  cgroupRow(
    'a place beside another',
    [],
    (tree, s) => {
      for (const name of 'ab') tree.attach('', name);
      tree.attach('', 'c', MULTI | BPF_F_BEFORE, { relative_fd: tree.prog('b') });
      tree.attach('', 'd', MULTI | BPF_F_AFTER | BPF_F_ID, { relative_id: s.progId(tree.prog('a')) });
      return tree.order('');
    },
    'adcb',
  ),
  ...(
    [
      ['a program that is not there', MULTI | BPF_F_BEFORE, 'z', 'ENOENT'],
      ['a program without a side', MULTI, 'a', 'EINVAL'],
      ['a program with both sides', MULTI | BPF_F_BEFORE | BPF_F_AFTER, 'a', 'EINVAL'],
      ['a program that is not preordered', PREORDER | BPF_F_BEFORE, 'a', 'EINVAL'],
      ['a program as if it were a link', MULTI | BPF_F_BEFORE | BPF_F_RELATIVE_LINK, 'a', 'EINVAL'],
      ['a program, alone', BPF_F_BEFORE, 'a', 'EPERM'],
      ['the program of a link', MULTI | BPF_F_BEFORE, 'l', 'ENOENT'],
    ] as const
  ).map(([name, flags, relative, want]) =>
    cgroupRow(
      `a place beside ${name}`,
      [],
      (tree) => {
        tree.attach('', 'a');
        tree.link('', 'l');
        tree.attach('', 'b', flags, { relative_fd: tree.prog(relative) });
      },
      want,
    ),
  ),
  cgroupRow(
    'beside an fd that is none',
    [],
    (tree) =>
      [MULTI | BPF_F_BEFORE, MULTI | BPF_F_BEFORE | BPF_F_RELATIVE_LINK].map((flags) =>
        outcome(() => tree.attach('', 'a', flags, { relative_fd: 999 })),
      ),
    ['EBADF', 'EINVAL'],
  ),
  cgroupRow(
    'beside what is there, of a program of another type',
    [],
    (tree, s) => {
      tree.attach('', 'a');
      tree.attach('', 'b', MULTI | BPF_F_BEFORE, { relative_fd: s.prog() });
    },
    'ENOENT',
  ),
  cgroupRow(
    'a preordered one beside another',
    [],
    (tree) => {
      tree.attach('', 'a', PREORDER);
      tree.attach('', 'b');
      tree.attach('', 'c', PREORDER | BPF_F_BEFORE, { relative_fd: tree.prog('a') });
      return [tree.order(''), tree.effective('')];
    },
    ['cab', 'cab'],
  ),

  cgroupRow(
    'replacing keeps the place',
    [],
    (tree) => {
      for (const name of 'abc') tree.attach('', name);
      tree.replace('', 'b', 'd');
      return [tree.order(''), tree.query('').revision];
    },
    ['adc', 5n],
  ),
  cgroupRow(
    'replacing by itself',
    [],
    (tree) => {
      tree.attach('', 'a');
      tree.replace('', 'a', 'a');
      return [tree.order(''), tree.query('').revision];
    },
    ['a', 3n],
  ),
  cgroupRow('replacing what is not there', [], (tree) => tree.replace('', 'a', 'b'), 'ENOENT'),
  cgroupRow(
    'replacing by one that is there',
    [],
    (tree) => {
      for (const name of 'ab') tree.attach('', name);
      tree.replace('', 'a', 'b');
    },
    'EINVAL',
  ),
  cgroupRow(
    'replacing what a link holds',
    [],
    (tree) => {
      tree.link('', 'a');
      tree.replace('', 'a', 'b');
    },
    'ENOENT',
  ),
  cgroupRow(
    'replacing no fd',
    [],
    (tree) => tree.attach('', 'a', MULTI | BPF_F_REPLACE, { replace_bpf_fd: 999 }),
    'EBADF',
  ),
  cgroupRow(
    'replacing a program of another type',
    [],
    (tree, s) => tree.attach('', 'a', MULTI | BPF_F_REPLACE, { replace_bpf_fd: s.prog() }),
    'EINVAL',
  ),
  cgroupRow(
    'replacing and a place',
    [],
    (tree) => {
      tree.attach('', 'a');
      tree.attach('', 'b', MULTI | BPF_F_REPLACE | BPF_F_BEFORE, { replace_bpf_fd: tree.prog('a') });
    },
    'EINVAL',
  ),
  cgroupRow(
    'a program to replace without the flag',
    [],
    (tree) => {
      tree.attach('', 'a');
      tree.attach('', 'b', MULTI, { replace_bpf_fd: tree.prog('a') });
      return tree.order('');
    },
    'ab',
  ),

  cgroupRow(
    'detaching one of several',
    [],
    (tree) => {
      for (const name of 'abc') tree.attach('', name);
      tree.detach('', 'b');
      return [tree.order(''), outcome(() => tree.detach('', 'b')), outcome(() => tree.detach('', undefined))];
    },
    ['ac', 'ENOENT', 'EINVAL'],
  ),
  cgroupRow(
    'detaching the only one, whatever is said',
    [],
    (tree) => {
      tree.attach('', 'a', NONE);
      tree.detach('', 'b');
      const other = tree.order('');
      tree.attach('', 'a', OVERRIDE);
      tree.detach('', undefined);
      return [other, tree.order(''), outcome(() => tree.detach('', 'a'))];
    },
    ['', '', 'ENOENT'],
  ),
  cgroupRow('detaching with flags', [], (tree) => tree.detach('', 'a', { attach_flags: BPF_F_BEFORE }), 'EINVAL'),
  cgroupRow('detaching beside another', [], (tree) => tree.detach('', 'a', { relative_fd: 1 }), 'EINVAL'),
  cgroupRow(
    'detaching what a link holds',
    [],
    (tree) => {
      tree.link('', 'a');
      tree.detach('', 'a');
    },
    'ENOENT',
  ),
  cgroupRow(
    'detaching from an fd that is no cgroup',
    [],
    (tree, s) => tree.detach('', 'a', { target_fd: s.map('hash') }),
    'EBADF',
  ),

  cgroupRow('the present revision', [], (tree) => tree.attach('', 'a', MULTI, { expected_revision: 1n }), 'ok'),
  cgroupRow(
    'a revision that is not the present one',
    [],
    (tree) => tree.attach('', 'a', MULTI, { expected_revision: 2n }),
    'ESTALE',
  ),
  cgroupRow(
    'a revision of detaching',
    [],
    (tree) => {
      tree.attach('', 'a');
      return [1n, 2n].map((expected_revision) => outcome(() => tree.detach('', 'a', { expected_revision })));
    },
    ['ESTALE', 'ok'],
  ),
  cgroupRow(
    'what happens above is no revision',
    ['x'],
    (tree) => {
      tree.attach('', 'a');
      return tree.query('x').revision;
    },
    1n,
  ),

  cgroupRow('no program', [], (tree) => tree.attach('', 'a', MULTI, { attach_bpf_fd: 999 }), 'EBADF'),
  cgroupRow(
    'an fd that is no program',
    [],
    (tree, s) => tree.attach('', 'a', MULTI, { attach_bpf_fd: s.map('hash') }),
    'EINVAL',
  ),
  cgroupRow(
    'a program of another type',
    [],
    (tree, s) => tree.attach('', 'a', MULTI, { attach_bpf_fd: s.prog() }),
    'EINVAL',
  ),
  cgroupRow(
    'an fd that is no directory',
    [],
    (tree, s) => tree.attach('', 'a', MULTI, { target_fd: s.map('hash') }),
    'EBADF',
  ),
  cgroupRow('no fd', [], (tree) => tree.attach('', 'a', MULTI, { target_fd: 999 }), 'EBADF'),
  cgroupRow(
    'a directory that is no cgroup',
    [],
    (tree, s) => tree.attach('', 'a', MULTI, { target_fd: s.own(s.kernel.open('/proc', 0o200000)) }),
    'EBADF',
  ),
  cgroupRow(
    'a file of a cgroup',
    [],
    (tree, s) => tree.attach('', 'a', MULTI, { target_fd: s.own(s.kernel.open(`${tree.root}/cgroup.procs`, 0)) }),
    'EBADF',
  ),
  cgroupRow(
    'a cgroup that is gone',
    ['x'],
    (tree) => {
      const target_fd = tree.open('x');
      tree.remove('x');
      return [
        outcome(() => tree.attach('', 'a', MULTI, { target_fd })),
        outcome(() => tree.link('', 'a', { target_fd })),
        outcome(() => tree.query('', { target_fd }).error),
      ];
    },
    ['ENOENT', 'ENOENT', 'ENOENT'],
  ),
  cgroupRow(
    'ingress and egress are two',
    [],
    (tree) => {
      tree.attach('', 'a');
      tree.attach('', 'b', NONE, { attach_type: attachTypeNumber.cgroup_inet_egress });
      return [tree.order(''), tree.query('', { attach_type: attachTypeNumber.cgroup_inet_egress }).order];
    },
    ['a', 'b'],
  ),
  cgroupRow(
    'what is attached holds the program, and the cgroup what is attached',
    ['x'],
    (tree, s) => {
      const prog = s.prog({ prog_type: 8 });
      const { id } = s.info(prog, bpfProgInfo);
      tree.attach('x', 'a', MULTI, { attach_bpf_fd: prog });
      s.close(prog);
      return [s.progLives(id), tree.query('x').count];
    },
    [true, 1],
  ),

  cgroupRow(
    'less room than programs',
    ['x'],
    (tree) => {
      for (const name of 'abc') tree.attach('', name);
      const { order, error, count } = tree.query('', {}, 2);
      const below = tree.query('x', { query_flags: EFFECTIVE }, 2);
      return [order, error, count, below.order, below.error, below.count];
    },
    ['ab', 'ENOSPC', 3, 'ab', 'ENOSPC', 3],
  ),
  cgroupRow(
    'a query of what runs',
    ['x'],
    (tree) => {
      tree.attach('', 'a', PREORDER);
      return [tree.query('x', { query_flags: EFFECTIVE }), tree.query('', { query_flags: EFFECTIVE })];
    },
    [
      { order: 'a', error: 'ok', count: 1, mode: 0, revision: 0n },
      { order: 'a', error: 'ok', count: 1, mode: 0, revision: 0n },
    ],
  ),
  cgroupRow(
    'the flags of each',
    [],
    (tree) => {
      tree.attach('', 'a', PREORDER);
      tree.attach('', 'b');
      const prog_attach_flags = new Uint32Array(80);
      const { mode } = tree.query('', { prog_attach_flags });
      return [mode, ...prog_attach_flags.subarray(0, 3)];
    },
    [2, 2, 2, 0],
  ),
  cgroupRow(
    'the flags of each of those that run',
    [],
    (tree) => tree.query('', { query_flags: EFFECTIVE, prog_attach_flags: new Uint32Array(80) }).error,
    'EINVAL',
  ),
  cgroupRow('unknown flags of a query', [], (tree) => tree.query('', { query_flags: 2 }).error, 'EINVAL'),
  cgroupRow('a query with flags of attaching', [], (tree) => tree.query('', { attach_flags: 2 }).error, 'ok'),
  cgroupRow('a query of no cgroup', [], (tree, s) => tree.query('', { target_fd: s.map('hash') }).error, 'EBADF'),
  cgroupRow(
    'a query without room for ids',
    [],
    (tree) => {
      tree.attach('', 'a');
      const { order, ...rest } = tree.query('', { prog_ids: undefined });
      return [order, rest];
    },
    ['', { error: 'ok', count: 1, mode: 2, revision: 2n }],
  ),
  cgroupRow(
    'link ids are not asked for',
    [],
    (tree) => {
      tree.link('', 'a');
      const link_ids = new Uint32Array(80);
      return [tree.query('', { link_ids }).order, ...link_ids.subarray(0, 2)];
    },
    ['a', 0, 0],
  ),
];
