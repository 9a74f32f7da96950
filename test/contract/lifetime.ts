import { eventually, outcome, type Session, u32 } from './session.ts';
import type { Row } from './suite.ts';

/** Every id that BPF_*_GET_NEXT_ID gives. */
function ids(s: Session, cmd: 'BPF_MAP_GET_NEXT_ID' | 'BPF_PROG_GET_NEXT_ID' | 'BPF_BTF_GET_NEXT_ID'): number[] {
  const found: number[] = [];
  const attr = { start_id: 0, next_id: 0 };
  while (outcome(() => s.kernel.bpf(cmd, attr)) === 'ok') {
    attr.start_id = attr.next_id;
    found.push(attr.next_id);
  }
  return found;
}

/** A prog array that a program uses, with the program itself in slot 0. */
function cycle(s: Session): {
  array: ReturnType<Session['map']>;
  prog: ReturnType<Session['map']>;
  arrayId: number;
  progId: number;
} {
  const array = s.map('prog_array');
  const prog = s.progUsing(array);
  s.update(array, 0, u32(prog));
  return { array, prog, arrayId: s.mapId(array), progId: s.progId(prog) };
}

// biome-ignore format: aligned table
export const lifetimeRows: readonly Row[] = [
  ['ids grow',                            (s) => { const first = s.mapId(s.map('hash')); return s.mapId(s.map('hash')) > first; }, true],
  ['a map is listed while it lives', (s) => {
    const fd = s.map('hash');
    const id = s.mapId(fd);
    const before = ids(s, 'BPF_MAP_GET_NEXT_ID').includes(id);
    s.close(fd);
    return [before, ids(s, 'BPF_MAP_GET_NEXT_ID').includes(id)];
  }, [true, false]],
  ['a program too', (s) => {
    const fd = s.prog();
    const id = s.progId(fd);
    const before = ids(s, 'BPF_PROG_GET_NEXT_ID').includes(id);
    s.close(fd);
    return [before, ids(s, 'BPF_PROG_GET_NEXT_ID').includes(id)];
  }, [true, false]],
  ['an id that no map has',               (s) => s.kernel.bpf('BPF_MAP_GET_FD_BY_ID', { map_id: 2 ** 31 - 2 }), 'ENOENT'],
  ['an id that no program has',           (s) => s.kernel.bpf('BPF_PROG_GET_FD_BY_ID', { prog_id: 2 ** 31 - 2 }), 'ENOENT'],
  ['an id that no BTF has',               (s) => s.kernel.bpf('BPF_BTF_GET_FD_BY_ID', { btf_id: 2 ** 31 - 2 }), 'ENOENT'],
  ['an id that no link has',              (s) => s.kernel.bpf('BPF_LINK_GET_FD_BY_ID', { link_id: 2 ** 31 - 2 }), 'ENOENT'],
  ['id 0',                                (s) => s.kernel.bpf('BPF_MAP_GET_FD_BY_ID', { map_id: 0 }),    'ENOENT'],
  ['next id after the last possible',     (s) => s.kernel.bpf('BPF_MAP_GET_NEXT_ID', { start_id: 2 ** 31 - 1 }), 'EINVAL'],
  ['by id: unknown flags',                (s) => s.kernel.bpf('BPF_MAP_GET_FD_BY_ID', { map_id: s.mapId(s.map('hash')), open_flags: 1 }), 'EINVAL'],
  ['by id: both directions',              (s) => s.kernel.bpf('BPF_MAP_GET_FD_BY_ID', { map_id: s.mapId(s.map('hash')), open_flags: 24 }), 'EINVAL'],
  ['by id: read-only', (s) => {
    const fd = s.own(s.kernel.bpf('BPF_MAP_GET_FD_BY_ID', { map_id: s.mapId(s.map('array')), open_flags: 8 }));
    return [s.lookup(fd, 0), outcome(() => s.update(fd, 0, 1))];
  }, [0, 'EPERM']],
  ['a program by id: flags',              (s) => s.kernel.bpf('BPF_PROG_GET_FD_BY_ID', { prog_id: s.progId(s.prog()), open_flags: 8 }), 'EINVAL'],
  ['the restriction is that of one fd', (s) => {
    const fd = s.map('array', { map_flags: 8 });
    const other = s.own(s.kernel.bpf('BPF_MAP_GET_FD_BY_ID', { map_id: s.mapId(fd) }));
    return [outcome(() => s.update(fd, 0, 1)), outcome(() => s.update(other, 0, 1))];
  }, ['EPERM', 'ok']],
  ['two fds, one map', (s) => {
    const a = s.map('hash');
    const b = s.own(s.kernel.bpf('BPF_MAP_GET_FD_BY_ID', { map_id: s.mapId(a) }));
    s.update(a, 1, 5);
    s.close(a);
    return s.lookup(b, 1);
  }, 5],

  ['a program keeps its maps', (s) => {
    const map = s.map('array');
    const prog = s.progUsing(map);
    const id = s.mapId(map);
    s.update(map, 0, 77);
    s.close(map);
    const again = s.own(s.kernel.bpf('BPF_MAP_GET_FD_BY_ID', { map_id: id }));
    const value = s.lookup(again, 0);
    s.close(again);
    s.close(prog);
    return [value, s.mapGoes(id)];
  }, [77, true]],
  ['a program keeps a map that is bound to it', (s) => {
    const map = s.map('array');
    const prog = s.prog();
    const id = s.mapId(map);
    for (let i = 0; i < 2; i++) s.kernel.bpf('BPF_PROG_BIND_MAP', { prog_fd: prog, map_fd: map });
    s.close(map);
    const before = s.mapLives(id);
    s.close(prog);
    return [before, s.mapGoes(id)];
  }, [true, true]],
  ['bind: flags',                         (s) => s.kernel.bpf('BPF_PROG_BIND_MAP', { prog_fd: s.prog(), map_fd: s.map('array'), flags: 1 }), 'EINVAL'],
  ['bind: no program',                    (s) => s.kernel.bpf('BPF_PROG_BIND_MAP', { prog_fd: 999, map_fd: s.map('array') }), 'EBADF'],
  ['bind: no map',                        (s) => s.kernel.bpf('BPF_PROG_BIND_MAP', { prog_fd: s.prog(), map_fd: 999 }), 'EBADF'],
  ['bind: a program is no map',           (s) => s.kernel.bpf('BPF_PROG_BIND_MAP', { prog_fd: s.prog(), map_fd: s.prog() }), 'EINVAL'],
  ['a prog array keeps its programs', (s) => {
    const array = s.map('prog_array');
    const prog = s.prog();
    const id = s.progId(prog);
    s.update(array, 0, u32(prog));
    s.close(prog);
    const before = s.progLives(id);
    s.delete(array, 0);
    return before;
  }, true],
  ['a prog array empties with its last fd, and the cycle is gone', (s) => {
    const { array, prog, arrayId } = cycle(s);
    s.close(array);
    const again = s.own(s.kernel.bpf('BPF_MAP_GET_FD_BY_ID', { map_id: arrayId }));
    // Linux empties it a moment later, and loses count of the map for ever if its last fd goes once more before that. So wait first.
    return [eventually(() => outcome(() => s.lookup(again, 0, 0n, 4)) === 'ENOENT'), s.text(`/proc/self/fdinfo/${again}`).includes('owner_prog_type:\t3'), s.progId(prog) > 0];
  }, [true, true, true]],
  ['a prog array is for programs of the kind of those that use it', (s) => {
    const array = s.map('prog_array');
    s.progUsing(array);
    s.update(array, 0, u32(s.prog({ prog_type: 6 })));
  }, 'EINVAL'],
  ['a map that a program holds keeps its values without an fd', (s) => {
    const map = s.map('array');
    const id = s.mapId(map);
    s.progUsing(map);
    s.update(map, 2, 9);
    s.close(map);
    return s.lookup(s.own(s.kernel.bpf('BPF_MAP_GET_FD_BY_ID', { map_id: id })), 2);
  }, 9],

  ['freeze: update',                      (s) => { const m = s.map('array'); s.freeze(m); s.update(m, 0, 1); }, 'EPERM'],
  ['freeze: delete',                      (s) => { const m = s.map('hash'); s.freeze(m); s.delete(m, 0); }, 'EPERM'],
  ['freeze: lookup',                      (s) => { const m = s.map('array'); s.update(m, 0, 3); s.freeze(m); return s.lookup(m, 0); }, 3],
  ['freeze: batch',                       (s) => { const m = s.map('hash'); s.freeze(m); s.kernel.bpf('BPF_MAP_DELETE_BATCH', { map_fd: m, count: 1, keys: u32(0) }); }, 'EPERM'],
  ['freeze: through another fd', (s) => {
    const m = s.map('array');
    s.freeze(m);
    s.update(s.own(s.kernel.bpf('BPF_MAP_GET_FD_BY_ID', { map_id: s.mapId(m) })), 0, 1);
  }, 'EPERM'],
  ['freeze: twice',                       (s) => { const m = s.map('array'); s.freeze(m); s.freeze(m); }, 'EPERM'],
  ['freeze: a read-only fd',              (s) => s.freeze(s.map('array', { map_flags: 8 })),             'EPERM'],
  ['freeze: a prog array',                (s) => { const m = s.map('prog_array'); s.freeze(m); s.update(m, 0, u32(s.prog())); }, 'EPERM'],
  ['freeze: a bad fd',                    (s) => s.freeze(999 as ReturnType<Session['map']>),            'EBADF'], // no kernel has handed it out
  ['freeze: fdinfo', (s) => {
    const m = s.map('array');
    const before = s.text(`/proc/self/fdinfo/${m}`);
    s.freeze(m);
    return [before.includes('frozen:\t0'), s.text(`/proc/self/fdinfo/${m}`).includes('frozen:\t1')];
  }, [true, true]],

  ['fds: the lowest free number', (s) => {
    const [a, b] = [s.map('hash'), s.map('hash')];
    s.close(a);
    const c = s.map('hash');
    return [c === a, b === c];
  }, [true, false]],
  ['fds: close twice',                    (s) => { const m = s.map('hash'); s.close(m); s.kernel.close(m); }, 'EBADF'],
  ['stats: an unknown type',              (s) => s.kernel.bpf('BPF_ENABLE_STATS', { type: 1 }),          'EINVAL'],
  ['stats',                               (s) => s.own(s.kernel.bpf('BPF_ENABLE_STATS', { type: 0 })) > 0, true],
];
