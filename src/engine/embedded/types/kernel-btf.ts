import { BtfBuilder, type BtfMember } from '../../../btf/index.ts';
import { roundUp } from '../../../bytes/round.ts';
import type { FieldKind, Struct, StructFields } from '../../../bytes/struct.ts';
import { CONTEXT_STRUCTS, ENUMS, FUNCTIONS, STRUCTS } from './kernel-structs.ts';

/** Integers by name: bytes, and whether they are signed. `u8` and its kin are typedefs, as on Linux. */
// biome-ignore format: aligned table
const INTS = {
  u8:   { of: 'unsigned char',      size: 1, encoding: 'none' },
  u16:  { of: 'unsigned short',     size: 2, encoding: 'none' },
  u32:  { of: 'unsigned int',       size: 4, encoding: 'none' },
  u64:  { of: 'unsigned long long', size: 8, encoding: 'none' },
  i32:  { of: 'int',                size: 4, encoding: 'signed' },
  char: { of: 'char',               size: 1, encoding: 'signed' },
} as const;
type IntName = keyof typeof INTS;

let built: Uint8Array | undefined;

/** The types of the embedded kernel, as a `.BTF` section. The same for all of them, and nobody's to change. */
export function embeddedKernelBtf(): Uint8Array {
  built ??= new KernelTypesBuilder().build();
  return built.slice();
}

interface Placed {
  readonly id: number;
  readonly size: number;
  readonly align: number;
}

/** Adds types as they are named. Structs get their ids first, in the order of the tables, so that they may point to each other. */
class KernelTypesBuilder {
  readonly #btf = new BtfBuilder();
  readonly #ids = new Map<string, number>();

