import { type MapDifference, UsageError } from '../../errors.ts';
import { type MapPlan, planLoad } from '../../loader/plan.ts';
import { command } from '../command.ts';
import { columns } from '../format.ts';
import { readObject } from './object-words.ts';
import { planGraph } from './plan-graph.ts';
import { SHARE_USAGE, ShareWords } from './share-words.ts';

type Format = 'table' | 'mermaid' | 'dot';

export const plan = command<{ plans: readonly MapPlan[]; format: Format }>({
  path: ['plan'],
  usage: `FILE... ${SHARE_USAGE} [format {table | mermaid | dot}]`,
  about:
    'says for every map of the files, before anything is loaded, whether it would be new, shared, refused, or a silent duplicate',
  run(context, words) {
    const files: string[] = [];
    const share = new ShareWords(context);
    let format: Format = 'table';
    while (!words.done) {
      if (share.take(words)) continue;
      if (words.exact('format') !== undefined) format = words.expect('table', 'mermaid', 'dot');
      else files.push(words.next('the object file'));
    }
    if (files.length === 0) throw new UsageError('the object file is missing');
    const objects = files.map((file) => readObject(context, file).spec);
    return { plans: planLoad(context.kernel, objects, share.options()), format };
  },
  text({ plans, format }) {
    if (format !== 'table') return planGraph(plans, format);
    if (plans.length === 0) return 'no maps';
    const head = ['OBJECT', 'MAP', 'STYLE', 'TC PATH', 'LIBBPF PATH', 'FATE'];
    return columns([
      head,
      ...plans.map((p) => [p.object, p.map, p.style, p.tcPath ?? '-', p.libbpfPath ?? '-', fateText(p)]),
    ]);
  },
  json: ({ plans }) =>
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
      warnings: 'warnings' in fate && fate.warnings.length > 0 ? fate.warnings : undefined,
      duplicate_of: fate.kind === 'duplicate' ? fate.of : undefined,
      diff: fate.kind === 'incompatible' ? fate.diff : undefined,
    })),
});

function fateText({ fate, path }: MapPlan): string {
  switch (fate.kind) {
    case 'new':
      return path === undefined ? 'new' : `new, pinned at ${path}`;
    case 'reused':
      return `${fate.id === undefined ? `shared with the one above, ${fate.from}` : `reused: id ${fate.id}, ${fate.from}`}${warningText(fate.warnings)}`;
    case 'incompatible': {
      const fields = fate.diff.map((d) => `${d.field} ${d.found}, wanted ${d.wanted}`).join('; ');
      return `refused: ${fate.from} has ${fields}`;
    }
    case 'duplicate':
      return `SILENT DUPLICATE of ${fate.of}`;
  }
}

function warningText(warnings: readonly MapDifference[]): string {
  return warnings.map((w) => `; WARNING: the ${w.field} is ${w.found} there, ${w.wanted} here`).join('');
}
