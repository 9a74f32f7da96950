import { BPF_FS_MAGIC } from '../../src/uapi/bpf.ts';
import { outcome, type Session, u32 } from './session.ts';
import type { Row } from './suite.ts';

const ROOT = '/sys/fs/bpf';

/** Runs with a directory of its own, and takes away whatever is left in it. */
function inside(use: (s: Session, dir: string) => unknown): (s: Session) => unknown {
  return (s) => {
    const dir = `${ROOT}/row`;
    s.kernel.mkdir(dir, 0o700);
    try {
      return use(s, dir);
    } finally {
      clear(s, dir);
    }
  };
}

function clear(s: Session, path: string): void {
  for (const name of s.kernel.readdir(path)) {
    const at = `${path}/${name}`;
    if ((s.kernel.lstat(at).mode & 0o170000) === 0o040000) clear(s, at);
    else s.kernel.unlink(at);
  }
  s.kernel.rmdir(path);
}

const LONG = 'n'.repeat(256);

// biome-ignore format: aligned table
export const bpffsRows: readonly Row[] = [
  ['the root',                            (s) => [s.kernel.fsType(ROOT), (s.kernel.stat(ROOT).mode & 0o171000).toString(8)], [BPF_FS_MAGIC, '41000']],
  ['pin and get', inside((s, dir) => {
    const map = s.map('hash');
    s.update(map, 1, 5);
    s.pin(map, `${dir}/m`);
    s.close(map);
    return s.lookup(s.get(`${dir}/m`), 1);
  }), 5],
  ['a pin, by lstat', inside((s, dir) => {
    s.pin(s.map('hash'), `${dir}/m`);
    const { mode, nlink, uid, gid, size } = s.kernel.lstat(`${dir}/m`);
    return [mode.toString(8), nlink, uid, gid, size];
  }), ['100600', 1, 0, 0, 0]],
  ['a directory, by stat', inside((s, dir) => {
    s.kernel.mkdir(`${dir}/a`, 0o777);
    const { mode, nlink, size } = s.kernel.stat(dir);
    return [mode.toString(8), nlink, size, s.kernel.stat(`${dir}/a`).mode.toString(8)];
  }), ['40700', 3, 0, '40755']],
  ['a link, by lstat', inside((s, dir) => {
    s.kernel.symlink('target', `${dir}/l`);
    return (s.kernel.lstat(`${dir}/l`).mode & 0o170000).toString(8);
  }), '120000'],
  ['the map dies with its pin', inside((s, dir) => {
    const map = s.map('hash');
    const id = s.mapId(map);
    s.pin(map, `${dir}/m`);
    s.close(map);
    const before = s.mapLives(id);
    s.kernel.unlink(`${dir}/m`);
    return [before, s.mapGoes(id)];
  }), [true, true]],
  ['a pinned prog array keeps its programs', inside((s, dir) => {
    const array = s.map('prog_array');
    s.update(array, 0, u32(s.prog()));
    s.pin(array, `${dir}/m`);
    s.close(array);
    return s.lookup(s.get(`${dir}/m`), 0, 0n, 4) > 0;
  }), true],
  ['a program', inside((s, dir) => {
    const prog = s.prog();
    const id = s.progId(prog);
    s.pin(prog, `${dir}/p`);
    s.close(prog);
    return s.progId(s.get(`${dir}/p`)) === id;
  }), true],
  ['a program, read-only', inside((s, dir) => { s.pin(s.prog(), `${dir}/p`); return s.get(`${dir}/p`, 8) > 0; }), true],
  ['one map at two paths', inside((s, dir) => {
    const map = s.map('hash');
    s.pin(map, `${dir}/a`);
    s.pin(map, `${dir}/b`);
    return s.mapId(s.get(`${dir}/a`)) === s.mapId(s.get(`${dir}/b`));
  }), true],

  ['get: read-only', inside((s, dir) => {
    s.pin(s.map('array'), `${dir}/m`);
    const fd = s.get(`${dir}/m`, 8);
    return [s.lookup(fd, 0), outcome(() => s.update(fd, 0, 1))];
  }), [0, 'EPERM']],
  ['get: write-only', inside((s, dir) => {
    s.pin(s.map('array'), `${dir}/m`);
    const fd = s.get(`${dir}/m`, 16);
    return [outcome(() => s.update(fd, 0, 1)), outcome(() => s.lookup(fd, 0))];
  }), ['ok', 'EPERM']],
  ['get: a pin of a read-only fd can be written', inside((s, dir) => {
    s.pin(s.map('array', { map_flags: 8 }), `${dir}/m`);
    s.update(s.get(`${dir}/m`), 0, 1);
  }), 'ok'],
  ['get: both directions',                inside((s, dir) => { s.pin(s.map('hash'), `${dir}/m`); s.get(`${dir}/m`, 24); }), 'EINVAL'],
  ['get: unknown flags',                  inside((s, dir) => { s.pin(s.map('hash'), `${dir}/m`); s.get(`${dir}/m`, 1); }), 'EINVAL'],
  ['get: nothing there',                  inside((s, dir) => s.get(`${dir}/m`)),                         'ENOENT'],
  ['get: a name with a dot',              inside((s, dir) => s.get(`${dir}/m.n`)),                       'EPERM'],
  ['get: a directory',                    inside((s, dir) => s.get(dir)),                                'EACCES'],
  ['get: a file elsewhere',               (s) => s.get('/proc/mounts'),                                  'EACCES'],
  ['get: below a pin',                    inside((s, dir) => { s.pin(s.map('hash'), `${dir}/m`); s.get(`${dir}/m/x`); }), 'ENOTDIR'],
  ['get: a pin with a slash',             inside((s, dir) => { s.pin(s.map('hash'), `${dir}/m`); s.get(`${dir}/m/`); }), 'ENOTDIR'],
  ['get: through a link', inside((s, dir) => {
    s.pin(s.map('hash'), `${dir}/m`);
    s.kernel.symlink('m', `${dir}/l`);
    s.kernel.symlink(dir, `${dir}/d`);
    return s.mapId(s.get(`${dir}/d/l`)) === s.mapId(s.get(`${dir}/../row/./m`));
  }), true],
  ['get: links in a circle', inside((s, dir) => {
    s.kernel.symlink('b', `${dir}/a`);
    s.kernel.symlink('a', `${dir}/b`);
    s.get(`${dir}/a`);
  }), 'ELOOP'],
  ['get: a link to nowhere',              inside((s, dir) => { s.kernel.symlink('gone', `${dir}/l`); s.get(`${dir}/l`); }), 'ENOENT'],
  ['get: the empty path',                 (s) => s.get(''),                                              'ENOENT'],

  ['pin: the name is taken',              inside((s, dir) => { const m = s.map('hash'); s.pin(m, `${dir}/m`); s.pin(m, `${dir}/m`); }), 'EEXIST'],
  ['pin: a directory has the name',       inside((s, dir) => s.pin(s.map('hash'), dir)),                 'EEXIST'],
  ['pin: a link to nowhere has the name', inside((s, dir) => { s.kernel.symlink('gone', `${dir}/l`); s.pin(s.map('hash'), `${dir}/l`); }), 'EEXIST'],
  ['pin: no such directory',              inside((s, dir) => s.pin(s.map('hash'), `${dir}/a/m`)),        'ENOENT'],
  ['pin: a name with a dot',              inside((s, dir) => s.pin(s.map('hash'), `${dir}/m.n`)),        'EPERM'],
  ['pin: a name of 255 characters',       inside((s, dir) => s.pin(s.map('hash'), `${dir}/${LONG.slice(1)}`)), 'ok'],
  ['pin: a name of 256 characters',       inside((s, dir) => s.pin(s.map('hash'), `${dir}/${LONG}`)),    'ENAMETOOLONG'],
  ['pin: a slash at the end',             inside((s, dir) => s.pin(s.map('hash'), `${dir}/m/`)),         'ENOENT'],
  ['pin: not on bpffs',                   (s) => s.pin(s.map('hash'), '/sys/kernel/m'),                  'EPERM'],
  ['pin: a bad fd',                       inside((s, dir) => s.kernel.bpf('BPF_OBJ_PIN', { pathname: `${dir}/m`, bpf_fd: 999 })), 'EINVAL'],
  ['pin: the fd of BTF',                  inside((s, dir) => s.pin(s.btf(), `${dir}/m`)),                'EINVAL'],
  ['pin: the fd of a file',               inside((s, dir) => s.pin(s.own(s.kernel.open('/proc/mounts', 0)), `${dir}/m`)), 'EINVAL'],
  ['pin: unknown flags',                  inside((s, dir) => s.kernel.bpf('BPF_OBJ_PIN', { pathname: `${dir}/m`, bpf_fd: s.map('hash'), file_flags: 1 })), 'EINVAL'],
  ['pin: path_fd without its flag',       inside((s, dir) => s.kernel.bpf('BPF_OBJ_PIN', { pathname: `${dir}/m`, bpf_fd: s.map('hash'), path_fd: 3 })), 'EINVAL'],

  ['mkdir: the name is taken',            inside((s, dir) => s.kernel.mkdir(dir, 0o700)),                'EEXIST'],
  ['mkdir: a dot',                        inside((s, dir) => s.kernel.mkdir(`${dir}/a.b`, 0o700)),       'EPERM'],
  ['mkdir: a slash at the end',           inside((s, dir) => s.kernel.mkdir(`${dir}/a/`, 0o700)),        'ok'],
  ['mkdir: no such directory',            inside((s, dir) => s.kernel.mkdir(`${dir}/a/b`, 0o700)),       'ENOENT'],
  ['mkdir: below a pin',                  inside((s, dir) => { s.pin(s.map('hash'), `${dir}/m`); s.kernel.mkdir(`${dir}/m/b`, 0o700); }), 'ENOTDIR'],
  ['mkdir: the directory itself',         inside((s, dir) => s.kernel.mkdir(`${dir}/.`, 0o700)),         'EEXIST'],
  ['rmdir: not empty',                    inside((s, dir) => { s.kernel.mkdir(`${dir}/a`, 0o700); s.kernel.rmdir(dir); }), 'ENOTEMPTY'],
  ['rmdir: a pin',                        inside((s, dir) => { s.pin(s.map('hash'), `${dir}/m`); s.kernel.rmdir(`${dir}/m`); }), 'ENOTDIR'],
  ['rmdir: nothing',                      inside((s, dir) => s.kernel.rmdir(`${dir}/a`)),                'ENOENT'],
  ['rmdir: .',                            inside((s, dir) => s.kernel.rmdir(`${dir}/.`)),                'EINVAL'],
  ['rmdir: ..',                           inside((s, dir) => s.kernel.rmdir(`${dir}/..`)),               'ENOTEMPTY'],
  ['rmdir: a mount',                      (s) => s.kernel.rmdir(ROOT),                                   'EBUSY'],
  ['unlink: a directory',                 inside((s, dir) => s.kernel.unlink(dir)),                      'EISDIR'],
  ['unlink: nothing',                     inside((s, dir) => s.kernel.unlink(`${dir}/a`)),               'ENOENT'],
  ['unlink: a link, not its target', inside((s, dir) => {
    s.pin(s.map('hash'), `${dir}/m`);
    s.kernel.symlink('m', `${dir}/l`);
    s.kernel.unlink(`${dir}/l`);
    return s.kernel.readdir(dir);
  }), ['m']],
  ['unlink: a slash at the end',          inside((s, dir) => { s.pin(s.map('hash'), `${dir}/m`); s.kernel.unlink(`${dir}/m/`); }), 'ENOTDIR'],
  ['open: a file to create',              inside((s, dir) => s.kernel.open(`${dir}/f`, 0o101, 0o600)),   'EACCES'],
  ['open: a pin without text',            inside((s, dir) => { s.pin(s.prog(), `${dir}/p`); s.kernel.open(`${dir}/p`, 0); }), 'EIO'],
  ['open: a directory to write',          inside((s, dir) => s.kernel.open(dir, 1)),                     'EISDIR'],
  ['open: a pin as a directory',          inside((s, dir) => { s.pin(s.map('hash'), `${dir}/m`); s.kernel.open(`${dir}/m`, 0o200000); }), 'ENOTDIR'],
  ['read: a directory',                   inside((s, dir) => s.kernel.read(s.own(s.kernel.open(dir, 0)), new Uint8Array(8))), 'EISDIR'],
  ['readdir: sorted',                     inside((s, dir) => { for (const n of ['b', 'c', 'a']) s.kernel.mkdir(`${dir}/${n}`, 0o700); return s.kernel.readdir(dir); }), ['a', 'b', 'c']],
  ['readdir: a pin',                      inside((s, dir) => { s.pin(s.map('hash'), `${dir}/m`); s.kernel.readdir(`${dir}/m`); }), 'ENOTDIR'],
  ['readlink',                            inside((s, dir) => { s.kernel.symlink('x/y', `${dir}/l`); return s.kernel.readlink(`${dir}/l`); }), 'x/y'],
  ['readlink: a directory',               inside((s, dir) => s.kernel.readlink(dir)),                    'EINVAL'],
  ['symlink: a dot',                      inside((s, dir) => s.kernel.symlink('x', `${dir}/a.b`)),       'EPERM'],
  ['symlink: to nothing',                 inside((s, dir) => s.kernel.symlink('', `${dir}/l`)),          'ENOENT'],

  ['rename', inside((s, dir) => {
    const map = s.map('hash');
    s.pin(map, `${dir}/a`);
    s.kernel.mkdir(`${dir}/d`, 0o700);
    s.kernel.rename(`${dir}/a`, `${dir}/d/b`);
    return [s.kernel.readdir(dir), s.mapId(s.get(`${dir}/d/b`)) === s.mapId(map)];
  }), [['d'], true]],
  ['rename: over another pin, which goes', inside((s, dir) => {
    const [a, b] = [s.map('hash'), s.map('hash')];
    const id = s.mapId(b);
    s.pin(a, `${dir}/a`);
    s.pin(b, `${dir}/b`);
    s.close(b);
    s.kernel.rename(`${dir}/a`, `${dir}/b`);
    return [s.kernel.readdir(dir), s.mapId(s.get(`${dir}/b`)) === s.mapId(a), s.mapGoes(id)];
  }), [['b'], true, true]],
  ['rename: to itself',                   inside((s, dir) => { s.pin(s.map('hash'), `${dir}/a`); s.kernel.rename(`${dir}/a`, `${dir}/a`); return s.kernel.readdir(dir); }), ['a']],
  ['rename: nothing',                     inside((s, dir) => s.kernel.rename(`${dir}/a`, `${dir}/b`)),   'ENOENT'],
  ['rename: to a name with a dot',        inside((s, dir) => { s.pin(s.map('hash'), `${dir}/a`); s.kernel.rename(`${dir}/a`, `${dir}/b.c`); }), 'EPERM'],
  ['rename: a directory into itself',     inside((s, dir) => { s.kernel.mkdir(`${dir}/a`, 0o700); s.kernel.rename(`${dir}/a`, `${dir}/a/b`); }), 'EINVAL'],
  ['rename: a pin over a directory',      inside((s, dir) => { s.pin(s.map('hash'), `${dir}/a`); s.kernel.mkdir(`${dir}/d`, 0o700); s.kernel.rename(`${dir}/a`, `${dir}/d`); }), 'EISDIR'],
  ['rename: a directory over a pin',      inside((s, dir) => { s.pin(s.map('hash'), `${dir}/a`); s.kernel.mkdir(`${dir}/d`, 0o700); s.kernel.rename(`${dir}/d`, `${dir}/a`); }), 'ENOTDIR'],
  ['rename: over a directory that is empty', inside((s, dir) => {
    for (const n of ['a', 'a/x', 'b']) s.kernel.mkdir(`${dir}/${n}`, 0o700);
    s.kernel.rename(`${dir}/a`, `${dir}/b`);
    return [s.kernel.readdir(dir), s.kernel.readdir(`${dir}/b`), s.kernel.stat(dir).nlink, s.kernel.readdir(`${dir}/b/..`)];
  }), [['b'], ['x'], 3, ['b']]],
  ['rename: over a directory that is not', inside((s, dir) => {
    for (const n of ['a', 'b', 'b/x']) s.kernel.mkdir(`${dir}/${n}`, 0o700);
    s.kernel.rename(`${dir}/a`, `${dir}/b`);
  }), 'ENOTEMPTY'],
  ['rename: to another file system',      inside((s, dir) => { s.pin(s.map('hash'), `${dir}/a`); s.kernel.rename(`${dir}/a`, '/sys/kernel/a'); }), 'EXDEV'],
  ['rename: .',                           inside((s, dir) => s.kernel.rename(`${dir}/.`, `${dir}/x`)),   'EBUSY'],

  ['the lists of the kernel itself', (s) => {
    const path = `${ROOT}/maps.debug`;
    const { mode, nlink, uid, size } = s.kernel.lstat(path);
    return [
      s.kernel.readdir(ROOT).filter((name) => name.includes('.')),
      [mode.toString(8), nlink, uid, size],
      outcome(() => s.kernel.unlink(path)),
      outcome(() => s.kernel.rename(path, `${ROOT}/m`)),
      outcome(() => s.kernel.symlink('x', path)),
      outcome(() => s.pin(s.map('hash'), path)),
      outcome(() => s.kernel.open(path, 0o200000)),
    ];
  }, [['maps.debug', 'progs.debug'], ['100400', 1, 0, 0], 'EPERM', 'EPERM', 'EEXIST', 'EEXIST', 'ENOTDIR']],
  ['a pin over a list of the kernel itself', inside((s, dir) => {
    s.pin(s.map('hash'), `${dir}/m`);
    s.kernel.rename(`${dir}/m`, `${ROOT}/maps.debug`);
  }), 'EPERM'],

  ['mount: an unknown type',              inside((s, dir) => s.kernel.mount('x', dir, 'nofs', 0, '')),   'ENODEV'],
  ['mount: no type',                      inside((s, dir) => s.kernel.mount('x', dir, '', 0, '')),       'ENODEV'],
  ['mount: on nothing',                   inside((s, dir) => s.kernel.mount('bpf', `${dir}/a`, 'bpf', 0, '')), 'ENOENT'],
  ['mount: on a pin',                     inside((s, dir) => { s.pin(s.map('hash'), `${dir}/m`); s.kernel.mount('bpf', `${dir}/m`, 'bpf', 0, ''); }), 'ENOTDIR'],
  ['mount: a mode that is none',          inside((s, dir) => s.kernel.mount('bpf', dir, 'bpf', 0, 'mode=9')), 'EINVAL'],
  ['mount: private, but no mount',        inside((s, dir) => s.kernel.mount('', dir, 'none', 1 << 18, '')), 'EINVAL'],
  ['mount: private',                      (s) => s.kernel.mount('', ROOT, 'none', (1 << 18) | 16384, ''), 'ok'],
  ['mount: a bpffs on a bpffs', (s) => {
    const dir = `${ROOT}/inner`;
    s.kernel.mkdir(dir, 0o700);
    s.kernel.mount('bpf', dir, 'bpf', 0, 'mode=0750,nonsense=1');
    s.pin(s.map('hash'), `${dir}/m`);
    const { mode, dev } = s.kernel.stat(dir);
    return [
      (mode & 0o7777).toString(8),
      dev === s.kernel.stat(ROOT).dev,
      s.kernel.readdir(dir).includes('m'),
      s.text('/proc/mounts').includes(`bpf ${dir} bpf rw,relatime,mode=750 0 0\n`),
      s.kernel.stat(`${dir}/..`).ino === s.kernel.stat(ROOT).ino,
      outcome(() => s.kernel.rename(`${dir}/m`, `${ROOT}/m`)),
      outcome(() => s.kernel.rmdir(dir)),
    ];
  }, ['1750', false, true, true, true, 'EXDEV', 'EBUSY']],
  ['mount: one directory at two places', (s) => {
    for (const n of ['from', 'to']) s.kernel.mkdir(`${ROOT}/${n}`, 0o700);
    s.kernel.mount(`${ROOT}/from`, `${ROOT}/to`, 'none', 4096, '');
    s.pin(s.map('hash'), `${ROOT}/to/m`);
    return [s.kernel.readdir(`${ROOT}/from`), outcome(() => s.kernel.rename(`${ROOT}/to/m`, `${ROOT}/from/n`))];
  }, [['m'], 'EXDEV']],
];
