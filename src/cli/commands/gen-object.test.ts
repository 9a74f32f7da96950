import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { skepWithoutKernel } from '../../../test/support/commands.ts';
import { root } from '../../../test/support/kernels.ts';
import { objectBytes } from '../../../test/support/objects.ts';
import { linkObjects } from '../../linker/index.ts';
import { readUserFile } from '../read-file.ts';
import { genObject } from './gen-object.ts';

const ONE = join(root, 'test/objects/link/one.o');
const TWO = join(root, 'test/objects/link/two.o');

const run = (...words: readonly string[]) => skepWithoutKernel([genObject], readUserFile, words);

describe('gen object', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'skep-link-'));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('writes one object of several, and says nothing', async () => {
    const file = join(folder, 'linked.o');
    expect(await run('gen', 'object', file, ONE, TWO)).toEqual({ code: 0, out: '', err: '' });
    const inputs = ['one.o', 'two.o'].map((name) => ({ bytes: objectBytes(`test/objects/link/${name}`), file: name }));
    expect(new Uint8Array(readFileSync(file))).toEqual(linkObjects(inputs));
    expect(await run('-j', 'gen', 'object', file, ONE)).toEqual({ code: 0, out: 'null\n', err: '' });
  });

  it('may write over an input', async () => {
    const file = join(folder, 'same.o');
    writeFileSync(file, readFileSync(ONE));
    expect((await run('gen', 'object', file, file, TWO)).code).toBe(0);
    expect(readFileSync(file).length).toBeGreaterThan(readFileSync(ONE).length);
  });

  it.each<[string, (output: string) => string[], RegExp]>([
    [
      'objects that do not go together',
      (output) => [output, ONE, ONE],
      /one\.o: symbol one is defined here and in .*one\.o; make/,
    ],
    ['a file that is not there', (output) => [output, ONE, '/no/where.o'], /cannot read \/no\/where\.o: no such file/],
    ['a place that cannot be written', () => ['/no/where.o', ONE], /cannot write \/no\/where\.o: no such file/],
    ['no input', (output) => [output], /the object file is missing at the end of the command/],
    ['nothing', () => [], /the file to write is missing at the end of the command/],
  ])('refuses %s, and writes nothing', async (_, words, message) => {
    const output = join(folder, 'none.o');
    const { code, err } = await run('gen', 'object', ...words(output));
    expect(code).not.toBe(0);
    expect(err).toMatch(message);
    expect(existsSync(output)).toBe(false);
  });
});
