import { NotSupportedError, SysError, UsageError } from '../errors.ts';
import { type Kernel, O_DIRECTORY, O_RDONLY } from '../sys/kernel.ts';
import { BPF_FS_MAGIC } from '../uapi/bpf.ts';
import type { Fd } from '../uapi/fd.ts';
import { closing, orUndefined, readText, saying } from './calls.ts';
import { checkFd } from './handle.ts';

/** The right to what a bpffs delegates (options `delegate_*` of its mount), for a process of its user namespace (Linux >= 6.9): the path of one, or a token's fd. */
export type TokenSource = string | { readonly fd: number };

/** Where one is looked for if nobody says. As libbpf. */
const BPFFS = '/sys/fs/bpf';
/** The whole of the user ids: that of who is in no user namespace but the first. */
const EVERYBODY = /^\s*0\s+0\s+4294967295\s*$/;

/**
 * Runs `use` with the fd of a token. `source` `undefined`: that of /sys/fs/bpf, if this process is in a user namespace and it has one; `false`: none.
 *
 * Throws NotSupportedError if the kernel has no tokens, or gives none to this user namespace; SysError: ENOENT if the bpffs delegates nothing, EPERM; UsageError if the path is no bpffs.
 */
export function withToken<T>(
  kernel: Kernel,
  source: TokenSource | false | undefined,
  use: (token: Fd | undefined) => T,
): T {
  if (source === undefined) {
    const fd = isInUserNamespace(kernel) ? orUndefined(ABSENT, () => createToken(kernel, BPFFS)) : undefined;
    return fd === undefined ? use(undefined) : closing(kernel, fd, () => use(fd));
  }
  if (source === false) return use(undefined);
  if (typeof source !== 'string') return use(checkFd(source.fd));
  if (kernel.fsType(source) !== BPF_FS_MAGIC) throw new UsageError(`${source} is no bpffs, which a token is of`);
  const fd = said(source, () => createToken(kernel, source));
  return closing(kernel, fd, () => use(fd));
}

/** What is no reason to fail where nobody asked for a token. */
const ABSENT = ['ENOENT', 'ENOTDIR', 'EINVAL', 'EPERM', 'EACCES', 'EOPNOTSUPP', 'ENOTSUPP'];

function createToken(kernel: Kernel, path: string): Fd {
  const bpffs = saying(path, () => kernel.open(path, O_RDONLY | O_DIRECTORY));
  return closing(kernel, bpffs, () =>
    saying(`of ${path}`, () => kernel.bpf('BPF_TOKEN_CREATE', { flags: 0, bpffs_fd: bpffs })),
  );
}

/** An older kernel does not know the command, and no kernel has tokens for its first user namespace. */
function said<T>(path: string, create: () => T): T {
  try {
    return create();
  } catch (cause) {
    if (!(cause instanceof SysError) || cause.syscall !== 'BPF_TOKEN_CREATE') throw cause;
    if (cause.code === 'EOPNOTSUPP')
      throw new NotSupportedError(`a token of ${path} outside of a user namespace`, { cause, instead: 'load without' });
    if (cause.code === 'EINVAL' || cause.code === 'ENOTSUPP')
      throw new NotSupportedError(`a token of ${path}`, { cause, since: '6.9' });
    throw cause;
  }
}

const namespaces = new WeakMap<Kernel, boolean>();

function isInUserNamespace(kernel: Kernel): boolean {
  let known = namespaces.get(kernel);
  if (known === undefined) {
    const map = orUndefined(['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM'], () => readText(kernel, '/proc/self/uid_map'));
    known = map !== undefined && !EVERYBODY.test(map);
    namespaces.set(kernel, known);
  }
  return known;
}
