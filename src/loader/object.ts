import type { BtfValue } from '../btf/value.ts';
import { UsageError } from '../errors.ts';
import { KCONFIG } from '../object/externs.ts';
import { parseObject } from '../object/parse.ts';
import type { MapSpec, ObjectSpec } from '../object/spec.ts';
import { createGlobals, inSections, setGlobal } from './globals.ts';
import type { AnyShape, ObjectShape } from './shape.ts';
import { list, type ReuseSource, type ShareOptions } from './share.ts';

/**
 * An object file as a template: set its globals and say which existing maps it shall use, then `load` it; the next {@link openObject} or
 * {@link BpfObject.clone} of the same spec starts afresh, without parsing again.
 *
 * @example
 * const object = openObject(readFileSync('template.bpf.o'), { file: 'template.bpf.o' });
 * object.globals.mark = 7;
 * object.maps.shared?.reuse({ pinned: '/sys/fs/bpf/tc/globals/shared' });
 * using loaded = load(kernel, object);
 */
export class BpfObject<S extends AnyShape = ObjectShape> {
  readonly spec: ObjectSpec;
  /** The variables of `.data`, `.rodata`, `.bss` as the next load will start with; those of `.kconfig` come with a kernel (option `kconfig`). */
  readonly globals: S['globals'];
  readonly maps: { readonly [M in keyof S['maps']]: ObjectMap };
  readonly #contents = new Map<string, Uint8Array>();
  readonly #store = inSections({
    read: (name) => this.#contents.get(name) ?? this.#initial(name),
    write: (name, bytes) => this.#contents.set(name, bytes),
  });

  constructor(spec: ObjectSpec) {
    this.spec = spec;
    // S is what the caller says that the file defines.
    this.maps = Object.fromEntries(spec.maps.map((map) => [map.name, new ObjectMap(map)])) as typeof this.maps;
    this.globals = createGlobals(this.#settable(), this.#store) as S['globals'];
  }

  get #maps(): Readonly<Record<string, ObjectMap>> {
    return this.maps as Readonly<Record<string, ObjectMap>>; // by whatever names there are
  }

  /** The spec with what was set on this object. */
  toSpec(): ObjectSpec {
    const { arena } = this.spec;
    return {
      ...this.spec,
      ...(arena !== undefined && { arena: { ...arena, data: this.#contents.get(arena.map) ?? arena.data } }),
      maps: this.spec.maps.map((map) => {
        const initial = map.type === 'arena' ? undefined : (this.#contents.get(map.name) ?? map.initial);
        return { ...map, maxEntries: this.#maps[map.name]?.maxEntries ?? map.maxEntries, initial };
      }),
    };
  }

  /** Sets a part of a global variable, named as in C: `shape.at[1].x`; the rest of it stays. Throws UsageError as {@link BpfObject.globals}. */
  setGlobal(path: string, value: BtfValue): void {
    setGlobal(this.#settable(), this.#store, path, value);
  }

  /** The variables of `.kconfig` are the kernel's: they are known once there is one. */
  #settable(): ObjectSpec {
    return { ...this.spec, maps: this.spec.maps.filter((map) => map.name !== KCONFIG) };
  }

  /** The sections in which globals were set. */
  changedSections(): string[] {
    return [...this.#contents.keys()];
  }

  /** The part of a load's options that was said on the maps. */
  shareOptions(): Required<Pick<ShareOptions, 'reuse' | 'pins'>> {
    const maps = Object.values(this.#maps);
    return {
      reuse: Object.fromEntries(maps.flatMap((m) => (m.reused === undefined ? [] : [[m.spec.name, m.reused]]))),
      pins: Object.fromEntries(maps.flatMap((m) => (m.pinned === undefined ? [] : [[m.spec.name, m.pinned]]))),
    };
  }

  /** A template of the same file with nothing set. */
  clone(): BpfObject<S> {
    return new BpfObject<S>(this.spec);
  }

  #initial(name: string): Uint8Array {
    if (this.spec.arena?.map === name) return this.spec.arena.data;
    const map = this.spec.maps.find((candidate) => candidate.name === name);
    if (map === undefined)
      throw new UsageError(`${this.spec.file} has no map ${name}; it has ${list(this.spec.maps.map((m) => m.name))}`);
    return map.initial ?? new Uint8Array(map.valueSize);
  }
}

/** A map that is not in any kernel yet. */
export class ObjectMap {
  readonly spec: MapSpec;
  /** May be changed before the load. */
  maxEntries: number;
  reused: ReuseSource | undefined;
  pinned: string | undefined;

  constructor(spec: MapSpec) {
    this.spec = spec;
    this.maxEntries = spec.maxEntries;
  }

  /** Use this existing map instead of making one: by fd (which stays the caller's), id, pin, or an open map. */
  reuse(source: ReuseSource): void {
    this.reused = source;
  }

  /** Pin the map here, or use the one that is pinned here already. */
  pin(path: string): void {
    this.pinned = path;
  }
}

/**
 * Reads a compiled eBPF object. Throws ObjectError, with file, section and offset, if the bytes are not one.
 *
 * `S` says what is in it: the interface that `skep gen types FILE` writes. Without, maps and globals are looked up by any name and are `unknown`.
 * `file` is for messages and for the names that tc and libbpf derive from it: the object's name, which prefixes its internal maps.
 */
export function openObject<S extends AnyShape = ObjectShape>(
  bytes: Uint8Array,
  options: { file?: string; name?: string } = {},
): BpfObject<S> {
  if (!(bytes instanceof Uint8Array)) {
    throw new UsageError("openObject takes the file's content, a Uint8Array, e.g. readFileSync(path)");
  }
  return new BpfObject<S>(parseObject(bytes, options));
}
