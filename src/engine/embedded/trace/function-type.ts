import type { Btf } from '../../../btf/index.ts';
import type { BtfFuncProto } from '../../../btf/types.ts';

/** The type of a function in the kernel's types; `undefined`: they do not have it. */
export function functionType(btf: Btf, name: string): BtfFuncProto | undefined {
  const func = btf.type(btf.find('func', name) ?? 0);
  const proto = func.kind === 'func' ? btf.type(func.typeId) : undefined;
  return proto?.kind === 'func_proto' ? proto : undefined;
}

/** 64 bits of a register as the number that a function of this type returns. */
export function asReturned(btf: Btf, type: BtfFuncProto | undefined, bits: bigint): bigint {
  const result = type === undefined ? undefined : btf.resolve(type.returns);
  if (result?.kind !== 'int') return bits;
  return result.encoding === 'signed' ? BigInt.asIntN(8 * result.size, bits) : BigInt.asUintN(8 * result.size, bits);
}
