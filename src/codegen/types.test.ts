import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseObject } from '../object/index.ts';
import { generateTypes } from './index.ts';

const root = resolve(import.meta.dirname, '../..');
const folder = join(root, `generated-${process.pid}`);

function generate(file: string): string {
  return generateTypes(parseObject(readFileSync(join(root, file)), { file }));
}

/** A program whose lines are right or, where it says so, wrong: the compiler complains about a wrong line that it takes, too. */
const USES = `
import { load, openObject, type Kernel } from '../src/index.ts';
import type { BtfMaps } from './btf_maps.ts';
import type { Template } from './template.ts';
import type { Types } from './types.ts';
import type { Elf } from './elf.ts';

export function use(kernel: Kernel, bytes: Uint8Array): void {
  const template = openObject<Template>(bytes);
  template.globals.mark = 7;
  template.globals.limit = 8n;
  // @ts-expect-error: 64 bits are a bigint
  template.globals.limit = 8;
  // @ts-expect-error: no such global
  template.globals.marc = 7;

  const object = openObject<BtfMaps>(bytes);
  object.maps.flows.reuse({ id: 7 });
  object.maps.flows.reuse({ fd: 3 });
  // @ts-expect-error: no such map
  object.maps.flow.reuse({ id: 7 });
  const loaded = load(kernel, object);
  const value = loaded.maps.flows.get({ addr: 1, port: 2, proto: 6, pad: 0 });
  const packets: bigint | undefined = value?.packets;
  // @ts-expect-error: no such member
  value?.packet;
  // @ts-expect-error: a key lacks members
  loaded.maps.flows.get({ addr: 1 });
  for (const cpu of loaded.maps.per_cpu.get(new Uint8Array(4)) ?? []) cpu.length;
  loaded.programs.use.run();
  // @ts-expect-error: no such program
  loaded.programs.used;

  const types = openObject<Types>(bytes).globals;
  types.color = 'RED';
  // @ts-expect-error: no such enumerator
  types.color = 'PINK';
  types.shape = { ...types.shape, at: [{ x: 1, y: 2 }, { x: 3, y: 4 }] };

  const elf = load(kernel, openObject<Elf>(bytes));
  const bare: Uint8Array | undefined = elf.maps.map_sh.get(new Uint8Array(4));
  const untyped: unknown = load(kernel, openObject(bytes)).maps.anything?.get(1);
  void [packets, bare, untyped];
}
`;

describe('generateTypes', () => {
  beforeAll(() => {
    mkdirSync(folder);
    writeFileSync(join(folder, 'btf_maps.ts'), generate('test/objects/btf_maps.o'));
    writeFileSync(join(folder, 'template.ts'), generate('examples/globals/template.bpf.o'));
    writeFileSync(join(folder, 'types.ts'), generate('test/objects/types.o'));
    writeFileSync(
      join(folder, 'elf.ts'),
      generateTypes(parseObject(readFileSync(join(root, 'examples/shared/shared.bpf.o'))), { name: 'Elf' }),
    );
    writeFileSync(join(folder, 'uses.ts'), USES);
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ extends: '../tsconfig.json', include: ['.'] }));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('writes modules with which mistakes are compile errors', () => {
    const { stdout, status } = spawnSync(
      process.execPath,
      [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder],
      {
        encoding: 'utf8',
      },
    );
    expect({ stdout, status }).toEqual({ stdout: '', status: 0 });
  }, 60_000);

  it('says what a map holds', () => {
    expect(generate('test/objects/btf_maps.o')).toContain(
      'readonly flows: { readonly key: Key; readonly value: Value };',
    );
  });

  it('writes the same for the same object', () => {
    expect(generate('test/objects/types.o')).toBe(generate('test/objects/types.o'));
  });

  it('refuses a name that no interface can have', () => {
    expect(() => generateTypes(parseObject(readFileSync(join(root, 'test/objects/types.o'))), { name: 'a b' })).toThrow(
      'a b: the name of a TypeScript interface is expected',
    );
  });
});
