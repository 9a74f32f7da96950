import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { skepWithoutKernel } from '../../../test/support/commands.ts';
import { CORPUS, objectBytes } from '../../../test/support/objects.ts';
import { toHex } from '../../bytes/hex.ts';
import { decodeInsns, encodeInsns, parseAssembly } from '../../isa/index.ts';
import { parseObject } from '../../object/index.ts';
import { asm, disasm } from './asm.ts';

/** Runs a command line of the two on files that are in memory. */
function run(files: Readonly<Record<string, string | Uint8Array>>, ...words: readonly string[]) {
  const readFile = (path: string) => {
    const file = files[path];
    if (file === undefined) throw new Error(`no file ${path}`);
    return typeof file === 'string' ? new TextEncoder().encode(file) : file;
  };
  return skepWithoutKernel([asm, disasm], readFile, words);
}

const PROGRAM = `
  r1 = counters ll
  if r1 == 0 goto out
  call bpf_ktime_get_ns
out:
  exit
`;
const LISTING = `\
   0: 18 11 00 00 05 00 00 00 00 00 00 00 00 00 00 00  (18) r1 = map[fd:5]
   2: 15 01 01 00 00 00 00 00  (15) if r1 == 0x0 goto pc+1
   3: 85 00 00 00 05 00 00 00  (85) call bpf_ktime_get_ns#5
   4: 95 00 00 00 00 00 00 00  (95) exit
`;
const HEX = '18110000050000000000000000000000150101000000000085000000050000009500000000000000';

describe('asm', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'skep-asm-'));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('shows the bytes, and reads what it shows', async () => {
    const files = { 'p.s': PROGRAM, '-': LISTING };
    expect(await run(files, 'asm', 'p.s', 'map', 'counters', '5')).toEqual({ code: 0, out: LISTING, err: '' });
    expect(await run(files, 'asm', '-')).toEqual({ code: 0, out: LISTING, err: '' });
    const json = await run(files, '-j', 'asm', '-');
    expect(JSON.parse(json.out)).toEqual({ insn_cnt: 5, insns: HEX });
  });

  it('writes the bytes to a file', async () => {
    const path = join(folder, 'p.bin');
    expect(await run({ '-': LISTING }, 'asm', '-', path)).toMatchObject({
      code: 0,
      out: `${path}: 5 instructions, 40 bytes\n`,
    });
    const bytes = new Uint8Array(readFileSync(path));
    expect(toHex(bytes)).toBe(HEX);
    const shown = await run({ 'p.bin': bytes }, 'disasm', 'p.bin');
    expect(shown.out).toBe(LISTING.replace(/(?<=: )(.. )+ /gm, ''));
  });

  it('says where a text is wrong, and what a kernel would refuse', async () => {
    expect(await run({ 'p.s': 'exit\nr1 = q' }, 'asm', 'p.s')).toMatchObject({
      code: 3,
      out: '',
      err: "Error: p.s: line 2, column 6: a register, a number, or a name and 'll' expected, got 'q'\n",
    });
    expect(await run({ 'p.s': PROGRAM }, 'asm', 'p.s')).toMatchObject({
      code: 3,
      err: 'Error: p.s: line 2, column 8: there is no label and no map counters\n',
    });
    expect((await run({ 'p.s': new Uint8Array([0xff]) }, 'asm', 'p.s')).err).toBe(
      'Error: p.s: this is no text in UTF-8\n',
    );
    expect((await run({ 'p.s': 'goto +7' }, 'asm', 'p.s')).err).toBe(
      'no kernel takes this: insn 0: jump out of range from insn 0 to 8\n',
    );
    expect((await run({ 'p.s': 'exit' }, 'asm', 'p.s', join(folder, 'no/where'))).err).toMatch(
      /^Error: cannot write .*no\/where: no such file or directory/,
    );
  });
});

