import { SysError } from '../errors.ts';
import type { Kernel } from '../sys/kernel.ts';
import type { BpfAttr } from '../uapi/attr.ts';
import type { Fd, LinkId } from '../uapi/fd.ts';
import { BPF_F_REPLACE } from '../uapi/link.ts';
import { pinFd } from './bpffs.ts';
import { adopt, closing, ids, orUndefined, saying } from './calls.ts';
import { checkFd, checkKernel, checkPath, closedHandle } from './handle.ts';
import { type LinkInfo, linkInfo } from './link-info.ts';
import type { BpfMap } from './map.ts';
import { expectKind } from './pinned.ts';
import { BpfProgram } from './program.ts';

/**
 * A program at a hook, as the one who attached it holds it. It detaches what it has attached and nothing else; closing it lets go, which detaches
 * unless a pin or another process holds on. Close it with `using`.
 */
export interface Attachment extends Disposable {
  readonly kernel: Kernel;
  /** For messages. */
  readonly label: string;
  /** Keeps it attached after this process. Throws NotSupportedError where the kernel has no link for it. */
  pin(path: string): void;
  /** Takes the program from the hook, whoever else holds the attachment, where the kernel can do that; else lets go. */
  detach(): void;
  close(): void;
}

/** Ways to name a link that a kernel already has. */
export type LinkSource = { readonly id: number } | { readonly pinned: string } | { readonly fd: number };

/** An open link. Holds an fd: close it with `using`, or {@link BpfLink.close}. */
export class BpfLink implements Attachment {
  readonly kernel: Kernel;
  readonly id: LinkId;
  readonly #type: LinkInfo['type'];
  readonly #fd: Fd;
  readonly #closed: (() => void) | undefined;
  #open = true;

  /** Takes over `fd`. Prefer {@link openLink} and the functions that attach. `closed` is told when the handle is closed. */
  constructor(kernel: Kernel, fd: Fd, closed?: () => void) {
    this.kernel = kernel;
    this.#fd = fd;
    this.#closed = closed;
    const { id, type } = linkInfo(kernel, fd);
    this.id = id;
    this.#type = type;
  }

  /** Throws SysError EBADF if the handle is closed: the number may be another object's by now. */
  get fd(): Fd {
    if (!this.#open) throw closedHandle(this.label);
    return this.#fd;
  }

  /** As it is now: the program can be exchanged, and the hook can go. */
  get info(): LinkInfo {
    return linkInfo(this.kernel, this.fd);
  }

  get label(): string {
    return `link ${this.id} (${this.#type})`;
  }

  /**
   * Puts another program in the place of the present one, in one step. `old`: only if this is the present one. A link of struct_ops takes maps.
   * Throws SysError: EPERM if `old` is not the present one, ENOLINK if the link is detached, EINVAL if the program's type does not fit or the kind
   * of link cannot be updated.
   */
  update(to: BpfProgram | BpfMap, { old }: { readonly old?: BpfProgram | BpfMap | undefined } = {}): void {
    for (const handle of [to, old]) if (handle !== undefined) checkKernel(this.kernel, handle);
    const attr = to instanceof BpfProgram ? { new_prog_fd: to.fd } : { new_map_fd: to.fd };
    const before = old instanceof BpfProgram ? { old_prog_fd: old.fd } : { old_map_fd: old?.fd };
    const replace = old === undefined ? {} : { flags: BPF_F_REPLACE, ...before };
    saying(`of ${this.label} to ${to.label}`, () =>
      this.kernel.bpf('BPF_LINK_UPDATE', { link_fd: this.fd, ...attr, ...replace }),
    );
  }

  pin(path: string): void {
    pinFd(this.kernel, this.fd, path);
  }

  /**
   * Takes the program from its hook; the link stays, without effect, as long as something holds it. Links of tracing, probes and iterators cannot be
   * detached from outside: there this closes the handle, and the program is off once nothing else holds the link.
   */
  detach(): void {
    if (orUndefined('EOPNOTSUPP', () => [this.forceDetach()]) === undefined) this.close();
  }

  /** As {@link BpfLink.detach}, and SysError EOPNOTSUPP for links that cannot be detached from outside. */
  forceDetach(): void {
    saying(`of ${this.label}`, () => this.kernel.bpf('BPF_LINK_DETACH', { link_fd: this.fd }));
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#closed?.();
    this.kernel.close(this.#fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Opens a link by id, pin or fd (which is taken over). Throws SysError: ENOENT if there is no such link. */
export function openLink(kernel: Kernel, source: LinkSource): BpfLink {
  const fd = openLinkFd(kernel, source);
  // An fd of the caller's stays the caller's if it fails.
  return adopt(kernel, fd, !('fd' in source), () => {
    expectKind(kernel, fd, 'link', 'pinned' in source ? source.pinned : 'it');
    return new BpfLink(kernel, fd);
  });
}

function openLinkFd(kernel: Kernel, source: LinkSource): Fd {
  if ('fd' in source) return checkFd(source.fd);
  if ('id' in source)
    return saying(`link id ${source.id}`, () => kernel.bpf('BPF_LINK_GET_FD_BY_ID', { link_id: source.id }));
  const pathname = checkPath(source.pinned);
  return saying(pathname, () => kernel.bpf('BPF_OBJ_GET', { pathname }));
}

/** Every link that the kernel has, by growing id. Links that vanish while this walks are left out. */
export function* listLinks(kernel: Kernel): Generator<LinkInfo> {
  for (const id of ids(kernel, 'BPF_LINK_GET_NEXT_ID')) {
    // EAGAIN: it is being made.
    const fd = orUndefined(['ENOENT', 'EAGAIN'], () => kernel.bpf('BPF_LINK_GET_FD_BY_ID', { link_id: id }));
    if (fd !== undefined) yield closing(kernel, fd, () => linkInfo(kernel, fd));
  }
}

/** BPF_LINK_CREATE for a program. `where` is for the message of an error: `on veth0 ingress`. */
export function createLink(program: BpfProgram, where: string, attr: BpfAttr<'BPF_LINK_CREATE'>): BpfLink {
  return holdLink(
    program,
    saying(`of ${program.label} ${where}`, () =>
      program.kernel.bpf('BPF_LINK_CREATE', { prog_fd: program.fd, ...attr }),
    ),
  );
}

/** The handle of a new link of a program or of a struct_ops map, which takes over `fd`. */
export function holdLink(holder: BpfProgram | BpfMap, fd: Fd): BpfLink {
  return adopt(holder.kernel, fd, true, () => {
    const link: BpfLink = new BpfLink(holder.kernel, fd, () => holder.attachments.delete(link));
    holder.attachments.add(link);
    return link;
  });
}

/** Closes a handle, and before it what was attached with it: nothing of both stays. */
export function closeWithAttachments(handle: BpfProgram | BpfMap): void {
  for (const attachment of [...handle.attachments]) attachment.close();
  handle.close();
}

/** Whether a kernel's refusal means that it does not know such links: then an older way may be there. */
export function lacksLinks(error: unknown): boolean {
  return error instanceof SysError && ['EINVAL', 'EOPNOTSUPP', 'ENOTSUPP'].includes(error.code);
}
