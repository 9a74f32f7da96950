import { BtfBuilder, type BtfMember, type BtfType } from '../../../btf/index.ts';
import { roundUp } from '../../../bytes/round.ts';
import type { FieldKind, Struct, StructFields } from '../../../bytes/struct.ts';
import { UsageError } from '../../../errors.ts';
import { KFUNC_TABLE } from '../kfuncs/table.ts';
import { BUILT_IN } from '../trace/built-in.ts';
import { type CType, parseDeclaration, parseMembers } from './declaration.ts';
import { sortDeclarations } from './declared.ts';
import {
  CONTEXT_STRUCTS,
  ENUMS,
  INTS,
  ITERATORS,
  STRUCT_OPS_STUBS,
  STRUCTS,
  TYPED_TRACEPOINTS,
  TYPEDEFS,
} from './kernel-structs.ts';
import { VARIABLES } from './kernel-variables.ts';

let built: Uint8Array | undefined;

/**
 * The types of the embedded kernel, as a `.BTF` section, and those that are declared: `struct NAME { MEMBERS }`, functions by their prototypes, and tracepoints as
 * `typedef void (*btf_trace_NAME)(void *, ARGUMENTS)`. Throws UsageError for one that cannot be read.
 */
export function embeddedKernelBtf(declarations: readonly string[] = []): Uint8Array {
  if (declarations.length > 0) return new KernelTypesBuilder().build(declarations);
  built ??= new KernelTypesBuilder().build([]);
  return built.slice();
}

/** Bytes. */
interface Extent {
  readonly size: number;
  readonly align: number;
}
const POINTER: Extent = { size: 8, align: 8 };
/** Bytes. */
const CACHE_LINE = 64;

/** Adds types as they are named. Structs get their ids first, in the order of the tables, so that they may point to each other. */
class KernelTypesBuilder {
  readonly #btf = new BtfBuilder();
  readonly #ids = new Map<string, number>([['void', 0]]);
  readonly #extents = new Map<string, Extent>();
  /** Pointers, arrays and the like, which stand behind all structs; each once. */
  readonly #later = new Map<string, number>();
  readonly #rest: BtfType[] = [];
  #firstLater = 0;

