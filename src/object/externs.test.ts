import { describe, expect, it } from 'vitest';
import { objectBytes } from '../../test/support/objects.ts';
import { parseBtf } from '../btf/index.ts';
import { loadableBtf } from './loadable-btf.ts';
import { parseObject } from './parse.ts';

function open(name: string) {
  return parseObject(objectBytes(`test/objects/${name}.o`), { file: `${name}.o` });
}

describe('externs', () => {
  const spec = open('externs');

  it('lays .kconfig out as libbpf does: by alignment, size and name', () => {
    const places = spec.externs.flatMap((e) => (e.kind === 'kconfig' ? [[e.name, e.as, e.offset, e.size]] : []));
    expect(places).toEqual([
      ['CONFIG_SKEP_NUMBER', 'int', 0, 8],
      ['CONFIG_HZ', 'int', 8, 4],
      ['CONFIG_NET_CLS_BPF', 'tristate', 12, 4],
      ['LINUX_KERNEL_VERSION', 'int', 16, 4],
      ['CONFIG_BPF_SYSCALL', 'bool', 20, 1],
      ['CONFIG_SKEP_LETTER', 'char', 21, 1],
      ['LINUX_HAS_BPF_COOKIE', 'bool', 22, 1],
      ['CONFIG_DEFAULT_HOSTNAME', 'chars', 23, 8],
    ]);
    expect(spec.maps.map((map) => [map.name, map.kernelName, map.valueSize, map.flags, map.frozen])).toEqual([
      ['.bss', 'externs.bss', 56, 0x400, false],
      ['.kconfig', 'externs.kconfig', 31, 0x480, true],
    ]);
  });

  it('describes .kconfig in BTF as it will be', () => {
    const section = spec.btf?.type(spec.btf.find('datasec', '.kconfig') ?? 0);
    expect(section?.kind === 'datasec' && section.size).toBe(31);
    const variables = section?.kind === 'datasec' ? section.variables : [];
    expect(variables.map(({ offset }) => offset)).toEqual([0, 8, 12, 16, 20, 21, 22, 23]);
  });

  it('refers to options as parts of the map, to symbols by name', () => {
    const [options, absent] = spec.programs;
    expect(options?.references.filter(({ map }) => map === '.kconfig').map(({ valueOffset }) => valueOffset)).toContain(
      8,
    );
    expect(options?.externs).toEqual([]);
    expect([...new Set(absent?.externs.map(({ name }) => name))].sort()).toEqual([
      'skep_absent',
      'skep_absent_function',
      'skep_absent_variable',
    ]);
    const weak = spec.externs.filter((e) => e.kind !== 'kconfig').map(({ name, kind, weak }) => [name, kind, weak]);
    expect(weak).toEqual([
      ['skep_absent', 'variable', true],
      ['skep_absent_function', 'function', true],
      ['skep_absent_variable', 'variable', true],
    ]);
  });

  it("makes .ksyms a section of the object's own for the kernel", () => {
    const { btf } = open('ksyms');
    const loadable = btf && parseBtf(loadableBtf(btf));
    const section = loadable?.type(loadable.find('datasec', '.ksyms') ?? 0);
    if (btf === undefined || loadable === undefined || section?.kind !== 'datasec') throw new Error('no .ksyms');
    expect(section.size).toBe(4 * section.variables.length);
    for (const { typeId, size } of section.variables) {
      const variable = loadable.type(typeId);
      if (variable.kind !== 'var') throw new Error('a function was left');
      expect([size, variable.linkage, loadable.size(variable.typeId)]).toEqual([4, 1, 4]);
    }
    const dummies = section.variables.filter(({ typeId }) => loadable.type(typeId).name === 'dummy_ksym');
    expect(dummies).toHaveLength(4);
    const kfunc = loadable.type(loadable.find('func', 'bpf_iter_num_next') ?? 0);
    const proto = kfunc.kind === 'func' ? loadable.type(kfunc.typeId) : undefined;
    expect(kfunc.kind === 'func' && kfunc.linkage).toBe(1);
    expect(proto?.kind === 'func_proto' && proto.params.every(({ name }) => name !== '')).toBe(true);
    // All that was there keeps its id.
    expect(loadable.typeCount).toBe(btf.typeCount + 2);
    for (let id = 1; id < btf.typeCount; id++) expect(loadable.type(id).kind).toBe(btf.type(id).kind);
  });

  it('leaves other BTF alone', () => {
    const { btf } = spec.btf === undefined ? { btf: undefined } : open('types');
    expect(btf && loadableBtf(btf)).toBe(btf?.bytes);
  });
});

describe('an exception callback', () => {
  it('is linked behind the program that names it', () => {
    const [program] = open('exceptions').programs;
    expect(program?.funcInfo?.count).toBe(2);
    const last = program?.insns.subarray(-16);
    // r0 += 1; exit
    expect(last?.[0]).toBe(0x04);
    expect(last?.[4]).toBe(1);
  });
});

describe('struct_ops', () => {
  const { maps, programs } = open('struct_ops');

  it('reads the variables of all sections', () => {
    expect(maps.map((map) => [map.name, map.style, map.flags, map.structOps?.autoload])).toEqual([
      ['skep_plain', 'struct_ops', 0, true],
      ['skep_link', 'struct_ops', 1 << 13, true],
      ['skep_left_out', 'struct_ops', 0, false],
    ]);
    expect(maps[0]?.structOps?.functions).toEqual([
      { offset: 0, program: 'ssthresh' },
      { offset: 8, program: 'cong_avoid' },
      { offset: 24, program: 'undo_cwnd' },
      { offset: 56, program: 'not_in_any_kernel' },
    ]);
    expect(new TextDecoder().decode(maps[1]?.initial?.subarray(32, 41))).toBe('skep_link');
    expect(programs.map(({ type }) => type)).toEqual(['struct_ops', 'struct_ops', 'struct_ops', 'struct_ops']);
  });
});
