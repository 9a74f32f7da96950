import type { Btf } from '../../../btf/index.ts';
import type { Insn } from '../../../isa/index.ts';
import type { MapType, ProgType } from '../../../uapi/bpf.ts';
import type { HelperName } from '../../../uapi/helpers.ts';
import type { FieldKind } from '../maps/value-fields.ts';
import type { Rejection } from '../progs/rejection.ts';
import type { Extension } from './extension.ts';

/** What the verifier is given: a program whose references to maps are resolved. Nothing in it changes. */
export interface ProgramToVerify {
  readonly insns: readonly Insn[];
  readonly type: ProgType;
  /** BPF_* of enum bpf_attach_type. */
  readonly attachType: number;
  /** BPF_F_*. */
  readonly flags: number;
  readonly gpl: boolean;
  /** What each `ld_imm64` of a map stands for, by the number of its first slot. */
  readonly maps: ReadonlyMap<number, MapUse>;
  /** All maps of the program, those too that no instruction names. */
  readonly usedMaps: readonly MapToVerify[];
  readonly btf?: Btf | undefined;
  readonly funcInfo?: readonly FuncInfo[] | undefined;
  readonly lineInfo?: readonly LineInfo[] | undefined;
  /** The types of the kernel, without which there are no pointers to its structs. */
  readonly kernelBtf?: Btf | undefined;
  /** Why what its instructions refer to is not there, or what it is made for cannot be that; told when it is their turn. */
  readonly broken?: { readonly references?: Rejection | undefined; readonly target?: Rejection | undefined };
  /** Of a program of type ext, which otherwise has the type and the attach type of the program whose function it takes the place of. */
  readonly extension?: Extension | undefined;
  /** What a program of type tracing, lsm or struct_ops is for: a type of `btf`. */
  readonly target?: { readonly btf: Btf; readonly typeId: number } | undefined;
  /** Other BTFs whose functions are called, by `off` of the call. */
  readonly moduleBtf?: ((off: number) => Btf | undefined) | undefined;
  /** Helpers that this kernel does not have, though Linux has. */
  readonly lacks?: ((helper: HelperName) => boolean) | undefined;
  /** Likewise functions of the kernel that programs may call. */
  readonly lacksKfunc?: ((name: string) => boolean) | undefined;
  /** CPUs that there may be. */
  readonly cpus: number;
}

export interface FuncInfo {
  readonly insnOff: number;
  readonly typeId: number;
}

/** `line`, `fileName`: offsets of the strings of the program's BTF. */
export interface LineInfo {
  readonly insnOff: number;
  readonly line: number;
  readonly fileName: number;
  readonly lineNumber: number;
}

/** `offset`: of a `ld_imm64` of a value's address. */
export interface MapUse {
  readonly map: MapToVerify;
  readonly offset?: number;
}

export interface MapToVerify {
  readonly type: MapType;
  /** BPF_MAP_TYPE_*. */
  readonly typeNumber: number;
  readonly name: string;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly fields: readonly FieldToVerify[];
  readonly btf?: Btf | undefined;
  readonly valueTypeId?: number | undefined;
  /** What maps of this map are like. */
  readonly inner?: MapToVerify | undefined;
  /** User space can change it no more. */
  readonly frozen: boolean;
  /** The bytes of the one value of an array; `undefined` where a type has no direct access. */
  readonly read?: ((offset: number, size: number) => Uint8Array | undefined) | undefined;
}

/** A field of a value or an object that only certain helpers may touch. */
export interface FieldToVerify {
  readonly kind: FieldKind;
  readonly offset: number;
  readonly size: number;
  /** Of a pointer: what it points to. */
  readonly kptr?: {
    readonly variant: 'unref' | 'ref' | 'percpu' | 'uptr';
    readonly btf: Btf;
    readonly typeId: number;
  };
  /** Of a list or tree: what is in it, and where that has its node. */
  readonly graph?: { readonly btf: Btf; readonly typeId: number; readonly nodeOffset: number };
}
