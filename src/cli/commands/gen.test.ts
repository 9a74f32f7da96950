import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { skepWithoutKernel } from '../../../test/support/commands.ts';
import { objectBytes } from '../../../test/support/objects.ts';
import { parseBtf } from '../../btf/index.ts';
import { genMinCoreBtf, genSkeleton, genSubskeleton, genTypes } from './gen.ts';

const folder = mkdtempSync(join(tmpdir(), 'skep-gen-'));
afterAll(() => rmSync(folder, { recursive: true }));

const TEMPLATE = 'examples/globals/template.bpf.o';

const COMMANDS = [genSkeleton, genSubskeleton, genMinCoreBtf, genTypes];
const run = (...words: readonly string[]) => skepWithoutKernel(COMMANDS, objectBytes, words);

describe('gen skeleton and subskeleton', () => {
  it('print a header, and notes apart from it', async () => {
    const { code, out, err } = await run('gen', 'skeleton', TEMPLATE, 'name', 'mine');
    expect({ code, err }).toEqual({
      code: 0,
      err: `${TEMPLATE}: template is a word of C++: the header compiles as C only\n`,
    });
    expect(out).toMatch(
      /^\/\* Made by skep gen skeleton from template\.bpf\.o [\s\S]*struct mine \{[\s\S]*#endif .*\n$/,
    );
    expect((await run('gen', 'subskeleton', TEMPLATE)).out).toContain(
      'struct template_bpf *template_bpf__open(const struct bpf_object *src)',
    );
  });

  it('print it as JSON, too', async () => {
    expect(JSON.parse((await run('-j', 'gen', 'skel', TEMPLATE)).out)).toEqual({
      header: expect.stringContaining('struct template_bpf {'),
    });
  });

  it.each([
    [['gen', 'skeleton'], 'the object file is missing'],
    [['gen', 'skeleton', TEMPLATE, 'name'], 'the C name is missing'],
    [['gen', 'skeleton', TEMPLATE, 'name', 'a', 'name', 'b'], 'the name is given twice'],
    [['gen', 'skeleton', TEMPLATE, 'more'], "what is 'more'?"],
  ])('refuse %j', async (words, message) => {
    const { code, out, err } = await run(...words);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain(message);
  });
});

describe('gen min_core_btf', () => {
  const target = 'test/objects/core_target.o';

  it('writes types, and says nothing', async () => {
    const file = join(folder, 'min.btf');
    const words = ['gen', 'min_core_btf', target, file, 'test/objects/core.o', 'test/objects/core_live.o'];
    expect(await run(...words)).toEqual({ code: 0, out: '', err: '' });
    expect(parseBtf(new Uint8Array(readFileSync(file))).find('struct', 'moved')).toBe(1);
    expect((await run('-j', ...words)).out).toBe('null\n');
  });

  it.each([
    ['no object', [target, 'FILE'], 2, 'the object file is missing'],
    ['an object without BTF', [target, 'FILE', 'test/objects/elf_map_7.o'], 3, 'elf_map_7.o: there is no section .BTF'],
    ['types without BTF', ['test/objects/elf_map_7.o', 'FILE', 'test/objects/core.o'], 3, 'there is no section .BTF'],
    ['a place that cannot be written', [target, '/no/where', 'test/objects/core.o'], 2, 'cannot write /no/where'],
  ])('refuses %s, and writes nothing', async (_, words, code, message) => {
    const file = join(folder, 'none.btf');
    const ran = await run('gen', 'min_core_btf', ...words.map((word) => (word === 'FILE' ? file : word)));
    expect(ran.code).toBe(code);
    expect(ran.err).toContain(message);
    expect(existsSync(file)).toBe(false);
  });
});
