import { O_ACCMODE, O_CREAT, O_DIRECTORY, O_RDONLY, O_WRONLY } from '../../../sys/kernel.ts';
import { errno } from '../../../uapi/errno.ts';
import type { OpenFile } from '../files.ts';
import { IterLink } from '../links/iter-link.ts';
import type { Process } from '../process.ts';
import { MAY_READ, MAY_WRITE, permission } from './permission.ts';
import { walk } from './walk.ts';

/** open(2): the new fd or -errno. */
export function open(process: Process, path: string, flags: number): number {
  const at = walk(process, path);
  if (at === -errno.ENOENT && (flags & O_CREAT) !== 0) {
    return process.fail(
      errno.EACCES,
      'the embedded kernel has no ordinary files; directories, links and pins are made by other calls',
    );
  }
  if (typeof at === 'number') return at;
  const { mount, inode } = at;
  const writing = (flags & O_ACCMODE) !== O_RDONLY;
  const reading = (flags & O_ACCMODE) !== O_WRONLY;
  const refused = permission(process.user, inode, (reading ? MAY_READ : 0) | (writing ? MAY_WRITE : 0));
  if (refused !== 0) return refused;
  const add = (file: OpenFile): number => process.files.add(file);
  if (inode.kind === 'directory') {
    return writing ? -errno.EISDIR : add({ kind: 'directory', path, place: { mount, inode } });
  }
  if ((flags & O_DIRECTORY) !== 0) return -errno.ENOTDIR;
  switch (inode.kind) {
    case 'text':
      if (writing) return -errno.EACCES;
      return add({ kind: 'text', path, bytes: textOf(inode.read), offset: 0 });
    case 'trace_pipe':
      return writing ? -errno.EACCES : add({ kind: 'trace_pipe', path, rest: new Uint8Array(0) });
    case 'pin':
      if (inode.object.kind === 'link' && inode.object.link instanceof IterLink && !writing)
        return add({ kind: 'iter', iterator: inode.object.link.open() });
      return process.fail(errno.EIO, 'the embedded kernel does not show pinned objects as text; use BPF_OBJ_GET');
    case 'netns':
      if (writing) return -errno.EACCES;
      return add({ kind: 'netns', path, network: inode.network.get() });
    case 'socket':
      return -errno.ENXIO;
    case 'symlink':
      return -errno.ELOOP; // not reached: the walk follows links
  }
}

function textOf(read: (() => string | Uint8Array) | undefined): Uint8Array | undefined {
  const text = read?.();
  return typeof text === 'string' ? new TextEncoder().encode(text) : text;
}

/** read(2): bytes put into `buffer`, or -errno. What reads a trace pipe never waits: without a line it is EAGAIN, O_NONBLOCK or not. */
export function read(process: Process, fd: number, buffer: Uint8Array): number {
  const file = process.files.get(fd);
  switch (file?.kind) {
    case undefined:
      return -errno.EBADF;
    case 'directory':
      return -errno.EISDIR;
    case 'text': {
      if (file.bytes === undefined) return -errno.EINVAL;
      const bytes = file.bytes.subarray(file.offset, file.offset + buffer.length);
      buffer.set(bytes);
      file.offset += bytes.length;
      return bytes.length;
    }
    case 'iter':
      return file.iterator.read(buffer);
    case 'trace_pipe':
      return readTrace(process, file, buffer);
    default:
      return -errno.EINVAL;
  }
}

function readTrace(process: Process, file: Extract<OpenFile, { kind: 'trace_pipe' }>, buffer: Uint8Array): number {
  if (buffer.length === 0) return 0;
  let filled = 0;
  while (filled < buffer.length) {
    if (file.rest.length === 0) {
      const line = process.machine.trace.take();
      if (line === undefined) break;
      file.rest = new TextEncoder().encode(line);
    }
    const part = file.rest.subarray(0, buffer.length - filled);
    buffer.set(part, filled);
    filled += part.length;
    file.rest = file.rest.subarray(part.length);
  }
  return filled > 0 ? filled : -errno.EAGAIN;
}
