import { u32Bytes } from '../bytes/plain.ts';
import { IncompatibleMapError, ObjectError, SysError, UsageError } from '../errors.ts';
import type { MapSpec, ObjectSpec } from '../object/spec.ts';
import type { Kernel } from '../sys/kernel.ts';
import { errno } from '../uapi/errno.ts';
import type { Fd } from '../uapi/fd.ts';
import { type MappedArena, mapArena } from './arena.ts';
import { ensureBpffs, joinPath, preparePin } from './bpffs.ts';
import { adopt, orUndefined, saying } from './calls.ts';
import { createMap, type MapFds } from './create-map.ts';
import { checkFd } from './handle.ts';
import { closeWithAttachments } from './link.ts';
import { BpfMap, openMapFd } from './map.ts';
import { decideShare, type ReuseSource, type ShareOptions } from './share.ts';
import { createStructOps, type KernelStructOps } from './struct-ops.ts';
import { ensureTcRoot } from './tc-root.ts';
import type { Transaction } from './transaction.ts';

/** What the maps of one load are made from. */
export interface MakeContext {
  readonly kernel: Kernel;
  readonly spec: ObjectSpec;
  readonly options: ShareOptions;
  readonly fds: MapFds;
  readonly transaction: Transaction;
  /** Sections in which the caller set globals. */
  readonly changed: readonly string[];
  readonly structs: readonly KernelStructOps[];
}

/** Turns the map specs of one object into open maps: shared where the rules say so, else made and pinned. */
export class MapMaker {
  readonly #context: MakeContext;
  readonly #maps = new Map<string, BpfMap>();
  /** The memory of maps of type arena, for as long as the object is loaded. */
  readonly arenas = new Map<string, MappedArena>();
  /** What is doubtful about maps that are shared all the same. Sentences. */
  readonly warnings: string[] = [];

  constructor(context: MakeContext) {
    this.#context = context;
  }

  make(wanted: readonly MapSpec[]): ReadonlyMap<string, BpfMap> {
    // A map-in-map needs its template first.
    for (const map of [...wanted.filter((m) => !isOuter(m)), ...wanted.filter(isOuter)]) {
      this.#maps.set(map.name, this.#provide(map, 2));
    }
    for (const inner of wanted) this.#fillOuterMaps(inner, wanted);
    for (const outer of wanted) this.#fillSlots(outer);
    return this.#maps;
  }

  #provide(map: MapSpec, tries: number): BpfMap {
    const decision = decideShare(this.#context.kernel, this.#context.spec, map, this.#context.options);
    if (decision.kind === 'incompatible') throw new IncompatibleMapError(map.name, decision.where, decision.diff);
    if (decision.kind === 'reuse') {
      const { source } = decision;
      if (this.#context.changed.includes(map.name)) {
        throw new UsageError(
          `map ${map.name} of ${this.#context.spec.file} is an existing one (id ${decision.id}), so the globals that were set in it would be lost; set them after the load, or do not reuse it`,
        );
      }
      for (const { field, wanted, found } of decision.warnings) {
        this.warnings.push(`map ${map.name} is shared, but the ${field} is ${found} there and ${wanted} here`);
      }
      return this.#withArena(map, this.#existing(map, source), false);
    }
    const handle = this.#handle(map, this.#create(map), true);
    if (decision.path === undefined || this.#pinNew(handle.fd, decision.path))
      return this.#withArena(map, handle, true);
    // Somebody else pinned there in the meantime: then theirs is the one to share.
    handle.close();
    if (tries > 1) return this.#provide(map, tries - 1);
    throw new SysError(errno.EEXIST, 'BPF_OBJ_PIN', { what: decision.path });
  }

  #existing(map: MapSpec, source: ReuseSource): BpfMap {
    if (source instanceof BpfMap) return this.#handle(map, source.fd, false, source);
    if ('fd' in source) return this.#handle(map, checkFd(source.fd), false);
    return this.#handle(map, openMapFd(this.#context.kernel, source), true);
  }

