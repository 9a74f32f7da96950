import type { Btf } from '../../../btf/index.ts';
import { objectFields, type ValueField } from '../maps/value-fields.ts';
import { skipModifiers } from './btf-walk.ts';
import type { FieldToVerify } from './program.ts';

const VARIANTS = { kptr: 'ref', kptr_untrusted: 'unref', percpu_kptr: 'percpu', uptr: 'uptr' } as const;

/** The fields of a struct of a program, with what they point to and contain. */
export function fieldsOf(btf: Btf, typeId: number, kernelBtf: Btf | undefined): readonly FieldToVerify[] {
  return withTypes(objectFields(btf, skipModifiers(btf, typeId)[0]), btf, kernelBtf);
}

/** The fields of a map's value, whose types are in `btf`. */
export function withTypes(
  fields: readonly ValueField[],
  btf: Btf | undefined,
  kernelBtf: Btf | undefined,
): readonly FieldToVerify[] {
  return fields.map(({ kind, offset, size, pointee, contains }) => {
    const field = { kind, offset, size };
    if (btf === undefined) return field;
    if (pointee !== undefined) return { ...field, kptr: pointeeOf(btf, kernelBtf, pointee) };
    const graph = contains === undefined ? undefined : graphOf(btf, contains, kind === 'list_head');
    return graph === undefined ? field : { ...field, graph };
  });
}

/** A struct that the kernel has is the kernel's; else it is one of objects that the program makes. */
function pointeeOf(
  btf: Btf,
  kernelBtf: Btf | undefined,
  { typeId, tag }: NonNullable<ValueField['pointee']>,
): NonNullable<FieldToVerify['kptr']> {
  const variant = tag in VARIANTS ? VARIANTS[tag as keyof typeof VARIANTS] : 'unref'; // by the test before
  const [type, id] = skipModifiers(btf, typeId);
  const known = variant === 'uptr' ? undefined : kernelBtf?.find('struct', type.name);
  return known === undefined || kernelBtf === undefined
    ? { variant, btf, typeId: id }
    : { variant, btf: kernelBtf, typeId: known };
}

function graphOf(btf: Btf, contains: string, isList: boolean): FieldToVerify['graph'] {
  const [struct = '', node = ''] = contains.split(':');
  const typeId = btf.find('struct', struct);
  if (typeId === undefined) return undefined;
  const type = btf.type(typeId);
  if (type.kind !== 'struct') return undefined;
  const wanted = isList ? 'bpf_list_node' : 'bpf_rb_node';
  const member = type.members.find(({ name, typeId: id }) => name === node && btf.type(id).name === wanted);
  return member === undefined ? undefined : { btf, typeId, nodeOffset: member.bitOffset / 8 };
}
