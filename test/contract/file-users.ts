import { outcome, type Session } from './session.ts';

/** Makes the calls of a function as another user, whose only group is `gid`. */
export type As = <T>(uid: number, gid: number, run: () => T) => T;

export type UserRow = readonly [name: string, run: (s: Session, as: As) => unknown, want: unknown];

const ROOT = '/sys/fs/bpf';
/** A user, and one with the same group. */
const [ALICE, BOB, STAFF] = [4001, 4002, 5000];

/** On a bpffs of its own, mounted with these options at `dir`: users get there, which they need not where the machine has its own. */
function mounted(options: string, run: (s: Session, as: As, dir: string) => unknown): UserRow[1] {
  return (s, as) => {
    s.kernel.mount('bpf', ROOT, 'bpf', 0, options);
    return run(s, as, ROOT);
  };
}

/** What /proc/mounts and stat(2) say of a bpffs with these options. */
function shown(options: string): UserRow[1] {
  return mounted(options, (s, _as, dir) => {
    const line = s
      .text('/proc/mounts')
      .split('\n')
      .findLast((mount) => mount.split(' ')[1] === dir);
    const { mode, uid, gid } = s.kernel.stat(dir);
    return [line?.split(' ')[3]?.replace('rw,relatime', ''), (mode & 0o7777).toString(8), uid, gid];
  });
}

const all = (...calls: readonly (() => unknown)[]) => calls.map((call) => outcome(call));
/** Without those that Linux puts into each bpffs. */
const names = (s: Session, dir: string) => s.kernel.readdir(dir).filter((name) => !name.endsWith('.debug'));
const said = (s: Session, path: string) => {
  const { mode, uid, gid } = s.kernel.lstat(path);
  return [(mode & 0o7777).toString(8), uid, gid];
};

// biome-ignore format: aligned table
const OPTIONS: readonly (readonly [options: string, want: unknown])[] = [
  ['',                                    ['', '1777', 0, 0]],
  ['uid=1000,gid=1001,mode=0750',         [',uid=1000,gid=1001,mode=750', '1750', 1000, 1001]],
  ['uid=0,gid=0,mode=1777',               ['', '1777', 0, 0]],
  ['mode=4755',                           [',mode=4755', '5755', 0, 0]],
  ['mode=17777',                          [',mode=6777', '7777', 0, 0]],
  ['mode=700,mode=755',                   [',mode=755', '1755', 0, 0]],
  ['mode=0',                              [',mode=0', '1000', 0, 0]],
  ['mode=',                               'EINVAL'],
  ['mode',                                'EINVAL'],
  ['mode=8',                              'EINVAL'],
  ['mode=0x7',                            'EINVAL'],
  ['uid=4294967294',                      [',uid=4294967294', '1777', 4294967294, 0]],
  ['uid=0x10,gid=010',                    [',uid=16,gid=8', '1777', 16, 8]],
  ['uid=4294967295',                      'EINVAL'],
  ['uid=abc',                             'EINVAL'],
  ['uid=',                                'EINVAL'],
  ['uid=0x10000000000000000',             'EINVAL'],
  ['delegate_cmds=1:99999999999999999999:x', 'ERANGE'],
  ['gid=-1',                              'EINVAL'],
  ['foo,bar=1,,',                         ['', '1777', 0, 0]],
  ['delegate_cmds=any',                   [',delegate_cmds=any', '1777', 0, 0]],
  ['delegate_cmds=prog_load:MAP_CREATE',  [',delegate_cmds=map_create:prog_load', '1777', 0, 0]],
  ['delegate_cmds=0x3:prog_run',          [',delegate_cmds=map_create:map_lookup_elem:prog_test_run', '1777', 0, 0]],
  ['delegate_cmds=map_create,delegate_cmds=prog_load', [',delegate_cmds=map_create:prog_load', '1777', 0, 0]],
  ['delegate_cmds=map_create:any',        [',delegate_cmds=any', '1777', 0, 0]],
  ['delegate_cmds=0',                     ['', '1777', 0, 0]],
  ['delegate_cmds=0xf000000000000000',    ['', '1777', 0, 0]],
  ['delegate_cmds=0x10000000000000000',   'ERANGE'],
  ['delegate_cmds=nosuch',                'EINVAL'],
  ['delegate_cmds=',                      'EINVAL'],
  ['delegate_cmds',                       'EINVAL'],
  ['delegate_cmds=map_create:',           'EINVAL'],
  ['delegate_maps=0x280001',              [',delegate_maps=unspec:cgroup_storage_deprecated:percpu_cgroup_storage_deprecated', '1777', 0, 0]],
  ['delegate_maps=hash:cgroup_storage',   [',delegate_maps=hash:cgroup_storage_deprecated', '1777', 0, 0]],
  ['delegate_progs=xdp:sched_cls',        [',delegate_progs=sched_cls:xdp', '1777', 0, 0]],
  ['delegate_attachs=cgroup_inet_ingress:xdp', [',delegate_attachs=cgroup_inet_ingress:xdp', '1777', 0, 0]],
  ['mode=0,uid=5,gid=6,delegate_attachs=any,delegate_progs=any,delegate_maps=any,delegate_cmds=any',
    [',uid=5,gid=6,mode=0,delegate_cmds=any,delegate_maps=any,delegate_progs=any,delegate_attachs=any', '1000', 5, 6]],
];

