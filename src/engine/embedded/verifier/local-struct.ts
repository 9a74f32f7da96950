import type { Btf } from '../../../btf/index.ts';
import type { Env } from './env.ts';
import { fieldsOf } from './fields.ts';
import type { FieldToVerify } from './program.ts';
import type { Reg } from './reg.ts';

/** The fields that only helpers may touch of a struct of the program. */
export function structFields(env: Env, btf: Btf, typeId: number): readonly FieldToVerify[] {
  if (btf !== env.program.btf) return [];
  let fields = env.structFields.get(typeId);
  if (fields === undefined) {
    fields = fieldsOf(btf, typeId, env.program.kernelBtf);
    env.structFields.set(typeId, fields);
  }
  return fields;
}

/** The fields of what a register points to. */
export function fieldsAt(env: Env, reg: Reg): readonly FieldToVerify[] {
  if (reg.kind === 'map_value') return reg.map?.fields ?? [];
  if (reg.isAllocated && reg.btf !== undefined) return structFields(env, reg.btf, reg.btfId);
  return [];
}

export function hasField(env: Env, reg: Reg, ...kinds: readonly FieldToVerify['kind'][]): boolean {
  return fieldsAt(env, reg).some(({ kind }) => kinds.includes(kind));
}
