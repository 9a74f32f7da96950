import type { Btf } from '../btf/btf.ts';
import type { CoreRelocation } from '../btf/core.ts';
import type { AttachType, MapType, ProgType } from '../uapi/bpf.ts';

/**
 * What an object file asks for, before any kernel is in sight: plain data, the same on every machine. `openObject` makes it, `loader/` takes it
 * to a kernel.
 */
export interface ObjectSpec {
  /** libbpf's object name: the file's base name up to its first dot, 15 characters at most. It prefixes the internal maps' kernel names. */
  readonly name: string;
  /** For messages, and for tc's filter name `basename:[section]`. */
  readonly file: string;
  /** SHA-1 over the whole file, 40 hex digits: tc's PIN_OBJECT_NS directory. */
  readonly sha1: string;
  /**
   * That of the machine it was compiled for. A kernel takes only objects of its own. Programs and their debug information are little-endian here in
   * either case; the BTF and the content of data sections stand as in the file.
   */
  readonly byteOrder: 'little' | 'big';
  readonly license: string;
  /** The `version` section; 0 if there is none. */
  readonly kernVersion: number;
  /** In the order of libbpf: section index, then offset. Subprograms (`.text`) are not here: they are linked into those that call them. */
  readonly programs: readonly ProgramSpec[];
  /** In the order that `map idx N` counts: definitions of `.maps`/`maps` by offset, the internal maps in section order, `.kconfig`, struct_ops. */
  readonly maps: readonly MapSpec[];
  /** Its `__arena` variables; `undefined` if it has none. */
  readonly arena?: ArenaSpec | undefined;
  /** What the object leaves to the kernel: `__kconfig` variables in the order of their place in `.kconfig`, then `__ksym` names. */
  readonly externs: readonly ExternSpec[];
  /** The object's `.BTF`, parsed, and its bytes. */
  readonly btf: Btf | undefined;
  /** Decisions that the reader of this spec should know of, e.g. how the length of the map records was found. Sentences. */
  readonly notes: readonly string[];
}

/** Variables in a map of type arena. */
export interface ArenaSpec {
  /** {@link MapSpec.name}. */
  readonly map: string;
  /** What they hold before anything runs. */
  readonly data: Uint8Array;
  /** DATASEC; 0: not known. */
  readonly typeId: number;
}

export interface ProgramSpec {
  /** The function's symbol; for a section without function symbols, the section's name. */
  readonly name: string;
  /** The ELF section, e.g. `tc`, `classifier`, `7/0`. */
  readonly section: string;
  /** From the section's name (libbpf's SEC table); `undefined` where the name says nothing, as with tc's free section names. */
  readonly type: ProgType | undefined;
  readonly attachType: AttachType | undefined;
  /** BPF_F_SLEEPABLE, BPF_F_XDP_HAS_FRAGS, as the section's name says. */
  readonly flags: number;
  /** False for sections that start with `?`. */
  readonly autoload: boolean;
  /** 8 bytes each, little-endian; subprograms that are called are appended and the calls resolved. Map references are still empty. */
  readonly insns: Uint8Array;
  readonly references: readonly MapReference[];
  /** Instructions that name something of the kernel: an address (`ld_imm64`) or a call. */
  readonly externs: readonly ExternReference[];
  /** For BPF_PROG_LOAD: records of `recordSize` bytes, `insn_off` already that of `insns`. `undefined` without .BTF.ext. */
  readonly funcInfo: InfoRecords | undefined;
  readonly lineInfo: InfoRecords | undefined;
  /** What has to be fitted to the types of the kernel that runs it (CO-RE). */
  readonly coreRelocations: readonly CoreReference[];
}

/** A name that an object leaves to the kernel it will run on. */
export type ExternSpec = KconfigExtern | KsymExtern;

/** A variable with the value of a kernel option, `extern int CONFIG_HZ __kconfig`. */
export interface KconfigExtern {
  readonly kind: 'kconfig';
  readonly name: string;
  /** It is 0 where the kernel's configuration does not say; a strong one is an error there. */
  readonly weak: boolean;
  readonly as: KconfigType;
  readonly signed: boolean;
  /** Bytes from the start of `.kconfig`. */
  readonly offset: number;
  readonly size: number;
}

/** `tristate` is an enum called libbpf_tristate: 0 no, 1 yes, 2 module. `chars` is an array of char. */
export type KconfigType = 'bool' | 'char' | 'int' | 'tristate' | 'chars';

