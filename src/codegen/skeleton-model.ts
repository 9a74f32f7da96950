import { type Btf, type BtfDatasec, CDeclarations, cIdentifier } from '../btf/index.ts';
import { ObjectError, UsageError } from '../errors.ts';
import { type MapSpec, type ObjectSpec, parseObject } from '../object/index.ts';
import { BPF_F_MMAPABLE } from '../uapi/bpf.ts';
import { type ShadowStruct, shadowStruct } from './skeleton-struct-ops.ts';

/** Bytes of an object that a header can embed; four characters stand for each. */
const MAX_EMBEDDED = 32 * 1024 * 1024;
/** Characters of a skeleton's name, as with bpftool. */
const MAX_NAME = 63;
/** Characters of an object's name, as the kernel and libbpf count them. */
const MAX_OBJECT_NAME = 15;
/** Names that C has no objection to, as GCC and clang know them without further headers. */
const CPP_WORDS = new Set(
  (
    'alignas alignof and and_eq asm bitand bitor bool catch char16_t char32_t class compl const_cast constexpr decltype delete dynamic_cast explicit ' +
    'export false friend mutable namespace new noexcept not not_eq nullptr operator or or_eq private protected public reinterpret_cast ' +
    'static_assert static_cast template this thread_local throw true try typeid typename using virtual wchar_t xor xor_eq'
  ).split(' '),
);
/** The host may be a 32-bit machine, which aligns nothing further. */
const HOST_ALIGN = 4;

/** What a skeleton offers of an object: everything that its text is made of. */
export interface Skeleton {
  /** The C name of the struct, and what the names of all functions start with. */
  readonly name: string;
  readonly spec: ObjectSpec;
  /** What a reader should know. Sentences. */
  readonly notes: readonly string[];
  /** The object file. */
  readonly bytes: Uint8Array;
  readonly maps: readonly SkeletonMap[];
  readonly programs: readonly SkeletonProgram[];
}

export interface SkeletonProgram {
  /** Its member of `progs` and `links`. */
  readonly ident: string;
  /** What libbpf calls it. */
  readonly name: string;
}

export interface SkeletonMap {
  /** Its member of `maps`. */
  readonly ident: string;
  /** What libbpf calls it in an object of this skeleton's name. */
  readonly name: string;
  /** The ELF section of an internal map: what libbpf calls it in an object without a name. */
  readonly sectionName: string;
  /** The globals of a map that user space has in its memory. */
  readonly section: SkeletonSection | undefined;
  readonly structOps: ShadowStruct | undefined;
}

export interface SkeletonSection {
  /** In the order of their places; static variables are nobody's business outside. */
  readonly variables: readonly SkeletonVariable[];
}

export interface SkeletonVariable {
  readonly ident: string;
  /** What BTF calls it. */
  readonly name: string;
  /** As a member, without semicolon. */
  readonly declaration: string;
  /** Bytes from the start of the section. */
  readonly offset: number;
  /** Bytes of its type. */
  readonly size: number;
  /** Bytes to fill before it; 0: a compiler puts it into its place by itself. */
  readonly padding: number;
}

export interface SkeletonOptions {
  /** The object's path, for messages and for the name. */
  readonly file: string;
  /** The C name of the skeleton; default: the file's name as bpftool makes one of it (`a-b.bpf.o` gives `a_b_bpf`). */
  readonly name?: string | undefined;
}

/** A C header. */
export interface SkeletonHeader {
  readonly text: string;
  /** What the reader of the object has to say about it. Sentences. */
  readonly notes: readonly string[];
}

/**
 * Reads an object for a skeleton whose structs have the globals themselves, or `pointers` to them. Throws ObjectError for an object that is damaged,
 * that libbpf does not open, or whose names or layout C cannot say; UsageError for a name that is none of C.
 */
export function readSkeleton(bytes: Uint8Array, options: SkeletonOptions, pointers: boolean): Skeleton {
  const { file } = options;
  const name = options.name ?? defaultName(file);
  if (name.length > MAX_NAME || cIdentifier(name) !== name)
    throw new UsageError(`${name}: a C name of at most ${MAX_NAME} characters is expected; give one with 'name NAME'`);
  if (bytes.length > MAX_EMBEDDED)
    throw new ObjectError(
      `its ${bytes.length} bytes are more than the ${MAX_EMBEDDED} that a header can embed; strip it of debug information (llvm-strip -g)`,
      { file },
    );
  try {
    const spec = parseObject(bytes, { file, name: name.slice(0, MAX_OBJECT_NAME) });
    const { maps, programs } = members(spec, name, pointers);
    const variables = maps.flatMap(({ section }) => section?.variables ?? []);
    return {
      name,
      spec,
      bytes,
      maps,
      programs,
      notes: [...spec.notes, ...cppNotes([...maps, ...programs, ...variables])],
    };
  } catch (error) {
    if (error instanceof ObjectError) throw error.at({ file });
    throw error;
  }
}

