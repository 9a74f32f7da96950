import { UsageError } from '../../errors.ts';
import { attachIterator } from '../../loader/attach/iter.ts';
import { load } from '../../loader/load.ts';
import { command } from '../command.ts';
import { selectMap } from '../selectors.ts';
import { loadDefaults, readObject } from './object-words.ts';

export const iterPin = command<undefined>({
  path: ['iter', 'pin'],
  usage: 'OBJ PATH [map {id N | name NAME | pinned FILE}]',
  about: 'loads the first iterator of an object and pins it: whoever reads PATH gets what it writes',
  run(context, words) {
    const { kernel } = context;
    const file = words.next('the object file');
    const path = words.next('the path to pin the iterator at');
    using map = words.keyword('map') === undefined ? undefined : selectMap(kernel, words, { readOnly: true });
    words.end();
    const object = readObject(context, file);
    const wanted = object.spec.programs.find(({ attachType }) => attachType === 'trace_iter');
    if (wanted === undefined) throw new UsageError(`${file} has no iterator: no program of a section iter/NAME`);
    using loaded = load(kernel, object, { ...loadDefaults(context), programs: [wanted] });
    using link = attachIterator(loaded.program(wanted), map && { map });
    link.pin(path);
    return undefined;
  },
  text: () => '',
});