  build(): Uint8Array {
    for (const name of ['u8', 'u16', 'u32', 'u64', 'i32', 'char'] as const) this.#int(name);
    for (const [name, { prefix, names }] of Object.entries(ENUMS)) this.#enum(name, prefix, names);
    // The ids of structs are known before they are added.
    const structs = [...Object.keys(CONTEXT_STRUCTS), ...Object.keys(STRUCTS)];
    const first = this.#btf.typeCount;
    for (const [i, name] of structs.entries()) this.#ids.set(`struct ${name}`, first + i);
    const rest: (() => number)[] = [];
    const later = new LaterTypes(first + structs.length, rest, this.#btf);
    for (const [name, struct] of Object.entries(CONTEXT_STRUCTS)) this.#context(name, struct, later);
    for (const [name, members] of Object.entries(STRUCTS)) this.#struct(name, members, later);
    const functions = Object.entries(FUNCTIONS).map(([name, args]) => [name, this.#params(args, later)] as const);
    for (const add of rest) add();
    for (const [name, params] of functions) {
      const typeId = this.#btf.add({ kind: 'func_proto', name: '', returns: this.#id('i32'), params });
      this.#btf.add({ kind: 'func', name, typeId, linkage: 0 });
    }
    return this.#btf.bytes();
  }

  #int(name: IntName): void {
    const { of, size, encoding } = INTS[name];
    const id = this.#btf.add({ kind: 'int', name: of, size, bits: 8 * size, bitOffset: 0, encoding });
    const isPlain = name === 'i32' || name === 'char';
    this.#ids.set(name, isPlain ? id : this.#btf.add({ kind: 'typedef', name, typeId: id }));
  }

  #enum(name: string, prefix: string, names: readonly string[]): void {
    const values = names.map((value, i) => ({ name: prefix + value.toUpperCase(), value: BigInt(i) }));
    this.#ids.set(`enum ${name}`, this.#btf.add({ kind: 'enum', name, size: 4, signed: false, values }));
  }

  #params(text: string, later: LaterTypes): readonly { readonly name: string; readonly typeId: number }[] {
    return declarations(text).map(({ name, type, isPointer, length }) => {
      return { name, typeId: this.#member(type, isPointer, length, later).id };
    });
  }

  #context(name: string, { size, fields }: Struct<StructFields>, later: LaterTypes): void {
    const members = Object.entries(fields).map(([member, [kind, offset]]): BtfMember => {
      return { name: member, typeId: this.#field(member, kind, later), bitOffset: 8 * offset, bitSize: 0 };
    });
    this.#btf.add({ kind: 'struct', name, size, members });
  }

  /** The type of a context's member, which its table knows by size: 16 bytes are four words, and what is an address is known by its name. */
  #field(name: string, kind: FieldKind, later: LaterTypes): number {
    if (/^(sk|migrating_sk)$/.test(name)) return later.pointer(this.#id('struct bpf_sock'));
    if (/^(data|data_end|optval|optval_end|skb_data|skb_data_end)$/.test(name)) return later.pointer(0);
    if (name === 'regs') return this.#id('struct pt_regs');
    if (kind === 'bytes[16]') return later.array(this.#id('u32'), this.#id('u32'), 4);
    return this.#id(kind);
  }

  #struct(name: string, text: string, later: LaterTypes): void {
    const members: BtfMember[] = [];
    let end = 0;
    let align = 1;
    for (const { name: called, type, isPointer, length } of declarations(text)) {
      const placed = this.#member(type, isPointer, length, later);
      end = roundUp(end, placed.align);
      members.push({ name: called, typeId: placed.id, bitOffset: 8 * end, bitSize: 0 });
      end += placed.size;
      align = Math.max(align, placed.align);
    }
    this.#btf.add({ kind: 'struct', name, size: roundUp(end, align), members });
  }

  #member(type: string, isPointer: boolean, length: number | undefined, later: LaterTypes): Placed {
    if (isPointer) return { id: later.pointer(type === 'void' ? 0 : this.#id(type)), size: 8, align: 8 };
    const size = type.startsWith('enum ') ? 4 : INTS[type as IntName].size; // the tables have pointers, enums and integers
    const id = this.#id(type);
    if (length === undefined) return { id, size, align: size };
    return { id: later.array(id, this.#id('u32'), length), size: size * length, align: size };
  }

  #id(name: string): number {
    const id = this.#ids.get(name);
    if (id === undefined) throw new Error(`embedded kernel: there is no type ${name}`);
    return id;
  }
}

interface Declaration {
  readonly name: string;
  readonly type: string;
  readonly isPointer: boolean;
  readonly length: number | undefined;
}

/** `u32 id; char name[16]; struct bpf_prog *prog`. */
function declarations(text: string): Declaration[] {
  return text.split(';').map((member) => {
    const [, type = '', pointer, name = '', length] =
      /^\s*((?:struct |enum )?\w+) (\*?)(\w+)(?:\[(\d+)\])?$/.exec(member) ?? [];
    return { name, type, isPointer: pointer === '*', length: length === undefined ? undefined : Number(length) };
  });
}

/** Pointers and arrays, which stand behind all structs; each once. */
class LaterTypes {
  readonly #first: number;
  readonly #adds: (() => number)[];
  readonly #btf: BtfBuilder;
  readonly #known = new Map<string, number>();

  constructor(first: number, adds: (() => number)[], btf: BtfBuilder) {
    this.#first = first;
    this.#adds = adds;
    this.#btf = btf;
  }

  pointer(typeId: number): number {
    return this.#once(`* ${typeId}`, () => this.#btf.add({ kind: 'ptr', name: '', typeId }));
  }
  array(typeId: number, indexTypeId: number, length: number): number {
    return this.#once(`[${length}] ${typeId}`, () =>
      this.#btf.add({ kind: 'array', name: '', typeId, indexTypeId, length }),
    );
  }

  #once(key: string, add: () => number): number {
    let id = this.#known.get(key);
    if (id === undefined) {
      id = this.#first + this.#adds.length;
      this.#known.set(key, id);
      this.#adds.push(add);
    }
    return id;
  }
}
