import { linkObjects } from '../../linker/index.ts';
import { command } from '../command.ts';
import { writeUserFile } from '../write-file.ts';

export const genObject = command<undefined>({
  path: ['gen', 'object'],
  usage: 'OUTPUT_FILE INPUT_FILE [INPUT_FILE...]',
  about: 'links object files into one; OUTPUT_FILE is only written if that succeeds',
  run(context, words) {
    const output = words.next('the file to write');
    const files = [words.next('the object file'), ...words.rest()];
    writeUserFile(output, linkObjects(files.map((file) => ({ bytes: context.readFile(file), file }))));
    return undefined;
  },
  text: () => '',
});
