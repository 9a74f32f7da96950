import { MAX_FD_MESSAGE, SCM_MAX_FD } from '../../src/sys/kernel.ts';
import type { Fd } from '../../src/uapi/fd.ts';
import type { Session } from './session.ts';
import type { Row } from './suite.ts';

const PATH = '/mnt/agent';

/** A path for a socket, in a file system of its own. */
function fresh(s: Session): string {
  s.kernel.mount('tmpfs', '/mnt', 'tmpfs', 0, '');
  return PATH;
}

function bound(s: Session): Fd {
  return s.own(s.kernel.bindFds(fresh(s)));
}

function send(s: Session, fds: readonly Fd[], data = Uint8Array.of(1, 2, 3)): void {
  s.kernel.sendFds(PATH, data, fds);
}

function receive(s: Session, fd: Fd) {
  const message = s.kernel.receiveFds(fd);
  for (const one of message.fds) s.own(one);
  return message;
}

/** What is at the other end: how many bytes and fds, and whether something is missing. */
function summary(s: Session, fd: Fd): string {
  const { data, fds, truncated } = receive(s, fd);
  return `${data.length} bytes, ${fds.length} fds${truncated ? ', truncated' : ''}`;
}

const STAT_KIND = 0o170000;

// biome-ignore format: aligned table
export const fdMessageRows: readonly Row[] = [
  ['the data',                           (s) => { const r = bound(s); send(s, []); return [...receive(s, r).data]; }, [1, 2, 3]],
  ['a map, by an fd of its own',         (s) => { const r = bound(s); const m = s.map('hash'); send(s, [m]); const [got] = receive(s, r).fds; s.update(m, 1, 7); s.close(m); return got !== undefined && got !== m && s.lookup(got, 1); }, 7],
  ['the map, when nobody else has it',   (s) => { const r = bound(s); const m = s.map('hash'); const id = s.mapId(m); send(s, [m]); s.close(m); return s.mapId(receive(s, r).fds[0] ?? (-1 as Fd)) === id; }, true],
  ['fds of several kinds, in order',     (s) => { const r = bound(s); const p = s.prog(); const m = s.map('array'); send(s, [p, m]); const [a, b] = receive(s, r).fds; return [a !== undefined && s.progId(a) === s.progId(p), b !== undefined && s.mapId(b) === s.mapId(m)]; }, [true, true]],
  ['the same fd twice',                  (s) => { const r = bound(s); const m = s.map('hash'); send(s, [m, m]); return new Set(receive(s, r).fds).size; }, 2],
  ['no data at all',                     (s) => { const r = bound(s); send(s, [s.map('hash')], new Uint8Array(0)); return summary(s, r); }, '0 bytes, 1 fds'],
  ['as much as there can be',            (s) => { const r = bound(s); const m = s.map('hash'); send(s, Array(SCM_MAX_FD).fill(m), new Uint8Array(MAX_FD_MESSAGE)); return summary(s, r); }, `${MAX_FD_MESSAGE} bytes, ${SCM_MAX_FD} fds`],
  ['too many fds',                       (s) => { bound(s); send(s, Array(SCM_MAX_FD + 1).fill(s.map('hash'))); }, 'EINVAL'],
  ['too much data',                      (s) => { bound(s); send(s, [], new Uint8Array(MAX_FD_MESSAGE + 1)); }, 'EMSGSIZE'],
  ['messages one after the other',       (s) => { const r = bound(s); send(s, [], Uint8Array.of(1)); send(s, [], Uint8Array.of(2)); return [receive(s, r).data[0], receive(s, r).data[0]]; }, [1, 2]],
  ['who sent it',                        (s) => { const r = bound(s); send(s, []); const { sender } = receive(s, r); return [sender?.uid, sender?.gid, (sender?.pid ?? 0) > 0]; }, [0, 0, true]],
  ['nothing yet',                        (s) => receive(s, bound(s)), 'EAGAIN'],
  ['more than the queue holds',          (s) => { bound(s); for (let i = 0; i < 100; i++) send(s, []); }, 'EAGAIN'],
  ['the queue holds eleven',             (s) => { const r = bound(s); for (let i = 0; i < 11; i++) send(s, []); return summary(s, r); }, '3 bytes, 0 fds'],
  ['an fd that there is not',            (s) => { bound(s); send(s, [999 as Fd]); }, 'EBADF'], // no kernel has handed it out
  ['to nobody',                          (s) => { fresh(s); send(s, []); }, 'ENOENT'],
  ['to a directory',                     (s) => { s.kernel.mkdir(fresh(s), 0o755); send(s, []); }, 'ECONNREFUSED'],
  ['to one who has closed',              (s) => { const r = bound(s); s.close(r); send(s, []); }, 'ECONNREFUSED'],
  ['to one whose path was taken away',   (s) => { bound(s); s.kernel.unlink(PATH); send(s, []); }, 'ENOENT'],
  ['from an fd that is no socket',       (s) => receive(s, s.map('hash')), 'ENOTSOCK'],
  ['from no fd',                         (s) => receive(s, 999 as Fd), 'EBADF'], // as above
  ['at a path that is taken',            (s) => { bound(s); s.kernel.bindFds(PATH); }, 'EADDRINUSE'],
  ['at a path that is left over',        (s) => { const r = bound(s); s.close(r); s.kernel.bindFds(PATH); }, 'EADDRINUSE'],
  ['in no directory',                    (s) => { fresh(s); s.kernel.bindFds('/mnt/no/agent'); }, 'ENOENT'],
  ['on bpffs',                           (s) => s.kernel.bindFds('/sys/fs/bpf/agent'), 'EPERM'],
  ['at an empty path',                   (s) => s.kernel.bindFds(''), 'ENOENT'],
  ['at a path of 108 bytes',             (s) => s.kernel.bindFds(`/mnt/${'x'.repeat(103)}`), 'ENAMETOOLONG'],
  ['at a path of 107 bytes',             (s) => { fresh(s); s.own(s.kernel.bindFds(`/mnt/${'x'.repeat(102)}`)); }, 'ok'],
  ['the path is a socket',               (s) => { bound(s); return s.kernel.stat(PATH).mode & STAT_KIND; }, 0o140000],
  ['which cannot be opened',             (s) => { bound(s); s.own(s.kernel.open(PATH, 0)); }, 'ENXIO'],
];
