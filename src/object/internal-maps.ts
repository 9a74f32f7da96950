import type { Btf } from '../btf/index.ts';
import type { ElfSection } from '../elf/index.ts';
import { ObjectError } from '../errors.ts';
import { BPF_F_MMAPABLE, BPF_F_RDONLY_PROG } from '../uapi/bpf.ts';
import { KCONFIG } from './externs.ts';
import { dataKind, type ObjectFile } from './file.ts';
import { UNSAID } from './map-defaults.ts';
import { kernelName } from './name.ts';
import type { MapSpec } from './spec.ts';

/** Bytes that a data section may have; the kernel allows no larger array element. */
const MAX_SECTION = 1 << 30;

/** The array of one element that holds a `.data`, `.rodata` or `.bss` section. */
export function internalMap(file: ObjectFile, objectName: string, section: ElfSection): MapSpec {
  const { btf } = file;
  const kind = dataKind(section);
  if (section.size > MAX_SECTION)
    throw new ObjectError(`its ${section.size} bytes are more than a map can hold`, { section: section.name });
  const initial = kind === 'bss' ? undefined : section.data.slice();
  return sectionMap(objectName, section.name, section.size, btf, kind === 'rodata', initial);
}

/** The array of one element that holds the `__kconfig` variables; its content is known when a kernel is. `undefined` if there are none. */
export function kconfigMap({ btf, externs }: ObjectFile, objectName: string): MapSpec | undefined {
  const last = externs.findLast((extern) => extern.kind === 'kconfig');
  return last && sectionMap(objectName, KCONFIG, last.offset + last.size, btf, true, undefined);
}

function sectionMap(
  objectName: string,
  name: string,
  size: number,
  btf: Btf | undefined,
  readOnly: boolean,
  initial: Uint8Array | undefined,
): MapSpec {
  const datasec = btf?.find('datasec', name);
  const mmapable = btf !== undefined && datasec !== undefined && hasGlobal(btf, datasec);
  return {
    name,
    kernelName: internalName(objectName, name),
    style: 'internal',
    type: 'array',
    keySize: 4,
    valueSize: size,
    maxEntries: 1,
    flags: (readOnly ? BPF_F_RDONLY_PROG : 0) | (mmapable ? BPF_F_MMAPABLE : 0),
    ...UNSAID,
    keyTypeId: 0,
    valueTypeId: datasec ?? 0,
    initial,
    frozen: readOnly,
  };
}

/**
 * libbpf's name for an internal map: as much of the object's name as 15 characters leave room for before the section's name, of which 7 at least are
 * reserved; nothing of it before a section with a second dot.
 */
function internalName(object: string, section: string): string {
  const suffix = Math.min(15, Math.max(7, section.length));
  const prefix = section.indexOf('.', 1) >= 0 ? 0 : Math.min(15 - suffix, object.length);
  return kernelName(object.slice(0, prefix) + section.slice(0, suffix));
}

/** Whether a variable of the section can be seen from outside: then libbpf makes the map mmapable. */
function hasGlobal(btf: Btf, datasec: number): boolean {
  const type = btf.type(datasec);
  if (type.kind !== 'datasec') return false;
  return type.variables.some(({ typeId }) => {
    const variable = btf.type(typeId);
    return variable.kind === 'var' && variable.linkage !== 0;
  });
}
