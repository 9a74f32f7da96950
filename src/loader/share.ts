import type { MapDifference } from '../errors.ts';
import { UsageError } from '../errors.ts';
import type { MapSpec, ObjectSpec } from '../object/spec.ts';
import type { Kernel } from '../sys/kernel.ts';
import type { MapId } from '../uapi/fd.ts';
import { DEFAULT_BPFFS, findBpffs } from './bpffs.ts';
import { orUndefined, own } from './calls.ts';
import { compareMaps } from './compatible.ts';
import { checkFd, checkKernel } from './handle.ts';
import { type MapInfo, mapInfo } from './info.ts';
import { BpfMap, type MapSource, openMapFd } from './map.ts';
import { kernelTypes } from './map-types.ts';
import { type CustomPins, PIN_RULES, type PinRules, pinPath } from './pin-path.ts';
import { expectKind } from './pinned.ts';

/** Where the maps of a load come from, and where they are kept. */
export interface ShareOptions {
  /** Default `declared`: each map by the rules of the loader that its definition was written for. */
  readonly pinRules?: PinRules | undefined;
  /** The bpffs mount to pin under. Default: the first that is mounted, /sys/fs/bpf before others. */
  readonly bpffs?: string | undefined;
  /** iproute2's bpf_pinning file, see {@link parseCustomPins}. */
  readonly customPins?: CustomPins | undefined;
  /** Existing maps to use, by map name or by index in {@link ObjectSpec.maps} (`bpftool … map idx N`). They win over every rule. */
  readonly reuse?: Readonly<Record<string, ReuseSource>> | undefined;
  /** Pin paths by map name; they win over the rules. */
  readonly pins?: Readonly<Record<string, string>> | undefined;
  /** `max_entries` by map name, for maps whose definition leaves it to the loader or is to be overruled. */
  readonly maxEntries?: Readonly<Record<string, number>> | undefined;
  /** Maps that are made anew whatever the rules say. */
  readonly isolate?: readonly string[] | undefined;
  /** Refuse an existing map whose key or value has another BTF layout than the object's; else that is only a warning. */
  readonly strict?: boolean | undefined;
}

export type ReuseSource = MapSource | BpfMap;

/** What a load does about one map. {@link decideShare} is the only place that knows: the loader obeys it and the plan prints it. */
export type ShareDecision =
  | { readonly kind: 'create'; readonly path: string | undefined }
  /** `path` is where it is pinned; `undefined` if it was named otherwise. */
  | {
      readonly kind: 'reuse';
      readonly source: ReuseSource;
      readonly id: MapId;
      readonly path: string | undefined;
      /** Fields of the same size that mean something else to the two. */
      readonly warnings: readonly MapDifference[];
    }
  | {
      readonly kind: 'incompatible';
      readonly id: MapId;
      readonly where: string;
      readonly path: string | undefined;
      readonly diff: readonly MapDifference[];
    };

/** What loading would do about `map`, without doing anything. Throws SysError if a map named in `reuse` does not exist. */
export function decideShare(kernel: Kernel, object: ObjectSpec, map: MapSpec, options: ShareOptions): ShareDecision {
  const named = own(options.reuse, map.name) ?? own(options.reuse, String(object.maps.indexOf(map)));
  if (named !== undefined) return judge(kernel, object, map, named, sourceInfo(kernel, named), undefined, options);
  const path = sharePath(kernel, object, map, options);
  if (path === undefined) return { kind: 'create', path };
  const source = { pinned: path };
  const info = orUndefined(['ENOENT', 'ENOTDIR', 'EPERM'], () => sourceInfo(kernel, source));
  return info === undefined ? { kind: 'create', path } : judge(kernel, object, map, source, info, path, options);
}

/** Where `map` is pinned under the options given; `undefined` if nowhere. */
export function sharePath(kernel: Kernel, object: ObjectSpec, map: MapSpec, options: ShareOptions): string | undefined {
  if (options.isolate?.includes(map.name) === true) return undefined;
  const bpffs = options.bpffs ?? findBpffs(kernel) ?? DEFAULT_BPFFS;
  return own(options.pins, map.name) ?? pinPath(object, map, options.pinRules ?? 'declared', bpffs, options.customPins);
}

/** Throws UsageError if an option names a map that none of the objects has. */
export function checkShareOptions(objects: readonly ObjectSpec[], options: ShareOptions): void {
  const { pinRules = 'declared' } = options;
  if (!PIN_RULES.includes(pinRules))
    throw new UsageError(`pinning ${String(pinRules)}: ${list(PIN_RULES)} are the rules there are`);
  for (const [name, n] of Object.entries(options.maxEntries ?? {})) {
    if (!Number.isInteger(n) || n < 0 || n > 0xffffffff)
      throw new UsageError(`max_entries ${n} for map ${name}: 0 to 4294967295 is expected`);
  }
  const known = new Set(objects.flatMap(({ maps }) => maps.map((map) => map.name)));
  const indexes = new Set(objects.flatMap(({ maps }) => maps.map((_map, index) => String(index))));
  const files = list(objects.map((object) => object.file));
  const names = list(objects.flatMap(({ maps }) => maps.map((map) => map.name)));
  for (const [option, asked] of [
    ['reuse', Object.keys(options.reuse ?? {})],
    ['pins', Object.keys(options.pins ?? {})],
    ['isolate', options.isolate ?? []],
    ['maxEntries', Object.keys(options.maxEntries ?? {})],
  ] as const) {
    for (const name of asked) {
      if (known.has(name) || (option === 'reuse' && indexes.has(name))) continue;
      const which = /^\d+$/.test(name) ? `with index ${name}` : name;
      throw new UsageError(`${files} has no map ${which} (option ${option}); it has ${names}`);
    }
  }
}

function judge(
  kernel: Kernel,
  object: ObjectSpec,
  map: MapSpec,
  source: ReuseSource,
  info: MapInfo,
  path: string | undefined,
  options: ShareOptions,
): ShareDecision {
  const types = () => kernelTypes(kernel, info);
  const { diff, warnings } = compareMaps(object, map, info, types, options.strict === true);
  if (diff.length === 0) return { kind: 'reuse', source, id: info.id, path, warnings };
  return { kind: 'incompatible', id: info.id, where: describeSource(source, info), path, diff };
}

function sourceInfo(kernel: Kernel, source: ReuseSource): MapInfo {
  if (source instanceof BpfMap) {
    checkKernel(kernel, source);
    return mapInfo(kernel, source.fd);
  }
  if ('fd' in source) {
    const fd = checkFd(source.fd);
    expectKind(kernel, fd, 'map', `fd ${fd}`);
    return mapInfo(kernel, fd);
  }
  const fd = openMapFd(kernel, source);
  try {
    return mapInfo(kernel, fd);
  } finally {
    kernel.close(fd);
  }
}

function describeSource(source: ReuseSource, info: MapInfo): string {
  if (source instanceof BpfMap || 'fd' in source) return `the map with id ${info.id}`;
  return 'pinned' in source ? `the one pinned at ${source.pinned}` : `the map with id ${source.id}`;
}

/** `a, b and c`; `none` for an empty list. */
export function list(words: readonly string[]): string {
  if (words.length === 0) return 'none';
  return words.length === 1 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}
