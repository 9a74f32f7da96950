/**
 * The kinds of BTF by number, in bpftool's lower-case spelling. Source: <linux/btf.h>.
 */
// biome-ignore format: ten a line, so that a number can be counted
export const BTF_KINDS = [
  'void', 'int', 'ptr', 'array', 'struct', 'union', 'enum', 'fwd', 'typedef', 'volatile',
  'const', 'restrict', 'func', 'func_proto', 'var', 'datasec', 'float', 'decl_tag', 'type_tag', 'enum64',
] as const;
export type BtfKind = (typeof BTF_KINDS)[number];

/** One type. `name` is empty for anonymous ones; `typeId` is the type that this one refers to, 0 being void. */
export type BtfType =
  | { readonly kind: 'void'; readonly name: '' }
  | BtfInt
  | BtfArray
  | BtfComposite
  | BtfEnum
  | BtfDatasec
  | BtfFuncProto
  /** The kinds that only refer to another type. `linkage` of a func: 0 static, 1 global, 2 extern. */
  | {
      readonly kind: 'ptr' | 'typedef' | 'volatile' | 'const' | 'restrict' | 'type_tag';
      readonly name: string;
      readonly typeId: number;
    }
  | { readonly kind: 'func'; readonly name: string; readonly typeId: number; readonly linkage: number }
  /** `linkage`: 0 static, 1 global, 2 extern. */
  | { readonly kind: 'var'; readonly name: string; readonly typeId: number; readonly linkage: number }
  | { readonly kind: 'fwd'; readonly name: string; readonly of: 'struct' | 'union' }
  | { readonly kind: 'float'; readonly name: string; readonly size: number }
  /** `component` is the index of a member or parameter, -1 the type itself. */
  | { readonly kind: 'decl_tag'; readonly name: string; readonly typeId: number; readonly component: number };

export interface BtfInt {
  readonly kind: 'int';
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly bits: number;
  readonly bitOffset: number;
  readonly encoding: 'none' | 'signed' | 'char' | 'bool';
}

export interface BtfArray {
  readonly kind: 'array';
  readonly name: '';
  readonly typeId: number;
  readonly indexTypeId: number;
  readonly length: number;
}

export interface BtfComposite {
  readonly kind: 'struct' | 'union';
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly members: readonly BtfMember[];
}

export interface BtfMember {
  /** Empty: its own members count as those of the struct around it. */
  readonly name: string;
  readonly typeId: number;
  /** Bits from the start of the struct. */
  readonly bitOffset: number;
  /** Bits; 0: no bit-field. */
  readonly bitSize: number;
}

export interface BtfEnum {
  readonly kind: 'enum' | 'enum64';
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly signed: boolean;
  readonly values: readonly { readonly name: string; readonly value: bigint }[];
}

export interface BtfDatasec {
  readonly kind: 'datasec';
  readonly name: string;
  /** Bytes; compilers leave it 0. */
  readonly size: number;
  readonly variables: readonly { readonly typeId: number; readonly offset: number; readonly size: number }[];
}

export interface BtfFuncProto {
  readonly kind: 'func_proto';
  readonly name: '';
  readonly returns: number;
  /** A last parameter without name and type stands for `...`. */
  readonly params: readonly { readonly name: string; readonly typeId: number }[];
}
