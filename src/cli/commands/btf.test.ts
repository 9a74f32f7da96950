import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { inProcessKernels } from '../../../test/support/in-process.ts';
import { objectBytes } from '../../../test/support/objects.ts';
import { type Btf, BtfBuilder } from '../../btf/index.ts';
import { UsageError } from '../../errors.ts';
import { load } from '../../loader/load.ts';
import { openObject } from '../../loader/object.ts';
import { parseBtfFile } from '../../object/index.ts';
import type { Kernel } from '../../sys/kernel.ts';
import type { Context } from '../command.ts';
import { runCommand } from '../run.ts';
import { btfDump, btfShow } from './btf.ts';

const OBJECT = 'test/objects/btf_maps.o';
const VMLINUX = '/sys/kernel/btf/vmlinux';

/** Runs a command line; returns what it printed, or its error. `baseBtf`: what --base-btf says. */
async function run(kernel: Kernel | undefined, line: string, baseBtf?: string): Promise<string> {
  const json = line.startsWith('-j ');
  const context: Context = {
    get kernel(): Kernel {
      if (kernel === undefined) throw new Error('this command needs no kernel');
      return kernel;
    },
    get lab(): never {
      throw new Error('no packets here');
    },
    details: false,
    stats: false,
    kernelName: 'inprocess',
    baseBtf,
    env: {},
    inheritable: false,
    signal: new AbortController().signal,
    readFile: (path) => {
      if (path === 'nothing') throw new UsageError('cannot read nothing');
      return path.startsWith('/')
        ? new Uint8Array(readFileSync(path))
        : path === 'text'
          ? new TextEncoder().encode('int x;')
          : objectBytes(path);
    },
    readOptionalText: () => undefined,
    note: () => {},
  };
  const parts: string[] = [];
  const output = { out: (part: string) => void parts.push(part), err: (part: string) => void parts.push(part) };
  const words = line.split(' ').slice(json ? 1 : 0);
  await runCommand([btfShow, btfDump], { json, pretty: false, words }, context, output);
  return parts.join('');
}

