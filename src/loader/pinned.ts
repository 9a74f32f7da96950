import { UsageError } from '../errors.ts';
import type { Kernel } from '../sys/kernel.ts';
import type { Fd } from '../uapi/fd.ts';
import { fdinfo, orUndefined } from './calls.ts';

/** What is behind a pin. `unknown`: it cannot be opened, or this version of skep does not know its kind. */
export interface PinnedKind {
  readonly kind: 'map' | 'prog' | 'link' | 'unknown';
  readonly id: number | undefined;
}

export function pinnedKind(kernel: Kernel, path: string): PinnedKind {
  const fd = orUndefined(['EACCES', 'EPERM', 'ENOENT', 'EINVAL'], () => kernel.bpf('BPF_OBJ_GET', { pathname: path }));
  if (fd === undefined) return { kind: 'unknown', id: undefined };
  try {
    return fdKind(kernel, fd);
  } finally {
    kernel.close(fd);
  }
}

/** Which kind of bpf object an fd is, by the ids in its fdinfo. */
export function fdKind(kernel: Kernel, fd: Fd): PinnedKind {
  const info = fdinfo(kernel, fd);
  // A link's fdinfo also has the id of its program, and so comes first.
  for (const kind of ['link', 'map', 'prog'] as const) {
    const id = info.get(`${kind}_id`);
    if (id !== undefined) return { kind, id: Number(id) };
  }
  return { kind: 'unknown', id: undefined };
}

const KIND_NAMES = { map: 'a map', prog: 'a program', link: 'a link' } as const;

/** Throws UsageError if the fd is of another kind than `wanted`; the kernel would misread what is asked of it. `where` names it: a path, an id. */
export function expectKind(kernel: Kernel, fd: Fd, wanted: 'map' | 'prog' | 'link', where: string): void {
  const { kind } = fdKind(kernel, fd);
  // Without procfs there is nothing to tell by; then the caller's word has to do.
  if (kind === wanted || kind === 'unknown') return;
  throw new UsageError(`${where} is ${KIND_NAMES[kind]}, not ${KIND_NAMES[wanted]}`);
}
