import { describe, expect, it } from 'vitest';
import { objectBytes } from '../../test/support/objects.ts';
import { toHex } from '../bytes/hex.ts';
import { decodeInsns, formatInsn, programTag } from '../isa/index.ts';
import { findProgram } from './find.ts';
import { parseObject } from './parse.ts';
import type { MapSpec, ObjectSpec } from './spec.ts';

function open(path: string): ObjectSpec {
  return parseObject(objectBytes(path), { file: path });
}

/** The fields of a map that a definition gives. */
function shape({ name, style, type, keySize, valueSize, maxEntries, flags, pinning }: MapSpec) {
  return [name, style, type, keySize, valueSize, maxEntries, flags, pinning];
}

describe('maps', () => {
  // biome-ignore format: aligned table
  const cases: readonly (readonly [file: string, maps: readonly unknown[]])[] = [
    ['examples/shared/shared.bpf.o',           [['map_sh', 'bpf_elf_map', 'array', 4, 4, 1, 0, 'global_ns'], ['.rodata.str1.1', 'internal', 'array', 4, 13, 1, 0x80, 'none']]],
    ['examples/shared/shared_object_ns.bpf.o', [['map_sh', 'bpf_elf_map', 'array', 4, 4, 1, 0, 'object_ns'], ['.rodata.str1.1', 'internal', 'array', 4, 13, 1, 0x80, 'none']]],
    ['examples/shared/shared_none.bpf.o',      [['map_sh', 'bpf_elf_map', 'array', 4, 4, 1, 0, 'none'], ['.rodata.str1.1', 'internal', 'array', 4, 13, 1, 0x80, 'none']]],
    ['examples/cgroup/cg.bpf.o',               [['shared', 'bpf_map_def', 'array', 4, 8, 2, 0, 'none']]],
    ['examples/globals/template.bpf.o',        [['.rodata', 'internal', 'array', 4, 4, 1, 0x480, 'none'], ['.data', 'internal', 'array', 4, 8, 1, 0x400, 'none'], ['.bss', 'internal', 'array', 4, 16, 1, 0x400, 'none']]],
    ['test/objects/btf_maps.o',                [['flows', 'btf', 'hash', 8, 32, 64, 1, 'none'], ['per_cpu', 'btf', 'percpu_array', 4, 8, 4, 0, 'by_name'], ['outer', 'btf', 'array_of_maps', 4, 4, 3, 0, 'none'], ['ring', 'btf', 'ringbuf', 0, 0, 8192, 0, 'none']]],
    ['test/objects/mixed.o',                   [['from_tc', 'bpf_elf_map', 'hash', 4, 8, 16, 0, 'global_ns'], ['from_libbpf', 'bpf_map_def', 'array', 4, 8, 2, 0, 'none'], ['from_btf', 'btf', 'array', 4, 8, 1, 0, 'none']]],
    ['test/objects/elf_map_4.o',               [['one', 'bpf_map_def', 'hash', 4, 8, 16, 0, 'none'], ['two', 'bpf_map_def', 'array', 4, 4, 1, 0, 'none']]],
    ['test/objects/elf_map_5.o',               [['one', 'bpf_map_def', 'hash', 4, 8, 16, 0, 'none'], ['two', 'bpf_map_def', 'array', 4, 4, 1, 0, 'none']]],
    ['test/objects/elf_map_6.o',               [['one', 'bpf_elf_map', 'hash', 4, 8, 16, 0, 'none'], ['two', 'bpf_elf_map', 'array', 4, 4, 1, 0, 'none']]],
    ['test/objects/elf_map_7.o',               [['one', 'bpf_elf_map', 'hash', 4, 8, 16, 0, 'global_ns'], ['two', 'bpf_elf_map', 'array', 4, 4, 1, 0, 'none']]],
    ['test/objects/elf_map_8.o',               [['one', 'bpf_elf_map', 'hash', 4, 8, 16, 0, 'global_ns'], ['two', 'bpf_elf_map', 'array', 4, 4, 1, 0, 'none']]],
    ['test/objects/elf_map_9.o',               [['one', 'bpf_elf_map', 'hash', 4, 8, 16, 0, 'global_ns'], ['two', 'bpf_elf_map', 'array', 4, 4, 1, 0, 'none']]],
    ['test/objects/map_def_long.o',            [['counts', 'bpf_map_def', 'array', 4, 8, 10, 0, 'none']]],
    ['test/objects/tail.o',                    [['jump', 'bpf_elf_map', 'prog_array', 4, 4, 2, 0, 'global_ns']]],
  ];
  it.each(cases)('of %s', (file, maps) => {
    expect(open(file).maps.map(shape)).toEqual(maps);
  });

  it('say how an ambiguous record was decided', () => {
    expect(open('test/objects/elf_map_7.o').notes).toEqual([
      "section maps: structs of 28 bytes without BTF: read as tc's bpf_elf_map (id, pinning after the flags); compile with -g to be sure",
    ]);
    expect(open('test/objects/mixed.o').notes).toEqual([
      'maps are defined in several sections (maps, maps/old, .maps); all are read',
    ]);
    expect(open('examples/shared/shared.bpf.o').notes).toEqual([]);
  });

  it("have libbpf's kernel names", () => {
    const bytes = objectBytes('examples/globals/template.bpf.o');
    const names = (file: string) => parseObject(bytes, { file }).maps.map((map) => map.kernelName);
    expect(names('/some/where/my_object_name.bpf.o')).toEqual(['my_objec.rodata', 'my_objec.data', 'my_objec.bss']);
    expect(names('a-b.o')).toEqual(['a_b.rodata', 'a_b.data', 'a_b.bss']);
    expect(open('examples/shared/shared.bpf.o').maps[1]?.kernelName).toBe('.rodata.str1.1');
  });

  it('keep the inner definition and the types of BTF maps', () => {
    const [flows, , outer] = open('test/objects/btf_maps.o').maps;
    const { btf } = open('test/objects/btf_maps.o');
    expect(btf?.type(flows?.keyTypeId ?? 0)).toMatchObject({ kind: 'struct', name: 'key' });
    expect(outer?.inner).toMatchObject({ name: 'outer.inner', type: 'array', keySize: 4, valueSize: 4, maxEntries: 2 });
  });
});

