import { CoreTypes } from '../../btf/index.ts';
import { generateSkeleton, generateSubskeleton, generateTypes } from '../../codegen/index.ts';
import { UsageError } from '../../errors.ts';
import { parseCoreRelocations, parseObject } from '../../object/index.ts';
import { type AnyCommand, command } from '../command.ts';
import { writeUserFile } from '../write-file.ts';
import { inFile, readBtfFile } from './object-words.ts';

export const genSkeleton = headerCommand(
  'skeleton',
  'writes a C header with the object in it and functions that open, load and attach it with libbpf',
  generateSkeleton,
);

export const genSubskeleton = headerCommand(
  'subskeleton',
  'writes a C header that finds the maps, programs and globals of an object in one that it was linked into',
  generateSubskeleton,
);

function headerCommand(word: string, about: string, generate: typeof generateSkeleton): AnyCommand {
  return command<string>({
    path: ['gen', word],
    usage: 'FILE [name NAME]',
    about,
    run(context, words) {
      const file = words.next('the object file');
      let name: string | undefined;
      while (words.keyword('name') !== undefined) {
        if (name !== undefined) throw new UsageError('the name is given twice');
        name = words.next('the C name');
      }
      words.end();
      const { text, notes } = generate(context.readFile(file), { file, name });
      for (const note of notes) context.note(`${file}: ${note}`);
      return text;
    },
    text: (header) => header.trimEnd(),
    json: (header) => ({ header }),
  });
}

export const genMinCoreBtf = command<void>({
  path: ['gen', 'min_core_btf'],
  usage: 'INPUT OUTPUT OBJECT...',
  about: "writes of a kernel's types those that the CO-RE relocations of objects need, for kernels without their own",
  run(context, words) {
    const input = words.next("the file with the kernel's types");
    const output = words.next('the file to write');
    const files = [words.next('the object file'), ...words.rest()];
    const types = new CoreTypes(readBtfFile(context, input));
    for (const file of files) {
      inFile(file, () => {
        const { btf, relocations } = parseCoreRelocations(context.readFile(file));
        for (const relocation of relocations) types.add(btf, relocation);
      });
    }
    writeUserFile(output, types.bytes());
  },
  text: () => '',
  json: () => null,
});

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
