import type { Btf } from '../../../btf/index.ts';
import { skipModifiers } from '../verifier/btf-walk.ts';

/** A member of a struct of functions. */
export interface OpsMember {
  readonly name: string;
  /** Bytes from the start of the struct. */
  readonly offset: number;
  readonly size: number;
  /** What may be in it: a program, the kernel's own module, which is nobody's to say, or bytes. */
  readonly holds: 'function' | 'module' | 'bytes';
}

/** A struct of functions, and the one that a map holds around it, as the kernel's BTF lays them out. */
export interface OpsLayout {
  /** Types of the kernel's BTF. */
  readonly typeId: number;
  readonly valueTypeId: number;
  /** Bytes of both. */
  readonly size: number;
  readonly valueSize: number;
  /** Where the struct is in the value. */
  readonly start: number;
  readonly members: readonly OpsMember[];
}

/** `undefined`: the BTF does not have them. */
export function opsLayout(btf: Btf, name: string): OpsLayout | undefined {
  const typeId = btf.find('struct', name);
  const valueTypeId = btf.find('struct', `bpf_struct_ops_${name}`);
  if (typeId === undefined || valueTypeId === undefined) return undefined;
  const [struct, value] = [btf.type(typeId), btf.type(valueTypeId)];
  if (struct.kind !== 'struct' || value.kind !== 'struct') return undefined;
  const data = value.members.find((member) => skipModifiers(btf, member.typeId)[1] === typeId);
  if (data === undefined) return undefined;
  const members = struct.members.map(({ name: called, typeId: type, bitOffset }) => ({
    name: called,
    offset: Math.floor(bitOffset / 8),
    size: btf.size(type),
    holds: held(btf, type),
  }));
  const start = Math.floor(data.bitOffset / 8);
  return { typeId, valueTypeId, size: struct.size, valueSize: value.size, start, members };
}

function held(btf: Btf, typeId: number): OpsMember['holds'] {
  const [pointer] = skipModifiers(btf, typeId);
  if (pointer.kind !== 'ptr') return 'bytes';
  const [pointed] = skipModifiers(btf, pointer.typeId);
  if (pointed.kind === 'func_proto') return 'function';
  return pointed.kind === 'struct' && pointed.name === 'module' ? 'module' : 'bytes';
}

/** Whether nothing is in the gaps between members. */
export function hasZeroHoles(places: readonly Pick<OpsMember, 'offset' | 'size'>[], bytes: Uint8Array): boolean {
  let end = 0;
  for (const { offset, size } of places) {
    if (bytes.subarray(end, Math.max(end, offset)).some((byte) => byte !== 0)) return false;
    end = offset + size;
  }
  return bytes.subarray(end).every((byte) => byte === 0);
}
