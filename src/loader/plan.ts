import type { MapDifference } from '../errors.ts';
import type { MapSpec, MapStyle, ObjectSpec } from '../object/spec.ts';
import type { Kernel } from '../sys/kernel.ts';
import type { MapId } from '../uapi/fd.ts';
import { DEFAULT_BPFFS, findBpffs } from './bpffs.ts';
import { compareMaps } from './compatible.ts';
import { withEntries } from './entries.ts';
import { listMaps } from './info.ts';
import { pinPath } from './pin-path.ts';
import { checkShareOptions, decideShare, type ShareOptions, sharePath } from './share.ts';
import { isLeftOut } from './struct-ops.ts';

/** What would become of one map if the objects were loaded in the order given. */
export interface MapPlan {
  readonly object: string;
  readonly map: string;
  readonly style: MapStyle;
  /** Where tc, libbpf, and the rules asked for would pin it; `undefined`: nowhere. */
  readonly tcPath: string | undefined;
  readonly libbpfPath: string | undefined;
  readonly path: string | undefined;
  readonly fate: MapFate;
}

/**
 * `new`: made, and nobody else has one of this name. `reused`: an existing map, or (`id` undefined) the one that an object before it in the
 * plan makes. `incompatible`: there is one at its place, and the load would fail. `duplicate`: made, although `of` is a map of this name: two
 * maps where one was probably meant.
 */
export type MapFate =
  | { readonly kind: 'new' }
  | {
      readonly kind: 'reused';
      readonly id: MapId | undefined;
      readonly from: string;
      /** Fields of the same size that mean something else to the two. */
      readonly warnings: readonly MapDifference[];
    }
  | {
      readonly kind: 'incompatible';
      readonly id: MapId | undefined;
      readonly from: string;
      readonly diff: readonly MapDifference[];
    }
  | { readonly kind: 'duplicate'; readonly of: string };

/** A map as an earlier object of the plan would leave it. */
interface Planned {
  readonly object: ObjectSpec;
  readonly map: MapSpec;
  readonly path: string | undefined;
}

/** Says for every map of `objects` what loading them would do. Asks the kernel and changes nothing. Internal maps (globals) are never shared. */
export function planLoad(kernel: Kernel, objects: readonly ObjectSpec[], options: ShareOptions = {}): MapPlan[] {
  const bpffs = options.bpffs ?? findBpffs(kernel) ?? DEFAULT_BPFFS;
  const here = { ...options, bpffs }; // looked for once, not for each map
  const existing = [...listMaps(kernel)];
  checkShareOptions(objects, options);
  const sized = objects.map((object) => withEntries(kernel, object, options));
  const planned: Planned[] = [];
  const plans: MapPlan[] = [];
  for (const object of sized) {
    for (const map of object.maps.filter((candidate) => !isLeftOut(candidate))) {
      const path = sharePath(kernel, object, map, here);
      const fate = fateOf(kernel, object, map, path, here, planned, existing);
      plans.push({
        object: object.file,
        map: map.name,
        style: map.style,
        tcPath: pinPath(object, map, 'tc', bpffs, options.customPins),
        libbpfPath: pinPath(object, map, 'libbpf', bpffs, options.customPins),
        path,
        fate,
      });
      if (fate.kind === 'new' || fate.kind === 'duplicate') planned.push({ object, map, path });
    }
  }
  return plans;
}

function fateOf(
  kernel: Kernel,
  object: ObjectSpec,
  map: MapSpec,
  path: string | undefined,
  options: ShareOptions,
  planned: readonly Planned[],
  existing: readonly { readonly id: MapId; readonly name: string }[],
): MapFate {
  const decision = decideShare(kernel, object, map, options);
  if (decision.kind === 'reuse') {
    return { kind: 'reused', id: decision.id, from: decision.path ?? `id ${decision.id}`, warnings: decision.warnings };
  }
  if (decision.kind === 'incompatible') {
    return { kind: 'incompatible', id: decision.id, from: decision.path ?? `id ${decision.id}`, diff: decision.diff };
  }
  const first = path === undefined ? undefined : planned.find((other) => other.path === path);
  if (path !== undefined && first !== undefined) {
    const { btf } = first.object;
    const types = () => btf && { btf, keyTypeId: first.map.keyTypeId, valueTypeId: first.map.valueTypeId };
    const { diff, warnings } = compareMaps(object, map, first.map, types, options.strict === true);
    if (diff.length > 0) return { kind: 'incompatible', id: undefined, from: path, diff };
    return { kind: 'reused', id: undefined, from: path, warnings };
  }
  if (map.style === 'internal') return { kind: 'new' };
  const twin = planned.find((other) => other.map.name === map.name && other.map.style !== 'internal');
  if (twin !== undefined) return { kind: 'duplicate', of: `${twin.map.name} of ${twin.object.file}` };
  const named = existing.find((other) => other.name === map.kernelName);
  if (named !== undefined) return { kind: 'duplicate', of: `${named.name}, id ${named.id}` };
  return { kind: 'new' };
}