/** A variable or function of the kernel, `extern … NAME __ksym`. */
export interface KsymExtern {
  readonly kind: 'variable' | 'function';
  readonly name: string;
  /** Its address is 0 where the kernel does not have it, and it must not be called; a strong one is an error there. */
  readonly weak: boolean;
  /** In the object's BTF: the variable's type, 0 (void) where only the address is wanted; of a function its prototype. */
  readonly typeId: number;
}

/** An instruction that names an {@link ExternSpec}; or, if there is none of this name, something that the object does not declare. */
export interface ExternReference {
  /** Slot. */
  readonly insn: number;
  readonly name: string;
}

/** An instruction that depends on the kernel's types. */
export interface CoreReference extends CoreRelocation {
  /** Slot. */
  readonly insn: number;
}

/** An `ld_imm64` that names a map, or a place within a map's value. */
export interface MapReference {
  /** Index of the first of the two 8-byte slots. */
  readonly insn: number;
  /** {@link MapSpec.name}. */
  readonly map: string;
  /** `undefined`: the map itself (BPF_PSEUDO_MAP_FD). A number: that byte of element 0, or of the variables of an arena (BPF_PSEUDO_MAP_VALUE). */
  readonly valueOffset: number | undefined;
}

export interface InfoRecords {
  readonly recordSize: number;
  readonly count: number;
  readonly bytes: Uint8Array;
}

/** How a map was written down in the source. */
export type MapStyle = 'bpf_elf_map' | 'bpf_map_def' | 'btf' | 'internal' | 'struct_ops';

/** tc's pinning ids 0, 1 and 2, libbpf's LIBBPF_PIN_BY_NAME, or an id that iproute2's bpf_pinning file gives a path. */
export type Pinning = 'none' | 'object_ns' | 'global_ns' | 'by_name' | { readonly custom: number };

/** An element that a definition fills: a map or a program of the same object by name. */
export type MapSlot = { readonly index: number } & ({ readonly map: string } | { readonly program: string });

export interface MapSpec {
  /** The symbol; for internal maps the section, e.g. `.rodata`. Unique in the object. */
  readonly name: string;
  /** What BPF_MAP_CREATE is told: 15 characters of [A-Za-z0-9_.] at most; for internal maps libbpf's mangled name, e.g. `shared.rodata`. */
  readonly kernelName: string;
  readonly style: MapStyle;
  readonly type: MapType;
  /** Bytes. */
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  /** BPF_F_*. */
  readonly flags: number;
  readonly mapExtra: bigint;
  readonly numaNode: number | undefined;
  readonly pinning: Pinning;
  /** bpf_elf_map's `id`: the section prefix of its tail-call programs, the `innerId` of an outer map. 0 = none. */
  readonly id: number;
  /** bpf_elf_map: on a map-in-map the `id` of the map that serves as template. */
  readonly innerId: number;
  /** bpf_elf_map: the slot of the outer map that this map goes into. */
  readonly innerIdx: number;
  /** BTF-defined map-in-map: the template. */
  readonly inner: MapSpec | undefined;
  /**
   * BTF-defined maps of maps and prog arrays: what their definition puts in. Maps go in when the outer map is made, programs once they are loaded.
   * In a hash of maps the slot's index is the key.
   */
  readonly slots: readonly MapSlot[];
  /** Ids in the object's BTF; 0 = none. For internal maps `valueTypeId` is the DATASEC. */
  readonly keyTypeId: number;
  readonly valueTypeId: number;
  /** Internal maps: the section's content, put into element 0. `undefined` where there is nothing to write (`.bss`). */
  readonly initial: Uint8Array | undefined;
  /** `.rodata*` and `.kconfig`: BPF_MAP_FREEZE after the content is in. */
  readonly frozen: boolean;
  /** Maps of style `struct_ops`. Their `valueSize` and `initial` are of the object's own struct: what the kernel's looks like is known to a kernel. */
  readonly structOps?: StructOpsSpec | undefined;
}

/** A struct of functions that a kernel calls: what `SEC(".struct_ops")` defines. */
export interface StructOpsSpec {
  /** The struct, in the object's BTF. */
  readonly typeId: number;
  /** {@link ProgramSpec.name} of the functions, by the offset of their member (bytes). */
  readonly functions: readonly { readonly offset: number; readonly program: string }[];
  /** False for sections that start with `?`: neither the map nor its programs are loaded. */
  readonly autoload: boolean;
}