  #withArena(map: MapSpec, handle: BpfMap, isNew: boolean): BpfMap {
    if (map.type !== 'arena') return handle;
    const { kernel, spec, transaction } = this.#context;
    const arena = mapArena(kernel, map, handle, spec.arena, isNew);
    transaction.onRollback(() => arena[Symbol.dispose]());
    this.arenas.set(map.name, arena);
    return handle;
  }

  #create(map: MapSpec): Fd {
    const { kernel, fds, structs } = this.#context;
    const struct = structs.find((candidate) => candidate.map === map);
    return struct === undefined
      ? createMap(kernel, map, { ...fds, inner: this.#innerFd(map) })
      : createStructOps(kernel, struct, fds);
  }

  #handle(map: MapSpec, fd: Fd, owned: boolean, lender?: BpfMap): BpfMap {
    const { keyTypeId, valueTypeId } = map;
    const { btf } = this.#context.spec;
    const types =
      btf !== undefined && (keyTypeId !== 0 || valueTypeId !== 0) ? { btf, keyTypeId, valueTypeId } : undefined;
    const handle = adopt(
      this.#context.kernel,
      fd,
      owned,
      () => new BpfMap(this.#context.kernel, fd, { owned, types, lender }),
    );
    this.#context.transaction.onRollback(() => closeWithAttachments(handle));
    return handle;
  }

  #innerFd(map: MapSpec): Fd | undefined {
    if (map.inner !== undefined) {
      const fd = createMap(this.#context.kernel, map.inner, this.#context.fds);
      this.#context.transaction.onRollback(() => this.#context.kernel.close(fd));
      return fd;
    }
    if (map.innerId === 0) return undefined;
    const template = this.#context.spec.maps.find((candidate) => candidate.id === map.innerId && candidate !== map);
    const fd = template && this.#maps.get(template.name)?.fd;
    if (fd !== undefined) return fd;
    throw new ObjectError(`map ${map.name} wants the map with id ${map.innerId} as its inner map, but there is none`, {
      file: this.#context.spec.file,
    });
  }

  /** Pins a map that this load made; false if something is there already. */
  #pinNew(fd: Fd, path: string): boolean {
    const bpffs = this.#context.options.bpffs ?? ensureBpffs(this.#context.kernel);
    if (path.startsWith(joinPath(bpffs, 'tc/'))) ensureTcRoot(this.#context.kernel, bpffs, this.#context.transaction);
    preparePin(this.#context.kernel, path, this.#context.transaction);
    const pinned = orUndefined('EEXIST', () => {
      saying(path, () => this.#context.kernel.bpf('BPF_OBJ_PIN', { pathname: path, bpf_fd: fd }));
      return true;
    });
    if (pinned === undefined) return false;
    this.#context.transaction.onRollback(() => this.#context.kernel.unlink(path));
    return true;
  }

  /** BTF: what the definition of an outer map puts in. */
  #fillSlots(outer: MapSpec): void {
    const handle = this.#maps.get(outer.name);
    for (const slot of outer.slots) {
      const fd = 'map' in slot ? this.#maps.get(slot.map)?.fd : undefined;
      if (handle !== undefined && fd !== undefined) setSlot(handle, slot.index, fd);
    }
  }

  /** bpf_elf_map: a map with an id goes into slot `inner_idx` of the outer maps that name this id. */
  #fillOuterMaps(inner: MapSpec, maps: readonly MapSpec[]): void {
    if (inner.id === 0 || inner.innerId !== 0 || inner.innerIdx === NO_SLOT) return;
    const fd = this.#maps.get(inner.name)?.fd;
    for (const outer of maps.filter((candidate) => candidate.innerId === inner.id)) {
      const handle = this.#maps.get(outer.name);
      if (handle !== undefined && fd !== undefined) setSlot(handle, inner.innerIdx, fd);
    }
  }
}

/** `inner_idx` of a map that is a template only. */
const NO_SLOT = 0xffffffff;

function isOuter(map: MapSpec): boolean {
  return map.type === 'array_of_maps' || map.type === 'hash_of_maps';
}

export function setSlot(map: BpfMap, slot: number, fd: Fd): void {
  saying(`slot ${slot} of ${map.label} (max_entries ${map.info.maxEntries})`, () =>
    map.setBytes(u32Bytes(slot), u32Bytes(fd)),
  );
}