describe('btf dump file', () => {
  it.each([
    ['raw by default', `btf dump file ${OBJECT} root_id 1`, /^\[1\] PTR '\(anon\)' type_id=3\n$/],
    ['all types', `btf dump file ${OBJECT}`, /^\[1\] PTR [\s\S]*\n\[2\] [\s\S]*\n\[64\] /],
    [
      'several roots',
      `btf dump file ${OBJECT} root_id 3 root_id 1 format raw`,
      /^\[3\] ARRAY [^\n]*\n\[1\] PTR [^\n]*\n$/,
    ],
    [
      'JSON',
      `-j btf dump file ${OBJECT} root_id 1`,
      /^\{"types":\[\{"id":1,"kind":"PTR","name":"\(anon\)","type_id":3\}\]\}\n$/,
    ],
    ['C', `btf dump file ${OBJECT} format c`, /^#ifndef __VMLINUX_H__[\s\S]*\nstruct value \{\n\t__u64 packets;/],
    ['C in the order of ids, as a word alone', `btf dump file ${OBJECT} unsorted format c`, /\nstruct key \{/],
    ['C in the order of ids', `btf dump file ${OBJECT} format c unsorted`, /\nstruct key \{/],
  ])('prints %s', async (_, line, text) => {
    expect(await run(undefined, line)).toMatch(text);
  });

  it.each([
    ['C as JSON', `-j btf dump file ${OBJECT} format c`, 'types as C are no JSON'],
    ['another format', `btf dump file ${OBJECT} format xml`, "'raw' or 'c' expected, got 'xml'"],
    ['a root twice', `btf dump file ${OBJECT} root_id 1 root_id 1`, 'root_id 1 is given twice'],
    ['a root that is not there', `btf dump file ${OBJECT} root_id 99999`, 'root_id: 99999 is not between 1 and'],
    [
      'seventeen roots',
      `btf dump file ${OBJECT} ${Array.from({ length: 17 }, (_, i) => `root_id ${i + 1}`).join(' ')}`,
      'more than 16 root_ids',
    ],
    ['an object without BTF', 'btf dump file test/objects/elf_map_4.o', 'there is no section .BTF'],
    ['what is no BTF', 'btf dump file text', 'this is no BTF'],
    ['no file', 'btf dump file nothing', 'cannot read nothing'],
    ['another source', 'btf dump device 1', "'id' or 'prog' or 'map' or 'file' expected, got 'device'"],
  ])('refuses %s', async (_, line, text) => {
    expect(await run(undefined, line)).toContain(text);
  });
});

/** Types that go on from those of an object, as a module's from those of the kernel. */
function splitBtf(base: Btf, name: string): Uint8Array {
  const builder = new BtfBuilder(base);
  const value = base.find('struct', 'value') ?? 0;
  const pointer = builder.add({ kind: 'ptr', name: '', typeId: value });
  const size = base.size(value);
  const only = (name: string, typeId: number) => [{ name, typeId, bitOffset: 0, bitSize: 0 }];
  builder.add({ kind: 'struct', name, size: 8, members: only('to', pointer) });
  builder.add({ kind: 'struct', name: 'common', size, members: only('whole', value) });
  return builder.bytes();
}

describe('split BTF', () => {
  const folder = mkdtempSync(join(tmpdir(), 'skep-btf-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const base = parseBtfFile(objectBytes(OBJECT));
  const [one = '', two = '', raw = ''] = ['one', 'two', 'base'].map((name) => join(folder, name));
  writeFileSync(raw, base.bytes);
  writeFileSync(one, splitBtf(base, 'first'));
  writeFileSync(two, splitBtf(base, 'second'));

  it('goes on from a base', async () => {
    const id = base.typeCount;
    const value = base.find('struct', 'value');
    const text = await run(undefined, `btf dump file ${one}`, raw);
    expect(text.split('\n').slice(0, 3)).toEqual([
      `[${id}] PTR '(anon)' type_id=${value}`,
      `[${id + 1}] STRUCT 'first' size=8 vlen=1`,
      `\t'to' type_id=${id} bits_offset=0`,
    ]);
    expect(await run(undefined, `btf dump file ${one} root_id ${value}`, OBJECT)).toContain("STRUCT 'value'");
    expect(await run(undefined, `btf dump file ${one} format c`, OBJECT)).toMatch(
      /struct value \{[\s\S]*struct first \{/,
    );
    expect(await run(undefined, `btf dump file ${one}`)).toMatch(/is outside|no type/);
  });

  it('is printed as bpftool prints it', async (context) => {
    const { error, stdout } = spawnSync('bpftool', ['-B', raw, 'btf', 'dump', 'file', one], { encoding: 'utf8' });
    if (error !== undefined) context.skip('bpftool is not installed');
    expect(await run(undefined, `btf dump file ${one}`, raw)).toBe(stdout);
  });

  it('of several files is merged, each type once', async () => {
    const text = await run(undefined, `btf dump file ${one} file ${two} file ${one}`, raw);
    // The base has the pointer already.
    expect(text.match(/^\[.*/gm)).toEqual([
      expect.stringMatching(/STRUCT 'first'/),
      expect.stringMatching(/STRUCT 'common'/),
      expect.stringMatching(/STRUCT 'second'/),
    ]);
    expect(await run(undefined, `btf dump file ${one} file ${two}`)).toContain('give it with --base-btf FILE');
    const many = Array.from({ length: 65 }, () => `file ${one}`).join(' ');
    expect(await run(undefined, `btf dump ${many}`, raw)).toContain('more than 64 files');
  });
});

describe.each(inProcessKernels())('btf on %s', (name, create) => {
  it('shows what was loaded, by whom it is used, and its types', async () => {
    using kernel = create();
    using loaded = load(kernel, openObject(objectBytes('test/objects/mixed.o')), { pinRules: 'none' });
    const map = Object.values(loaded.maps).find(
      ({ info }) => info.keyTypeId !== 0 && info.keyTypeId !== info.valueTypeId,
    );
    const [program] = Object.values(loaded.programs);
    if (map === undefined || program === undefined) throw new Error(`it has no map with BTF, or no program`);
    const id = map.info.btfId ?? 0;

    const row = (await run(kernel, 'btf show')).split('\n').find((line) => line.startsWith(`${id}: `));
    expect(row).toMatch(
      new RegExp(
        `^${id}: name <anon>  size \\d+B  prog_ids [\\d,]*\\b${program.id}\\b.*  map_ids [\\d,]*\\b${map.id}\\b`,
      ),
    );
    const [info] = JSON.parse(await run(kernel, `-j btf list id ${id}`));
    expect(info).toEqual({
      id,
      size: expect.any(Number),
      prog_ids: expect.arrayContaining([program.id]),
      map_ids: expect.arrayContaining([map.id]),
      kernel: false,
    });
    expect(await run(kernel, 'btf show id 4000000000')).toContain('BPF_BTF_GET_FD_BY_ID id 4000000000: No such file');

    const whole = await run(kernel, `btf dump id ${id}`);
    expect(whole).toMatch(/^\[1\] PTR '\(anon\)' type_id=\d+\n\[2\] /);
    expect(await run(kernel, `btf dump prog id ${program.id}`)).toBe(whole);
    expect(await run(kernel, `btf dump map id ${map.id} all`)).toBe(whole);
    const ids = async (line: string) =>
      [...(await run(kernel, line)).matchAll(/^\[(\d+)\]/gm)].map((match) => Number(match[1]));
    const { keyTypeId, valueTypeId } = map.info;
    expect(await ids(`btf dump map id ${map.id}`)).toEqual([keyTypeId, valueTypeId]);
    expect(await ids(`btf dump map id ${map.id} kv`)).toEqual([keyTypeId, valueTypeId]);
    expect(await ids(`btf dump map id ${map.id} key`)).toEqual([keyTypeId]);
    expect(await ids(`btf dump map id ${map.id} value format raw`)).toEqual([valueTypeId]);
    expect(await run(kernel, `btf dump map id ${map.id} key root_id 1`)).toContain('root_id does not go with');
    expect(await run(kernel, `btf dump map id ${map.id} format c`)).toContain('#pragma clang attribute push');
  });

  it('says which map has none', async () => {
    using kernel = create();
    using loaded = load(kernel, openObject(objectBytes('test/objects/elf_map_4.o')), { pinRules: 'none' });
    const [map] = Object.values(loaded.maps);
    expect(await run(kernel, `btf dump map id ${map?.id}`)).toContain(
      `map ${map?.id} has no BTF: it was loaded without`,
    );
  });

  it.skipIf(name !== 'linux' || !existsSync(VMLINUX))('names that of the kernel', async () => {
    using kernel = create();
    const rows = JSON.parse(await run(kernel, '-j btf show'));
    const row = rows.find((btf: { readonly name?: string }) => btf.name === 'vmlinux');
    expect(row).toMatchObject({ kernel: true, size: readFileSync(VMLINUX).length });
    expect(await run(kernel, `btf show id ${row.id}`)).toBe(`${row.id}: name [vmlinux]  size ${row.size}B\n`);
  });
});