describe('disasm', () => {
  it('shows one section of an object with its maps by name', async () => {
    const files = { 'calls.o': objectBytes('examples/globals/template.bpf.o') };
    const kernel = await run(files, 'disasm', 'calls.o', 'section', 'tc');
    expect(kernel.out).toMatch(
      /^; section tc, program template\n {3}0: \(b4\) w0 = 2\n {3}1: \(18\) r2 = map\[name:\.\w+\]\[0\]\+0\n/,
    );
    const llvm = await run(files, 'disasm', 'calls.o', 'llvm');
    expect(llvm.out).toMatch(
      /^; section tc, program template\ntemplate:\n {7}0:\tw0 = 0x2\n {7}1:\tr2 = \.\w+\+0x0 ll\n/,
    );
    expect(llvm.out).toContain('\tif r4 >= r3 goto +0xb <template+0x98>\n');
  });

  it.each(CORPUS)('%s: `asm` reads what it shows', async (path) => {
    const bytes = objectBytes(path);
    const { programs } = parseObject(bytes, { file: 'x.o' });
    expect(programs.length).toBeGreaterThan(0);
    for (const flags of [[], ['llvm']]) {
      const { code, out } = await run({ 'x.o': bytes }, 'disasm', 'x.o', ...flags);
      expect(code).toBe(0);
      const texts = out.split(/^; section .*\n/m).slice(1);
      // What stands for a map is filled in when there is one.
      const assembled = texts.map((text) => toHex(encodeInsns(parseAssembly(text, { map: () => 0 }))));
      expect(assembled).toEqual(programs.map((program) => toHex(program.insns)));
    }
  });

  it('names functions as their BTF does', async () => {
    const { out } = await run({ 'x.o': objectBytes('test/objects/calls.o') }, 'disasm', 'x.o', 'llvm');
    expect(out).toMatch(/\tcall [a-z]\w+\n/);
    for (const [, name] of out.matchAll(/\tcall ([a-z]\w+)$/gm)) expect(out).toContain(`\n${name}:\n`);
  });

  it.each<readonly [words: string[], message: string]>([
    [['x.o', 'section', 'nope'], 'x.o: there are no programs in section nope, only in '],
    [['raw', 'section', 'tc'], 'raw is no ELF file: it has no section tc'],
    [['raw'], 'raw: 3 bytes are no whole number of 8-byte instructions'],
    [['x.o', 'what'], "what is 'what'?"],
  ])('refuses %j', async (words, message) => {
    const files = { 'x.o': objectBytes('test/objects/calls.o'), raw: new Uint8Array(3) };
    const { code, err } = await run(files, 'disasm', ...words);
    expect(code).not.toBe(0);
    expect(err).toContain(`Error: ${message}`);
  });

  it('shows kinds of numbers that only raw instructions have', async () => {
    const insns = [1, 2, 4, 5, 6].flatMap((src) => [
      { opcode: 0x18, dst: 1, src, imm: 3 },
      { opcode: 0, imm: src === 2 || src === 6 ? 4 : 0 },
    ]);
    const raw = encodeInsns([...insns, { opcode: 0x85, src: 2, imm: 9 }, { opcode: 0x85, src: 1, imm: -1 }]);
    for (const flags of [[], ['llvm']]) {
      const { out } = await run({ raw }, 'disasm', 'raw', ...flags);
      expect(parseAssembly(out)).toEqual(decodeInsns(raw));
    }
  });

  it('refuses damaged objects in one sentence, or shows them', async () => {
    const bytes = objectBytes('test/objects/calls.o');
    let [shown, refused] = [0, 0];
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.constantFrom([], ['llvm']),
        async (changes, flags) => {
          const damaged = bytes.slice();
          for (const [at, byte] of changes) damaged[at] = byte;
          const { code, err } = await run({ 'x.o': damaged }, 'disasm', 'x.o', ...flags);
          if (code === 0) shown++;
          else {
            refused++;
            expect(err).toMatch(/^(?:x\.o: .*\n)*Error: [^\n]+\n$/);
          }
        },
      ),
      { seed: 14, numRuns: 400 },
    );
    expect(shown).toBeGreaterThan(50);
    expect(refused).toBeGreaterThan(50);
  });
});
