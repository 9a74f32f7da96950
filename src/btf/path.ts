import { UsageError } from '../errors.ts';
import type { Btf } from './btf.ts';
import { MAX_DEPTH } from './decode.ts';
import type { BtfComposite, BtfMember } from './types.ts';
import { type BtfValue, encodeValue } from './value.ts';

/**
 * Puts a value into a part of another one, in place; the rest stays as it is. `bytes` hold a value of type `typeId`, and `path` says which part as C
 * does: `.at[1].x`, or nothing for the whole. Members of anonymous structs and unions are those of the struct around them.
 *
 * Throws UsageError if there is no such part or the value does not fit it.
 */
export function encodeAt(btf: Btf, typeId: number, path: string, value: BtfValue, bytes: Uint8Array): void {
  if (path === '') {
    bytes.set(encodeValue(btf, typeId, value, bytes));
    return;
  }
  const type = btf.resolve(typeId);
  const step = /^(?:\.([A-Za-z_$][\w$]*)|\[(\d+)\])(.*)$/s.exec(path);
  if (step === null) throw new UsageError(`${path}: .member or [index] is expected`);
  const [, name, index, rest = ''] = step;
  if (name !== undefined) {
    if (type.kind !== 'struct' && type.kind !== 'union')
      throw new UsageError(`.${name}: it is no struct, it has no members`);
    const member = memberAt(btf, type, name, 0, 0);
    if (member === undefined) throw new UsageError(`.${name}: there is no such member; there is ${memberNames(type)}`);
    if (member.bitSize > 0) {
      if (rest !== '') throw new UsageError(`.${name}: it is a bit-field, it has no parts`);
      bytes.set(encodeValue(btf, typeId, { [name]: value }, bytes));
      return;
    }
    within(`.${name}`, () =>
      encodeAt(btf, member.typeId, rest, value, part(btf, member.typeId, bytes, member.bitOffset / 8)),
    );
    return;
  }
  if (type.kind !== 'array') throw new UsageError(`[${index}]: it is no array`);
  const at = Number(index);
  if (at >= type.length) throw new UsageError(`[${index}]: the array has ${type.length} elements`);
  within(`[${index}]`, () =>
    encodeAt(btf, type.typeId, rest, value, part(btf, type.typeId, bytes, at * btf.size(type.typeId))),
  );
}

/** The member of this name with its offset from the start of the outermost struct. */
function memberAt(btf: Btf, type: BtfComposite, name: string, base: number, depth: number): BtfMember | undefined {
  if (depth > MAX_DEPTH) return undefined;
  for (const member of type.members) {
    const bitOffset = base + member.bitOffset;
    if (member.name === name) return { ...member, bitOffset };
    if (member.name !== '') continue;
    const inner = btf.resolve(member.typeId);
    if (inner.kind !== 'struct' && inner.kind !== 'union') continue;
    const found = memberAt(btf, inner, name, bitOffset, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

function memberNames(type: BtfComposite): string {
  const names = type.members.flatMap((member) => (member.name === '' ? [] : [member.name]));
  return names.slice(0, 20).join(', ') + (names.length > 20 ? ', …' : '');
}

function part(btf: Btf, typeId: number, bytes: Uint8Array, offset: number): Uint8Array {
  const size = btf.size(typeId);
  if (offset + size > bytes.length) throw new UsageError('the type is larger than the value that it is in');
  return bytes.subarray(offset, offset + size);
}

/** Says in an error which part it is about. */
function within(step: string, call: () => void): void {
  try {
    call();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const joined = /^[.[]/.test(error.message) ? `${step}${error.message}` : `${step}: ${error.message}`;
    throw new UsageError(joined, { cause: error });
  }
}
