import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { objectBytes } from '../../test/support/objects.ts';
import { parseElf } from '../elf/index.ts';
import { type Btf, parseBtf } from './btf.ts';
import { formatRaw, rawJson } from './format-raw.ts';

const VMLINUX = '/sys/kernel/btf/vmlinux';
/** So many types of a large BTF are compared. */
const MOST = 20_000;
const root = resolve(import.meta.dirname, '../..');
const bpftool = spawnSync('bpftool', ['version']).status === 0;
if (!bpftool) console.log('skipped: nothing is compared with bpftool, for there is none');

function read(path: string): Btf {
  const bytes = path === VMLINUX ? new Uint8Array(readFileSync(path)) : objectBytes(path);
  const section = bytes[0] === 0x7f ? parseElf(bytes).sections.find(({ name }) => name === '.BTF')?.data : bytes;
  return parseBtf(section ?? new Uint8Array(0));
}

function dump(path: string, ...options: readonly string[]): string {
  const { stdout } = spawnSync(
    'bpftool',
    [...options, 'btf', 'dump', 'file', path === VMLINUX ? path : join(root, path)],
    {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    },
  );
  return stdout;
}

describe('formatRaw', () => {
  const btf = read('test/objects/types.o');

  it.each<[kind: Parameters<Btf['find']>[0], name: string, text: string]>([
    ['int', 'unsigned int', "INT 'unsigned int' size=4 bits_offset=0 nr_bits=32 encoding=(none)"],
    ['struct', 'point', "STRUCT 'point' size=8 vlen=2\n\t'x' type_id=# bits_offset=0\n\t'y' type_id=# bits_offset=32"],
    ['enum', 'color', "ENUM 'color' encoding=SIGNED size=4 vlen=3\n\t'RED' val=1\n\t'GREEN' val=2\n\t'BLUE' val=-3"],
    ['enum64', 'big', "ENUM64 'big' encoding=UNSIGNED size=8 vlen=2\n\t'SMALL' val=1ULL\n\t'LARGE' val=4294967296ULL"],
    ['func', 'use', "FUNC 'use' type_id=# linkage=global"],
    ['var', 'hidden', "VAR 'hidden' type_id=#, linkage=static"],
    ['datasec', 'license', "DATASEC 'license' size=0 vlen=1\n\ttype_id=# offset=0 size=4 (VAR '_license')"],
  ])('prints %s %s', (kind, name, text) => {
    const id = btf.find(kind, name) ?? 0;
    expect(formatRaw(btf, id).replace(/type_id=\d+/g, 'type_id=#')).toBe(`[${id}] ${text}`);
  });

  it('gives the width of bit-fields', () => {
    const id = btf.find('struct', 'shape') ?? 0;
    expect(formatRaw(btf, id)).toMatch(/\n\t'high' type_id=\d+ bits_offset=195 bitfield_size=5\n/);
    expect(rawJson(btf, id)).toMatchObject({
      kind: 'STRUCT',
      members: expect.arrayContaining([
        { name: 'high', type_id: expect.any(Number), bits_offset: 195, bitfield_size: 5 },
      ]),
    });
  });

  it('refuses a type that is not there', () => {
    expect(() => formatRaw(btf, 9999)).toThrow('there is no type 9999');
  });

  const files = [
    'test/objects/types.o',
    'test/objects/types_be.o',
    'test/objects/btf_maps.o',
    'examples/shared/shared.bpf.o',
    VMLINUX,
  ];
  describe.skipIf(!bpftool)('as bpftool', () => {
    it.each(files.filter((path) => path !== VMLINUX || existsSync(path)))('prints %s', (path) => {
      const types = read(path);
      const last = Math.min(types.typeCount - 1, MOST);
      const lines = Array.from({ length: last }, (_, i) => formatRaw(types, i + 1))
        .join('\n')
        .split('\n');
      const theirs = dump(path).split('\n').slice(0, lines.length);
      expect(lines.length).toBeGreaterThan(50);
      expect(lines.filter((line, i) => line !== theirs[i])).toEqual([]);
    });

    it.each(files.filter((path) => path !== VMLINUX))('gives the JSON of %s', (path) => {
      const types = read(path);
      const ours = Array.from({ length: types.typeCount - 1 }, (_, i) => rawJson(types, i + 1));
      const numbers = JSON.stringify({ types: ours }, (_, value) =>
        typeof value === 'bigint' ? Number(value) : value,
      );
      expect(JSON.parse(numbers)).toEqual(JSON.parse(dump(path, '--json')));
    });
  });
});