describe('programs', () => {
  it('are the functions, with what their section says', () => {
    const { programs } = open('test/objects/calls.o');
    expect(
      programs.map(({ name, section, type, attachType, autoload }) => [name, section, type, attachType, autoload]),
    ).toEqual([
      ['first', 'tc', 'sched_cls', undefined, true],
      ['second', 'classifier/second', 'sched_cls', undefined, true],
      ['optional', 'xdp', 'xdp', 'xdp', false],
    ]);
  });

  it('have what they call appended, depth first, and the calls resolved', () => {
    const first = findProgram(open('test/objects/calls.o'), { name: 'first' });
    const insns = decodeInsns(first.insns);
    const calls = insns.flatMap((insn, at) => (insn.opcode === 0x85 ? [[at, at + insn.imm + 1]] : []));
    const exits = insns.flatMap((insn, at) => (insn.opcode === 0x95 ? [at] : []));
    // first calls middle and leaf; middle, which follows it, calls leaf, which is last.
    expect(exits.length).toBe(3);
    const [endOfFirst = 0, endOfMiddle = 0] = exits;
    expect(calls.map(([, to]) => to)).toEqual([endOfFirst + 1, endOfMiddle + 1, endOfMiddle + 1]);
    expect(first.funcInfo?.count).toBe(3);
    expect(insns.slice(0, 2).map((insn) => formatInsn(insn, undefined))[0]).toMatch(/^\(bf\) r6 = r1$/);
  });

  it('name maps and places in sections', () => {
    const [program] = open('examples/globals/template.bpf.o').programs;
    expect(program?.references).toEqual([
      { insn: 1, map: '.data', valueOffset: 0 },
      { insn: 4, map: '.bss', valueOffset: 0 },
      { insn: 11, map: '.bss', valueOffset: 8 },
      { insn: 14, map: '.rodata', valueOffset: 0 },
    ]);
  });

  it('have the tag that Linux gives them', () => {
    // Seen with bpftool on Linux 6.18.
    const tags = open('examples/shared/shared.bpf.o').programs.map((program) => toHex(programTag(program.insns)));
    expect(tags).toEqual(['50a355c845624f51', '888cedf04079059a']);
  });

  it('are found by name or section, or listed', () => {
    const spec = open('examples/shared/shared.bpf.o');
    expect(findProgram(spec, { section: 'ingress' }).name).toBe('print_ingress');
    expect(() => findProgram(spec, { section: 'classifier' })).toThrow(
      'examples/shared/shared.bpf.o: there is no section classifier with a program; it has count_egress (section egress), print_ingress (section ingress)',
    );
  });
});

describe('bad objects', () => {
  const bytes = objectBytes('examples/shared/shared.bpf.o');

  it('are refused with file, section and offset', () => {
    expect(() => parseObject(bytes.subarray(0, 200), { file: 'cut.o' })).toThrow(/^cut\.o, offset 0x[0-9a-f]+: /);
    expect(() => parseObject(new Uint8Array(0), { file: 'empty.o' })).toThrow(
      'empty.o, offset 0x0: this is no ELF file',
    );
  });

  it('of another machine are named as such', () => {
    const other = new Uint8Array(bytes);
    other[18] = 62;
    expect(() => parseObject(other, { file: 'x86.o' })).toThrow(
      'x86.o, offset 0x12: this is no eBPF object: it is for machine 62, not 247',
    );
  });

  it('whose maps have an odd size are refused', () => {
    // The symbol of map_sh says 34 bytes instead of 36.
    const odd = new Uint8Array(bytes);
    const at = findSymbol(odd, 36n);
    new DataView(odd.buffer).setBigUint64(at, 34n, true);
    expect(() => parseObject(odd, { file: 'odd.o' })).toThrow(
      'odd.o, section maps: 1 maps of 34 bytes do not fill its 36 bytes',
    );
  });

  it('with a map type from the future are refused', () => {
    const future = new Uint8Array(bytes);
    const map = [2, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0];
    const at = future.findIndex((_, i) => map.every((byte, j) => future[i + j] === byte));
    future[at] = 99;
    expect(() => parseObject(future, { file: 'future.o' })).toThrow(
      'future.o, section maps, offset 0x0: map map_sh has type 99, which Linux 6.18 does not know',
    );
  });
});

/** File offset of the size field of the symbol that has this size. */
function findSymbol(object: Uint8Array, size: bigint): number {
  const view = new DataView(object.buffer);
  const table = Number(view.getBigUint64(40, true));
  for (let i = 0; i < view.getUint16(60, true); i++) {
    const header = table + 64 * i;
    if (view.getUint32(header + 4, true) !== 2) continue;
    const offset = Number(view.getBigUint64(header + 24, true));
    const end = offset + Number(view.getBigUint64(header + 32, true));
    for (let at = offset; at < end; at += 24) if (view.getBigUint64(at + 16, true) === size) return at + 16;
  }
  throw new Error('no such symbol');
}
