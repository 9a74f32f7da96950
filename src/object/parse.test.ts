import { describe, expect, it } from 'vitest';
import { objectBytes } from '../../test/support/objects.ts';
import { toHex } from '../bytes/hex.ts';
import { type ElfFile, parseElf } from '../elf/index.ts';
import { decodeInsns, formatInsn, programTag } from '../isa/index.ts';
import { findProgram } from './find.ts';
import { parseObject } from './parse.ts';
import type { InfoRecords, MapSpec, ObjectSpec, ProgramSpec } from './spec.ts';

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
    ['test/objects/map_shapes.o',              [['printed', 'btf', 'ringbuf', 0, 8, 4096, 0, 'none'], ['replaced', 'btf', 'array', 4, 4, 1, 0, { custom: 16 }], ['wrapped', 'btf', 'array', 4, 8, 2, 0, 'none']]],
    ['test/objects/mixed.o',                   [['from_tc', 'bpf_elf_map', 'hash', 4, 8, 16, 0, 'global_ns'], ['from_libbpf', 'bpf_map_def', 'array', 4, 8, 2, 0, 'none'], ['from_btf', 'btf', 'array', 4, 8, 1, 0, 'none']]],
    ['test/objects/elf_map_4.o',               [['one', 'bpf_map_def', 'hash', 4, 8, 16, 0, 'none'], ['two', 'bpf_map_def', 'array', 4, 4, 1, 0, 'none']]],
    ['test/objects/elf_map_5.o',               [['one', 'bpf_map_def', 'hash', 4, 8, 16, 0, 'none'], ['two', 'bpf_map_def', 'array', 4, 4, 1, 0, 'none']]],
    ['test/objects/elf_map_6.o',               [['one', 'bpf_elf_map', 'hash', 4, 8, 16, 0, 'none'], ['two', 'bpf_elf_map', 'array', 4, 4, 1, 0, 'none']]],
    ['test/objects/elf_map_7.o',               [['one', 'bpf_elf_map', 'hash', 4, 8, 16, 0, 'global_ns'], ['two', 'bpf_elf_map', 'array', 4, 4, 1, 0, 'none']]],
    ['test/objects/elf_map_8.o',               [['one', 'bpf_elf_map', 'hash', 4, 8, 16, 0, 'global_ns'], ['two', 'bpf_elf_map', 'array', 4, 4, 1, 0, 'none']]],
    ['test/objects/elf_map_9.o',               [['one', 'bpf_elf_map', 'hash', 4, 8, 16, 0, 'global_ns'], ['two', 'bpf_elf_map', 'array', 4, 4, 1, 0, 'none']]],
    ['test/objects/map_def_long.o',            [['counts', 'bpf_map_def', 'array', 4, 8, 10, 0, 'none']]],
    ['test/objects/slots.o',                   [['b', 'btf', 'array', 4, 4, 1, 0, 'none'], ['a', 'btf', 'array', 4, 4, 1, 0, 'none'], ['outer', 'btf', 'hash_of_maps', 4, 4, 8, 0, 'none'], ['jump', 'btf', 'prog_array', 4, 4, 4, 0, 'none']]],
    ['test/objects/hidden.o',                  [['.data', 'internal', 'array', 4, 8, 1, 0, 'none']]],
    ['test/objects/tail.o',                    [['jump', 'bpf_elf_map', 'prog_array', 4, 4, 2, 0, 'global_ns']]],
  ];
  it.each(cases)('of %s', (file, maps) => {
    expect(open(file).maps.map(shape)).toEqual(maps);
  });

  it('are filled as their definition says', () => {
    const slots = open('test/objects/slots.o').maps.map(({ name, slots }) => [name, slots]);
    expect(slots).toEqual([
      ['b', []],
      ['a', []],
      [
        'outer',
        [
          { index: 1, map: 'b' },
          { index: 5, map: 'a' },
        ],
      ],
      ['jump', [{ index: 2, program: 'drop' }]],
    ]);
  });

  it('say how an ambiguous record was decided', () => {
    expect(open('test/objects/elf_map_7.o').notes).toEqual([
      "section maps: structs of 28 bytes without BTF: read as tc's bpf_elf_map (id, pinning after the flags); compile with -g to be sure",
    ]);
    expect(open('test/objects/mixed.o').notes).toEqual([
      'maps are defined in several sections (maps, maps/old, .maps); all are read',
    ]);
    expect(open('test/objects/map_shapes.o').notes).toContain(
      'map replaced has pinning 16, which only its own loader knows: it is not pinned',
    );
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

  // Seen with tc, or bpftool prog loadall, on Linux 6.18: the tag is a digest of the code, so a wrong link or relocation shows.
  it.each<[string, Record<string, string>]>([
    ['examples/shared/shared.bpf.o', { count_egress: '50a355c845624f51', print_ingress: '888cedf04079059a' }],
    ['test/objects/slots.o', { drop: 'd4f8542f2b42fac5', enter: 'c4c19b692506b402' }],
    ['test/objects/hidden.o', { use: '692b8c45da2fd6f2' }],
    ['test/objects/loops.o', { use: '20331904bba11ee7' }],
  ])('of %s have the tag that Linux gives them', (file, tags) => {
    const entries = open(file).programs.map(({ name, insns }) => [name, toHex(programTag(insns))]);
    expect(Object.fromEntries(entries)).toEqual(tags);
  });

  it('take the address of a callback as what follows them', () => {
    const [program] = open('test/objects/loops.o').programs;
    const insns = decodeInsns(program?.insns ?? new Uint8Array(0));
    const at = insns.findIndex(({ opcode, src }) => opcode === 0x18 && src === 4);
    const end = insns.findIndex(({ opcode }) => opcode === 0x95);
    expect(at + 1 + (insns[at]?.imm ?? 0)).toBe(end + 1);
    expect(program?.funcInfo?.count).toBe(2);
  });

  it('whose subprogram is hidden have it static in BTF', () => {
    const linkage = (file: string, name: string) => {
      const { btf } = open(file);
      const type = btf?.type(btf.find('func', name) ?? 0);
      return type?.kind === 'func' ? type.linkage : undefined;
    };
    expect(linkage('test/objects/hidden.o', 'count')).toBe(0);
    expect(linkage('test/objects/hidden.o', 'use')).toBe(1);
    expect(linkage('test/objects/calls.o', 'middle')).toBe(1);
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
  const shared = 'examples/shared/shared.bpf.o';
  const section = (elf: ElfFile, name: string) => elf.sections.find((s) => s.name === name)?.offset ?? 0;
  const symbol = (elf: ElfFile, name: string) => {
    const table = elf.sections.find((s) => s.type === 2)?.offset ?? 0;
    return table + 24 * elf.symbols.findIndex((s) => s.name === name);
  };
  const header = (view: DataView, elf: ElfFile, name: string) =>
    Number(view.getBigUint64(40, true)) + 64 * elf.sections.findIndex((s) => s.name === name);

  // [what, file, what is written over, message]
  it.each<[string, string, (view: DataView, elf: ElfFile) => void, string]>([
    [
      'of another machine',
      shared,
      (view) => view.setUint16(18, 62, true),
      'bad.o, offset 0x12: this is no eBPF object: it is for machine 62, not 247 (compile with -target bpf)',
    ],
    [
      'whose maps are too short',
      shared,
      (view, elf) => view.setUint32(symbol(elf, 'map_sh') + 16, 12, true),
      'bad.o, section maps, offset 0x0: map map_sh of 12 bytes is neither bpf_elf_map nor bpf_map_def',
    ],
    [
      'whose maps reach past the end',
      'test/objects/elf_map_7.o',
      (view, elf) => view.setUint32(symbol(elf, 'two') + 16, 36, true),
      'bad.o, section maps, offset 0x1c: map two of 36 bytes reaches past the 28 up to the next map or the end',
    ],
    [
      'whose maps overlap',
      'test/objects/elf_map_7.o',
      (view, elf) => view.setUint32(symbol(elf, 'two') + 8, 24, true),
      'bad.o, section maps, offset 0x0: map one of 28 bytes reaches past the 24 up to the next map',
    ],
    [
      'with a map type from the future',
      shared,
      (view, elf) => view.setUint32(section(elf, 'maps'), 99, true),
      'bad.o, section maps, offset 0x0: map map_sh has type 99, which Linux 6.18 does not know',
    ],
    [
      'with half an instruction',
      shared,
      (view, elf) => view.setUint32(header(view, elf, 'egress') + 32, 60, true),
      'bad.o, section egress: its 60 bytes are no whole number of instructions',
    ],
    [
      'with a function past the end of its section',
      shared,
      (view, elf) => view.setUint32(symbol(elf, 'count_egress') + 16, 4096, true),
      'bad.o, section egress, offset 0x0: function count_egress of 4096 bytes does not lie on whole instructions',
    ],
    [
      'with a relocation past the end',
      shared,
      (view, elf) => view.setUint32(section(elf, '.relegress'), 0x4000, true),
      'bad.o, section egress, offset 0x4000: a relocation against map_sh lies past the end of the section',
    ],
    [
      'with a relocation of an unknown type',
      shared,
      (view, elf) => view.setUint32(section(elf, '.relegress') + 8, 7, true),
      'bad.o, section egress, offset 0x20: relocation type 7 is not known',
    ],
    [
      'with a relocation of what holds no address',
      shared,
      (view, elf) => view.setUint32(section(elf, '.relegress'), 0, true),
      'bad.o, section egress, offset 0x0: relocation type 1 against map_sh is on an instruction with opcode 0x',
    ],
    [
      'whose maps have no symbols',
      shared,
      (view, elf) => view.setUint32(symbol(elf, 'map_sh') + 4, 0x10003, true),
      'bad.o, section maps: it has no symbols',
    ],
    [
      'with a call to nowhere',
      'test/objects/calls.o',
      (view, elf) => view.setInt32(section(elf, 'classifier/second') + 4, 99, true),
      'bad.o, section classifier/second, offset 0x0: a call leads to offset 0x320 of section .text, where no function starts',
    ],
    [
      'whose function ends within an instruction',
      shared,
      (view, elf) => view.setUint32(symbol(elf, 'count_egress') + 16, 40, true),
      'bad.o, section egress, offset 0x20: function count_egress ends in the middle of an instruction',
    ],
    [
      'without symbols',
      shared,
      (view, elf) => view.setUint32(header(view, elf, '.symtab') + 4, 0, true),
      'bad.o: the object has no symbol table',
    ],
  ])('%s', (_, file, damage, message) => {
    const bytes = objectBytes(file).slice();
    damage(new DataView(bytes.buffer), parseElf(bytes));
    expect(() => parseObject(bytes, { file: 'bad.o' })).toThrow(
      expect.objectContaining({ name: 'ObjectError', message: expect.stringContaining(message) }),
    );
  });

  it('are refused wherever they are cut', () => {
    const bytes = objectBytes(shared);
    expect(() => parseObject(bytes.subarray(0, 200), { file: 'cut.o' })).toThrow(/^cut\.o, offset 0x[0-9a-f]+: /);
    expect(() => parseObject(new Uint8Array(0), { file: 'empty.o' })).toThrow(
      'empty.o, offset 0x0: this is no ELF file',
    );
  });
});

describe('big-endian objects', () => {
  it.each(['calls', 'mixed', 'core_live'])('%s read as the same programs and maps', (name) => {
    const little = open(`test/objects/${name}.o`);
    const big = open(`test/objects/${name}_be.o`);
    expect([little.byteOrder, big.byteOrder]).toEqual(['little', 'big']);
    expect(big.programs.map(withoutTypes)).toEqual(little.programs.map(withoutTypes));
    expect(big.maps.map(withoutData)).toEqual(little.maps.map(withoutData));
    expect(big.license).toBe(little.license);
  });
});

/** The compiler numbers types and strings as it comes to them; the offsets in the debug information are the code's. */
function withoutTypes({ funcInfo, lineInfo, ...program }: ProgramSpec) {
  return { ...program, infoOffsets: [funcInfo, lineInfo].map((info) => info && infoOffsets(info)) };
}

function infoOffsets({ recordSize, count, bytes }: InfoRecords): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return Array.from({ length: count }, (_, i) => view.getUint32(i * recordSize, true));
}

/** The content of a data section is the machine's. */
function withoutData(map: MapSpec): MapSpec {
  return { ...map, initial: undefined };
}
