import { basename } from '../../loader/bpffs.ts';
import type { MapPlan } from '../../loader/plan.ts';

/** One arrow: an object uses a map. Maps that are shared are one node. */
interface Edge {
  readonly object: string;
  readonly map: string;
  readonly label: string;
  readonly fate: MapPlan['fate']['kind'];
}

/** A plan as a graph of objects and the maps that they would use, for Mermaid or Graphviz. Internal maps are left out: they are never shared. */
export function planGraph(plans: readonly MapPlan[], format: 'mermaid' | 'dot'): string {
  const edges = plans.filter((plan) => plan.style !== 'internal').map(edge);
  const objects = [...new Set(edges.map((e) => e.object))];
  const maps = new Map(edges.map((e) => [e.map, e.label]));
  const objectId = (name: string) => `o${objects.indexOf(name)}`;
  const mapId = (key: string) => `m${[...maps.keys()].indexOf(key)}`;
  if (format === 'mermaid') {
    return [
      'graph LR',
      ...objects.map((name) => `  ${objectId(name)}["${quoted(basename(name))}"]`),
      ...[...maps].map(([key, label]) => `  ${mapId(key)}[("${quoted(label)}")]`),
      ...edges.map((e) => `  ${objectId(e.object)} -- ${e.fate} --> ${mapId(e.map)}`),
    ].join('\n');
  }
  return [
    'digraph plan {',
    '  rankdir=LR;',
    ...objects.map((name) => `  ${objectId(name)} [shape=box, label="${quoted(basename(name))}"];`),
    ...[...maps].map(([key, label]) => `  ${mapId(key)} [shape=cylinder, label="${quoted(label)}"];`),
    ...edges.map((e) => `  ${objectId(e.object)} -> ${mapId(e.map)} [label="${e.fate}"];`),
    '}',
  ].join('\n');
}

function edge({ object, map, path, fate }: MapPlan): Edge {
  const shared = fate.kind === 'reused' ? fate.from : path;
  return {
    object,
    map: shared ?? `${object} ${map}`,
    label: shared === undefined ? map : `${map} ${shared}`,
    fate: fate.kind,
  };
}

function quoted(text: string): string {
  return text.replace(/["\\]/g, '_');
}