/** Modes and owners in bpffs: what the options of a mount say, who may do what, and what becomes of what is made. */
// biome-ignore format: aligned table
export const fileUserRows: readonly UserRow[] = [
  ...OPTIONS.map(([options, want]): UserRow => [`mount -o ${options.slice(0, 90)}`, shown(options), want]),
  ['chmod and chown by the superuser', mounted('', (s, _as, dir) => {
    s.pin(s.map('hash'), `${dir}/m`);
    s.kernel.chmod(`${dir}/m`, 0o6711);
    const set = said(s, `${dir}/m`);
    s.kernel.chown(`${dir}/m`, ALICE, -1);
    const given = said(s, `${dir}/m`);
    s.kernel.chown(`${dir}/m`, -1, STAFF);
    return [set, given, said(s, `${dir}/m`)];
  }), [['6711', 0, 0], ['711', ALICE, 0], ['711', ALICE, STAFF]]],
  ['chown keeps the bits of a directory', mounted('', (s, _as, dir) => {
    s.kernel.mkdir(`${dir}/d`, 0o755);
    s.kernel.chmod(`${dir}/d`, 0o7755);
    s.kernel.chown(`${dir}/d`, ALICE, STAFF);
    return said(s, `${dir}/d`);
  }), ['7755', ALICE, STAFF]],
  ['what a user makes is theirs', mounted('', (s, as, dir) => {
    const map = s.map('hash');
    as(ALICE, STAFF, () => {
      s.pin(map, `${dir}/m`);
      s.kernel.mkdir(`${dir}/d`, 0o777);
      s.kernel.symlink('m', `${dir}/l`);
    });
    return [said(s, `${dir}/m`), said(s, `${dir}/d`), said(s, `${dir}/l`)];
  }), [['600', ALICE, STAFF], ['755', ALICE, STAFF], ['777', ALICE, STAFF]]],
  ['a directory with S_ISGID hands its group on', mounted('gid=7000,mode=2777', (s, as, dir) => {
    const map = s.map('hash');
    as(ALICE, STAFF, () => {
      s.pin(map, `${dir}/m`);
      s.kernel.mkdir(`${dir}/d`, 0o700);
    });
    return [said(s, `${dir}/m`), said(s, `${dir}/d`)];
  }), [['600', ALICE, 7000], ['2700', ALICE, 7000]]],
  ['a directory that others may not write to', mounted('mode=755', (s, as, dir) => {
    const map = s.map('hash');
    s.pin(map, `${dir}/m`);
    s.kernel.mkdir(`${dir}/d`, 0o755);
    return as(ALICE, STAFF, () => all(
      () => s.pin(map, `${dir}/n`),
      () => s.pin(map, `${dir}/m`),
      () => s.kernel.mkdir(`${dir}/e`, 0o700),
      () => s.kernel.symlink('m', `${dir}/l`),
      () => s.kernel.unlink(`${dir}/m`),
      () => s.kernel.unlink(`${dir}/d`),
      () => s.kernel.rmdir(`${dir}/d`),
      () => s.kernel.rmdir(`${dir}/m`),
      () => s.kernel.rename(`${dir}/m`, `${dir}/n`),
      () => names(s, dir),
    ));
  }), ['EACCES', 'EEXIST', 'EACCES', 'EACCES', 'EACCES', 'EACCES', 'EACCES', 'EACCES', 'EACCES', ['d', 'm']]],
  ['a directory that others may not search', mounted('mode=744', (s, as, dir) => {
    s.pin(s.map('hash'), `${dir}/m`);
    return as(ALICE, STAFF, () => all(
      () => names(s, dir),
      () => s.kernel.stat(dir).uid,
      () => s.kernel.stat(`${dir}/m`),
      () => s.kernel.stat(`${dir}/.`),
      () => s.get(`${dir}/m`),
      () => s.kernel.unlink(`${dir}/m`),
    ));
  }), [['m'], 0, 'EACCES', 'EACCES', 'EACCES', 'EACCES']],
  ['a directory that others may not read', mounted('mode=711', (s, as, dir) => {
    s.pin(s.map('hash'), `${dir}/m`);
    return as(ALICE, STAFF, () => all(() => names(s, dir), () => s.kernel.open(dir, 0), () => s.kernel.stat(`${dir}/m`).uid));
  }), ['EACCES', 'EACCES', 0]],
  ['get: by the bits of the own class alone', mounted('', (s, as, dir) => {
    s.pin(s.map('hash'), `${dir}/m`);
    s.kernel.chown(`${dir}/m`, ALICE, STAFF);
    const tries = (mode: number, uid: number, gid: number) => {
      s.kernel.chmod(`${dir}/m`, mode);
      return as(uid, gid, () => all(() => s.get(`${dir}/m`) > 0, () => s.get(`${dir}/m`, 8) > 0, () => s.get(`${dir}/m`, 16) > 0));
    };
    return [tries(0o600, ALICE, 1), tries(0o066, ALICE, STAFF), tries(0o640, BOB, STAFF), tries(0o602, BOB, STAFF), tries(0o602, BOB, 1), tries(0, 0, 0)];
  }), [
    [true, true, true], ['EACCES', 'EACCES', 'EACCES'], ['EACCES', true, 'EACCES'], ['EACCES', 'EACCES', 'EACCES'], ['EACCES', 'EACCES', true], [true, true, true],
  ]],
  ['get: a program', mounted('', (s, as, dir) => {
    s.pin(s.prog(), `${dir}/p`);
    const tries = () => as(ALICE, STAFF, () => all(() => s.get(`${dir}/p`) > 0, () => s.get(`${dir}/p`, 8) > 0));
    const before = tries();
    s.kernel.chmod(`${dir}/p`, 0o644);
    return [before, tries()];
  }), [['EACCES', 'EACCES'], ['EACCES', true]]],
  ['the sticky root: who may take away what', mounted('', (s, as, dir) => {
    const map = s.map('hash');
    for (const name of ['a', 'b', 'c']) as(ALICE, STAFF, () => s.pin(map, `${dir}/${name}`));
    s.pin(map, `${dir}/r`);
    return [
      as(BOB, STAFF, () => all(
        () => s.kernel.unlink(`${dir}/a`),
        () => s.kernel.rmdir(`${dir}/a`),
        () => s.kernel.rename(`${dir}/a`, `${dir}/x`),
        () => s.pin(map, `${dir}/bob`),
        () => s.kernel.rename(`${dir}/bob`, `${dir}/a`),
      )),
      as(ALICE, STAFF, () => all(
        () => s.kernel.unlink(`${dir}/r`),
        () => s.kernel.unlink(`${dir}/a`),
        () => s.kernel.rename(`${dir}/b`, `${dir}/c`),
      )),
      names(s, dir),
    ];
  }), [['EPERM', 'EPERM', 'EPERM', 'ok', 'EPERM'], ['EPERM', 'ok', 'ok'], ['bob', 'c', 'r']]],
  ['the sticky root: its owner may take away all', mounted(`uid=${ALICE}`, (s, as, dir) => {
    s.pin(s.map('hash'), `${dir}/r`);
    return as(ALICE, STAFF, () => all(() => s.kernel.unlink(`${dir}/r`)));
  }), ['ok']],
  ['a directory without the sticky bit', mounted('', (s, as, dir) => {
    s.kernel.mkdir(`${dir}/d`, 0o777);
    s.kernel.chmod(`${dir}/d`, 0o777);
    s.pin(s.map('hash'), `${dir}/d/m`);
    return as(ALICE, STAFF, () => all(() => s.kernel.unlink(`${dir}/d/m`)));
  }), ['ok']],
  ['rename: a directory whose .. would change', mounted('', (s, as, dir) => {
    s.kernel.mkdir(`${dir}/to`, 0o777);
    s.kernel.chmod(`${dir}/to`, 0o777);
    as(ALICE, STAFF, () => s.kernel.mkdir(`${dir}/d`, 0o555));
    return as(ALICE, STAFF, () => all(
      () => s.kernel.rename(`${dir}/d`, `${dir}/to/d`),
      () => s.kernel.rename(`${dir}/d`, `${dir}/e`),
    ));
  }), ['EACCES', 'ok']],
  ['chmod: by others', mounted('', (s, as, dir) => {
    s.pin(s.map('hash'), `${dir}/m`);
    return as(ALICE, STAFF, () => all(() => s.kernel.chmod(`${dir}/m`, 0o666), () => s.kernel.chmod(`${dir}/none`, 0o666)));
  }), ['EPERM', 'ENOENT']],
  ['chmod: a group that is not the own', mounted('', (s, as, dir) => {
    s.kernel.mkdir(`${dir}/d`, 0o700);
    s.kernel.chown(`${dir}/d`, ALICE, 7000);
    as(ALICE, STAFF, () => s.kernel.chmod(`${dir}/d`, 0o2770));
    return said(s, `${dir}/d`);
  }), ['770', ALICE, 7000]],
  ['chown: by others, and by the owner', mounted('', (s, as, dir) => {
    s.pin(s.map('hash'), `${dir}/m`);
    const tries = (uid: number) => as(uid, STAFF, () => all(
      () => s.kernel.chown(`${dir}/m`, BOB, -1),
      () => s.kernel.chown(`${dir}/m`, ALICE, -1),
      () => s.kernel.chown(`${dir}/m`, -1, 7000),
      () => s.kernel.chown(`${dir}/m`, -1, STAFF),
      () => s.kernel.chown(`${dir}/m`, -1, -1),
    ));
    const before = tries(ALICE);
    s.kernel.chown(`${dir}/m`, ALICE, 0);
    return [before, tries(ALICE), said(s, `${dir}/m`)];
  }), [['EPERM', 'EPERM', 'EPERM', 'EPERM', 'ok'], ['EPERM', 'ok', 'EPERM', 'ok', 'ok'], ['600', ALICE, STAFF]]],
  ['mount: by others',                    (s, as) => as(ALICE, STAFF, () => outcome(() => s.kernel.mount('bpf', ROOT, 'bpf', 0, ''))), 'EPERM'],
];
