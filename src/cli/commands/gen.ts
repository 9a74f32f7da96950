import { generateTypes } from '../../codegen/index.ts';
import { parseObject } from '../../object/index.ts';
import { command } from '../command.ts';

export const genTypes = command<string>({
  path: ['gen', 'types'],
  usage: 'FILE [name NAME]',
  about: "writes a TypeScript module with the types of an object's maps and globals, for openObject<NAME>(…)",
  run(context, words) {
    const file = words.next('the object file');
    const name = words.exact('name') ? words.next('the name of the interface') : undefined;
    words.end();
    const spec = parseObject(context.readFile(file), { file });
    for (const note of spec.notes) context.note(`${file}: ${note}`);
    return generateTypes(spec, { name });
  },
  text: (module) => module.trimEnd(),
  json: (module) => ({ module }),
});
