import { type ElfRelocation, type ElfSection, STT_FUNC } from '../elf/index.ts';
import { ObjectError } from '../errors.ts';
import { BPF_F_LINK } from '../uapi/bpf.ts';
import { isCode, type ObjectFile } from './file.ts';
import { UNSAID } from './map-defaults.ts';
import { kernelName } from './name.ts';
import { between, byOffset } from './range.ts';
import type { MapSpec, StructOpsSpec } from './spec.ts';

/** `.struct_ops`, `.struct_ops.link`, and both with a question mark for those that are not made unless asked for. */
const SECTION = /^(\?)?\.struct_ops(\.link)?$/;

export function isStructOps(section: ElfSection): boolean {
  return SECTION.test(section.name) && section.size > 0;
}

/** The variables of a `.struct_ops` section: each fills a struct of the kernel's with programs and numbers. */
export function parseStructOps(file: ObjectFile, section: ElfSection): MapSpec[] {
  const { btf } = file;
  const id = btf?.find('datasec', section.name);
  const datasec = id === undefined ? undefined : btf?.type(id);
  if (btf === undefined || datasec?.kind !== 'datasec') {
    throw new ObjectError('its variables are described by BTF, but the object has none for it; compile with -g', {
      section: section.name,
    });
  }
  const [, optional, link] = SECTION.exec(section.name) ?? [];
  const relocations = byOffset(file.relocations.get(section.index) ?? []);
  return datasec.variables.map(({ typeId, offset, size }) => {
    const place = { section: section.name, offset };
    const variable = btf.type(typeId);
    if (variable.kind !== 'var' || variable.name === '') throw new ObjectError(`type ${typeId} is no variable`, place);
    const struct = btf.resolve(variable.typeId);
    if (struct.kind !== 'struct' || struct.name === '')
      throw new ObjectError(`${variable.name} is no struct with a name`, place);
    if (offset + size > section.data.length || struct.size > size)
      throw new ObjectError(`${variable.name} reaches past the end of the section`, place);
    const functions = between(relocations, offset, offset + size).map((relocation) => ({
      offset: relocation.offset - offset,
      program: programName(file, section, relocation),
    }));
    return structOpsMap(
      variable.name,
      section.data.slice(offset, offset + struct.size),
      link === undefined ? 0 : BPF_F_LINK,
      {
        typeId: variable.typeId,
        functions,
        autoload: optional === undefined,
      },
    );
  });
}

function programName({ elf }: ObjectFile, section: ElfSection, { offset, symbol }: ElfRelocation): string {
  const code = elf.sections[symbol.section];
  if (symbol.type === STT_FUNC && code !== undefined && isCode(code)) return symbol.name;
  throw new ObjectError(`${symbol.name || 'a symbol'} is no program, and nothing else can be put into a struct_ops`, {
    section: section.name,
    offset,
  });
}

function structOpsMap(name: string, initial: Uint8Array, flags: number, structOps: StructOpsSpec): MapSpec {
  return {
    name,
    kernelName: kernelName(name),
    style: 'struct_ops',
    type: 'struct_ops',
    keySize: 4,
    valueSize: initial.length,
    maxEntries: 1,
    flags,
    ...UNSAID,
    keyTypeId: 0,
    valueTypeId: 0,
    initial,
    frozen: false,
    structOps,
  };
}