function defaultName(file: string): string {
  const base = file.slice(file.lastIndexOf('/') + 1).slice(0, MAX_NAME);
  return (base.endsWith('.o') ? base.slice(0, -2) : base).replace(/\W/g, '_');
}

function members(spec: ObjectSpec, name: string, pointers: boolean): Pick<Skeleton, 'maps' | 'programs'> {
  const reader = spec.btf === undefined ? undefined : new GlobalReader(spec.btf, pointers);
  const maps = spec.maps.map((map): SkeletonMap => {
    if (map.style === 'bpf_elf_map' || map.style === 'bpf_map_def')
      throw new ObjectError(
        `map ${map.name} is a struct ${map.style}, which no libbpf since 1.0 opens; write it in SEC(".maps")`,
      );
    const ident = cIdentifier(map.style === 'internal' ? map.name.slice(1) : map.name);
    return {
      ident,
      name: quotable(libbpfName(map)),
      sectionName: quotable(map.name),
      section: reader?.section(map),
      structOps: map.structOps && reader?.structOps(map.structOps.typeId, `${name}__${ident}`),
    };
  });
  const programs = spec.programs.map((program) => ({
    ident: cIdentifier(program.name),
    name: quotable(program.name),
  }));
  checkUnique('maps', maps);
  checkUnique('links', [...programs, ...maps.filter((map) => map.structOps !== undefined)]);
  return { maps, programs };
}

function cppNotes(members: readonly { readonly ident: string }[]): string[] {
  const words = new Set(members.map(({ ident }) => ident).filter((ident) => CPP_WORDS.has(ident)));
  return [...words].map((word) => `${word} is a word of C++: the header compiles as C only`);
}

/** The name that bpf_map__name gives: that of a section other than `.data` and `.rodata` itself is whole, others have the object's in front. */
function libbpfName({ style, name, kernelName }: MapSpec): string {
  return style !== 'internal' || /^\.(ro)?data\../.test(name) ? name : kernelName;
}

/** Names stand in C strings. */
function quotable(name: string): string {
  if (/^[\x20-\x7e]+$/.test(name)) return name.replace(/["\\]/g, '\\$&');
  throw new ObjectError(`a map, program or variable is called ${JSON.stringify(name)}, which no C header can name`);
}

function checkUnique(where: string, members: readonly { readonly ident: string; readonly name: string }[]): void {
  const seen = new Map<string, string>();
  for (const { ident, name } of members) {
    const other = seen.get(ident);
    if (other !== undefined)
      throw new ObjectError(`${other} and ${name} would both be called ${ident} in ${where}; rename one`);
    seen.set(ident, name);
  }
}

/** Turns the types of globals into C. */
class GlobalReader {
  readonly #btf: Btf;
  readonly #declarations: CDeclarations;
  readonly #pointers: boolean;

  constructor(btf: Btf, pointers: boolean) {
    this.#btf = btf;
    this.#pointers = pointers;
    this.#declarations = new CDeclarations(btf);
  }

  /** `undefined` for a map that user space has not in its memory. */
  section(map: MapSpec): SkeletonSection | undefined {
    if (map.style !== 'internal' || (map.flags & BPF_F_MMAPABLE) === 0) return undefined;
    const section = this.#btf.type(map.valueTypeId);
    if (section.kind !== 'datasec') return undefined;
    const variables = this.#variables(section);
    checkUnique(section.name, variables);
    return { variables };
  }

  structOps(typeId: number, prefix: string): ShadowStruct {
    return shadowStruct(this.#btf, this.#declarations, typeId, prefix);
  }

  #variables(section: BtfDatasec): SkeletonVariable[] {
    let end = 0;
    return section.variables.flatMap(({ typeId, offset }) => {
      const variable = this.#btf.type(typeId);
      if (variable.kind !== 'var' || variable.linkage === 0) return [];
      const { name } = variable;
      if (offset < end)
        throw new ObjectError(`${name} starts within the variable before it`, { section: section.name, offset });
      const align = Math.min(this.#declarations.align(variable.typeId), HOST_ALIGN);
      const ident = cIdentifier(name);
      const padding = Math.ceil(end / align) * align === offset ? 0 : offset - end;
      const size = this.#btf.size(variable.typeId);
      end = offset + size;
      // Kernel options are not to be set; all else is user space's until the load.
      const qualified = section.name === '.kconfig';
      const declarator = this.#pointers ? `*${ident}` : ident;
      const declaration = this.#declarations.declare(variable.typeId, declarator, 2, qualified);
      return [{ ident, name: quotable(name), declaration, offset, size, padding }];
    });
  }
}
