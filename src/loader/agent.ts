import { UsageError } from '../errors.ts';
import type { FdMessage, Kernel } from '../sys/kernel.ts';
import { mapTypeNumber } from '../uapi/bpf.ts';
import type { Fd } from '../uapi/fd.ts';
import {
  badMessage,
  decodeAgentMessage,
  type ExportedObject,
  encodeAgentMessage,
  MAX_ENTRIES,
} from './agent-message.ts';
import { adopt, orUndefined, own } from './calls.ts';
import { checkKernel } from './handle.ts';
import type { MapInfo } from './info.ts';
import { BpfLink } from './link.ts';
import { BpfMap } from './map.ts';
import { fdKind } from './pinned.ts';
import { BpfProgram } from './program.ts';

/** What an fd that can be handed on belongs to. */
export type Exportable = BpfMap | BpfProgram | BpfLink;

export interface ExportOptions {
  /** The ids that the object's definitions give its maps (`bpf_elf_map.id`), by name; 0 if not said. */
  readonly ids?: Readonly<Record<string, number>> | undefined;
  /** The file that the maps come from. */
  readonly object?: Partial<ExportedObject> | undefined;
}

export interface ImportOptions {
  /** Ends the waiting; the promise is rejected with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Who may send. Default: root, and the user of this process. What others send is dropped. */
  readonly uids?: readonly number[] | undefined;
}

/** One fd that came in. */
export interface ImportedFd {
  /** `bpf_elf_map.id`, by which tc's agents tell maps apart; 0 where there is none. */
  readonly id: number;
  /** As the sender calls it; empty if the sender is tc, which sends no names. */
  readonly name: string;
  readonly handle: Exportable;
}

/** What came in with one message. Holds fds: close it with `using`. */
export class ImportedFds implements Disposable {
  readonly object: ExportedObject;
  readonly entries: readonly ImportedFd[];

  constructor(object: ExportedObject, entries: readonly ImportedFd[]) {
    this.object = object;
    this.entries = entries;
  }

  get maps(): BpfMap[] {
    return this.entries.flatMap(({ handle }) => (handle instanceof BpfMap ? [handle] : []));
  }

  close(): void {
    for (const { handle } of this.entries) handle.close();
  }
  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Hands fds to the agent that waits at `path` ({@link importFds}, `tc exec bpf import`), by tc's protocol, which has no names and only knows maps; another skep is
 * told the names, and what the others are. They stay open here. Does not wait: a process of the same kernel has to be there.
 *
 * Throws UsageError for no or more than 64 handles, SysError as {@link Kernel.sendFds}: ENOENT, ECONNREFUSED if nobody waits.
 *
 * @example
 * exportFds(kernel, '/run/agent', loaded.maps);
 */
export function exportFds(
  kernel: Kernel,
  path: string,
  handles: Readonly<Record<string, Exportable>>,
  { ids, object }: ExportOptions = {},
): void {
  const named = Object.entries(handles);
  if (named.length === 0 || named.length > MAX_ENTRIES)
    throw new UsageError(`one message carries 1 to ${MAX_ENTRIES} fds, not ${named.length}`);
  for (const [, handle] of named) checkKernel(kernel, handle);
  const entries = named.map(([name, handle]) => ({
    name,
    id: own(ids, name) ?? 0,
    map: handle instanceof BpfMap ? record(handle.info) : undefined,
  }));
  const data = encodeAgentMessage({ object: { name: '', dev: 0n, ino: 0n, ...object }, entries });
  kernel.sendFds(
    path,
    data,
    named.map(([, { fd }]) => fd),
  );
}

function record({ type, keySize, valueSize, maxEntries, flags }: MapInfo) {
  return [typeof type === 'number' ? type : mapTypeNumber[type], keySize, valueSize, maxEntries, flags] as const;
}

/**
 * Waits at `path`, which is made for that and taken away after it, until somebody hands over fds ({@link exportFds}, `tc … export`).
 *
 * Rejects with SysError as {@link Kernel.bindFds} (EADDRINUSE where something is there already), BpfError BAD_MESSAGE if what comes from somebody who may send is
 * no such message or has fds of something else, NotSupportedError for another version of the protocol, the signal's reason when aborted.
 *
 * @example
 * using imported = await importFds(kernel, '/run/agent', { signal });
 * for (const { id, handle } of imported.entries) console.log(id, handle.label);
 */
export async function importFds(kernel: Kernel, path: string, options: ImportOptions = {}): Promise<ImportedFds> {
  const { signal, uids = [0, ownUid(kernel)] } = options;
  signal?.throwIfAborted();
  const socket = kernel.bindFds(path);
  try {
    for (;;) {
      await kernel.wait([socket], { signal });
      const message = orUndefined('EAGAIN', () => kernel.receiveFds(socket));
      if (message === undefined) continue;
      if (message.sender !== undefined && uids.includes(message.sender.uid)) return takeMessage(kernel, message);
      for (const fd of message.fds) kernel.close(fd);
    }
  } finally {
    kernel.close(socket);
    orUndefined('ENOENT', () => kernel.unlink(path));
  }
}

/** The effective user of this process, as procfs shows it; root where it does not. */
function ownUid(kernel: Kernel): number {
  return orUndefined(['ENOENT', 'EACCES'], () => kernel.stat('/proc/self').uid) ?? 0;
}

/** Makes handles of the fds; if that fails, all of them are closed. */
function takeMessage(kernel: Kernel, { data, fds, truncated }: FdMessage): ImportedFds {
  const left = [...fds];
  const taken: ImportedFd[] = [];
  try {
    if (truncated) throw badMessage('a part of it is lost');
    const { object, entries } = decodeAgentMessage(data, fds.length);
    for (const { id, name } of entries) {
      const fd = left.shift();
      if (fd !== undefined) taken.push({ id, name, handle: adopt(kernel, fd, true, () => handleOf(kernel, fd)) });
    }
    return new ImportedFds(object, taken);
  } catch (error) {
    for (const { handle } of taken) handle.close();
    for (const fd of left) kernel.close(fd);
    throw error;
  }
}

function handleOf(kernel: Kernel, fd: Fd): Exportable {
  switch (fdKind(kernel, fd).kind) {
    case 'map':
      return new BpfMap(kernel, fd);
    case 'prog':
      return new BpfProgram(kernel, fd);
    case 'link':
      return new BpfLink(kernel, fd);
    case 'unknown':
      throw badMessage('one of its fds is no map, program or link');
  }
}
