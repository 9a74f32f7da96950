import { UsageError } from '../../errors.ts';
import type { PinRules } from '../../loader/pin-path.ts';
import { type MapPlan, planMaps } from '../../loader/plan.ts';
import type { ReuseSource } from '../../loader/share.ts';
import { command } from '../command.ts';
import { columns } from '../format.ts';
import { selectMap } from '../selectors.ts';
import { customPins, readObject } from './object-words.ts';

export const plan = command<MapPlan[]>({
  path: ['plan'],
  usage: 'FILE... [pinning {declared | tc | libbpf | none}] [map {idx N | name NAME} MAP]...',
  about:
    'says for every map of the files, before anything is loaded, whether it would be new, shared, refused, or a silent duplicate',
  run(context, words) {
    const files: string[] = [];
    const reuse: Record<string, ReuseSource> = {};
    let pinRules: PinRules | undefined;
    while (!words.done) {
      if (words.exact('pinning')) pinRules = words.expect('declared', 'tc', 'libbpf', 'none');
      else if (words.exact('map')) {
        const by = words.expect('idx', 'name');
        const which = by === 'idx' ? String(words.number('the index of the map')) : words.next('the name of the map');
        reuse[which] = selectMap(context.kernel, words);
      } else files.push(words.next('the object file'));
    }
    if (files.length === 0) throw new UsageError('the object file is missing');
    const objects = files.map((file) => readObject(context, file).spec);
    return planMaps(context.kernel, objects, { pinRules, reuse, customPins: customPins(context) });
  },
  text(plans) {
    if (plans.length === 0) return 'no maps';
    const head = ['OBJECT', 'MAP', 'STYLE', 'TC PATH', 'LIBBPF PATH', 'FATE'];
    return columns([
      head,
      ...plans.map((p) => [p.object, p.map, p.style, p.tcPath ?? '-', p.libbpfPath ?? '-', fateText(p)]),
    ]);
  },
  json: (plans) =>
    plans.map(({ object, map, style, tcPath, libbpfPath, path, fate }) => ({
      object,
      map,
      style,
      tc_path: tcPath ?? null,
      libbpf_path: libbpfPath ?? null,
      path: path ?? null,
      fate: fate.kind,
      id: 'id' in fate ? fate.id : undefined,
      from: 'from' in fate ? fate.from : undefined,
      duplicate_of: fate.kind === 'duplicate' ? fate.of : undefined,
      diff: fate.kind === 'incompatible' ? fate.diff : undefined,
    })),
});

function fateText({ fate, path }: MapPlan): string {
  switch (fate.kind) {
    case 'new':
      return path === undefined ? 'new' : `new, pinned at ${path}`;
    case 'reused':
      return fate.id === undefined ? `shared with the one above, ${fate.from}` : `reused: id ${fate.id}, ${fate.from}`;
    case 'incompatible': {
      const fields = fate.diff.map((d) => `${d.field} ${d.found}, wanted ${d.wanted}`).join('; ');
      return `refused: ${fate.from} has ${fields}`;
    }
    case 'duplicate':
      return `SILENT DUPLICATE of ${fate.of}`;
  }
}