  build(declarations: readonly string[]): Uint8Array {
    const declared = sortDeclarations(declarations);
    for (const [name, { size, encoding }] of Object.entries(INTS))
      this.#name(name, { size, align: size }, { kind: 'int', name, size, bits: 8 * size, bitOffset: 0, encoding });
    for (const [name, of] of Object.entries(TYPEDEFS))
      this.#name(name, this.#extentOf(of), { kind: 'typedef', name, typeId: this.#idOf(of) });
    for (const [name, { prefix, names }] of Object.entries(ENUMS)) {
      const values = names.map((value, i) => ({ name: prefix + value.toUpperCase(), value: BigInt(i) }));
      this.#name(`enum ${name}`, { size: 4, align: 4 }, { kind: 'enum', name, size: 4, signed: false, values });
    }
    // The ids of structs are known before they are added.
    const layouts = Object.entries({ ...STRUCTS, ...Object.fromEntries(declared.structs) });
    const structs = [...Object.keys(CONTEXT_STRUCTS), ...layouts.map(([name]) => name)];
    const first = this.#btf.typeCount;
    for (const [i, name] of structs.entries()) this.#ids.set(`struct ${name}`, first + i);
    this.#firstLater = first + structs.length;
    for (const [name, struct] of Object.entries(CONTEXT_STRUCTS)) this.#context(name, struct);
    for (const [name, members] of layouts) this.#struct(name, members);
    const prototypes = [
      ...ITERATORS,
      ...STRUCT_OPS_STUBS,
      ...BUILT_IN.map(({ prototype }) => prototype),
      ...declared.functions,
    ];
    const functions = prototypes.map((prototype) => this.#function(prototype));
    const typedefs = [...TYPED_TRACEPOINTS, ...declared.typedefs].map((text): BtfType => {
      const { name, type } = parseDeclaration(text);
      return { kind: 'typedef', name, typeId: this.#id(type) };
    });
    const kfuncs = KFUNC_TABLE.map(({ prototype }) => this.#function(prototype));
    const variables = VARIABLES.map(({ declaration }) => this.#variable(declaration));
    for (const type of this.#rest) this.#btf.add(type);
    for (const type of [...typedefs, ...functions]) this.#btf.add(type);
    for (const func of kfuncs) {
      const typeId = this.#btf.add(func);
      this.#btf.add({ kind: 'decl_tag', name: 'bpf_kfunc', typeId, component: -1 });
    }
    this.#addPerCpu(variables);
    return this.#btf.bytes();
  }

  /** Variables that each CPU has lie one after the other in a section. */
  #addPerCpu(variables: readonly (Extent & { readonly type: BtfType })[]): void {
    let end = 0;
    const places = variables.map(({ size, align, type }) => {
      const offset = roundUp(end, align);
      end = offset + size;
      return { typeId: this.#btf.add(type), offset, size };
    });
    this.#btf.add({ kind: 'datasec', name: '.data..percpu', size: end, variables: places });
  }

  #variable(declaration: string): Extent & { readonly type: BtfType } {
    const { name, type } = parseDeclaration(declaration);
    return { ...this.#extent(type), type: { kind: 'var', name, typeId: this.#id(type), linkage: 1 } };
  }

  #function(prototype: string): BtfType {
    const { name, type } = parseDeclaration(prototype);
    return { kind: 'func', name, typeId: this.#id(type), linkage: 0 };
  }

  #name(name: string, extent: Extent, type: BtfType): void {
    this.#ids.set(name, this.#btf.add(type));
    this.#extents.set(name, extent);
  }

  #context(name: string, { size, fields }: Struct<StructFields>): void {
    const members = Object.entries(fields).map(([member, [kind, offset]]): BtfMember => {
      return { name: member, typeId: this.#field(member, kind), bitOffset: 8 * offset, bitSize: 0 };
    });
    this.#btf.add({ kind: 'struct', name, size, members });
  }

  /** The type of a context's member, which its table knows by size: 16 bytes are four words, and what is an address is known by its name. */
  #field(name: string, kind: FieldKind): number {
    if (/^(sk|migrating_sk)$/.test(name)) return this.#id(parseDeclaration('struct bpf_sock *sk').type);
    if (/^(data|data_end|optval|optval_end|skb_data|skb_data_end)$/.test(name))
      return this.#id(parseDeclaration('void *data').type);
    if (name === 'regs') return this.#idOf('struct pt_regs');
    if (kind === 'bytes[16]') return this.#id(parseDeclaration('__u32 word[4]').type);
    return this.#idOf(kind === 'i32' ? '__s32' : `__${kind}`);
  }

  #struct(name: string, text: string): void {
    const members: BtfMember[] = [];
    let end = 0;
    let align = 1;
    for (const { name: called, type } of parseMembers(text)) {
      const extent = this.#extent(type);
      // What a map of functions holds begins with what the kernel says of it, in a cache line of its own.
      const first = called === 'data' && name.startsWith('bpf_struct_ops_') ? CACHE_LINE : extent.align;
      end = roundUp(end, first);
      members.push({ name: called, typeId: this.#id(type), bitOffset: 8 * end, bitSize: 0 });
      end += extent.size;
      align = Math.max(align, first);
    }
    const size = roundUp(end, align);
    this.#btf.add({ kind: 'struct', name, size, members });
    this.#extents.set(`struct ${name}`, { size, align });
  }

  #extent(type: CType): Extent {
    switch (type.kind) {
      case 'base':
        return this.#extentOf(type.name);
      case 'const':
        return this.#extent(type.to);
      case 'ptr':
        return POINTER;
      case 'array': {
        const { size, align } = this.#extent(type.of);
        return { size: size * type.length, align };
      }
      case 'function':
        throw new UsageError('a function has no size, and is no member of a struct');
    }
  }

  #id(type: CType): number {
    switch (type.kind) {
      case 'base':
        return this.#idOf(type.name);
      case 'ptr':
      case 'const':
        return this.#once({ kind: type.kind, name: '', typeId: this.#id(type.to) });
      case 'array': {
        const { length } = type;
        return this.#once({
          kind: 'array',
          name: '',
          typeId: this.#id(type.of),
          indexTypeId: this.#idOf('unsigned int'),
          length,
        });
      }
      case 'function': {
        const params = type.params.map((param) => ({ name: param.name, typeId: this.#id(param.type) }));
        return this.#once({ kind: 'func_proto', name: '', returns: this.#id(type.returns), params });
      }
    }
  }

  #once(type: BtfType): number {
    const key = JSON.stringify(type);
    let id = this.#later.get(key);
    if (id === undefined) {
      id = this.#firstLater + this.#rest.length;
      this.#later.set(key, id);
      this.#rest.push(type);
    }
    return id;
  }

  #idOf(name: string): number {
    return found(this.#ids.get(name), name);
  }

  /** Of a struct: once it was added. */
  #extentOf(name: string): Extent {
    return found(this.#extents.get(name), name);
  }
}

function found<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new UsageError(`there is no type ${name} before it is asked for`);
  return value;
}
