import { ObjectError } from '../errors.ts';
import type { Btf } from './btf.ts';
import { MAX_NESTING } from './print-c-layout.ts';
import { CNames } from './print-c-names.ts';
import { CText } from './print-c-text.ts';
import { sortForC } from './sort-c.ts';
import type { BtfComposite, BtfType } from './types.ts';

/** Which types {@link printC} prints. */
export interface PrintCOptions {
  /** Ids of the types that are wanted; what they need is printed too. Default: all, but of split BTF only those that its base lacks. */
  readonly roots?: readonly number[] | undefined;
  /** Of all types: by kind and name, as bpftool; default: by id. What a type needs stands before it in either case. */
  readonly sorted?: boolean | undefined;
}

const HEAD = `#ifndef __VMLINUX_H__
#define __VMLINUX_H__

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)
#endif
`;
/** What the declarations of kernel functions carry; <bpf/bpf_helpers.h> has some of it, too. */
const KFUNC_HEAD = `#ifndef BPF_NO_KFUNC_PROTOTYPES
#ifndef __ksym
#define __ksym __attribute__((section(".ksyms")))
#endif
#ifndef __weak
#define __weak __attribute__((weak))
#endif
#ifndef __bpf_fastcall
#if __has_attribute(bpf_fastcall)
#define __bpf_fastcall __attribute__((bpf_fastcall))
#else
#define __bpf_fastcall
#endif
#endif
`;
const FOOT = `#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute pop
#endif

#endif /* __VMLINUX_H__ */
`;

/**
 * Types as C that clang compiles for BPF, as a header with guards: every type after those that it needs, with the sizes and offsets that BTF says
 * (padding, `packed`, bit-fields). Structs carry `preserve_access_index`, unless BPF_NO_PRESERVE_ACCESS_INDEX is defined. Of functions only those are
 * declared that a kernel offers to programs, and no variables; of both, the types. Of two types with one name the second is called `NAME___2`, as
 * with libbpf; names that are none in C are changed.
 *
 * Throws ObjectError if a type refers to one that does not exist, cannot be written in C (a struct that contains itself), or takes too much text.
 * @example
 * const btf = parseBtf(section);
 * const header = printC(btf, { roots: btf.named('flow') });
 */
export function printC(btf: Btf, options: PrintCOptions = {}): string {
  const printer = new CPrinter(btf);
  if (options.roots === undefined) printer.printAll(options.sorted === true);
  else for (const root of options.roots) printer.print(root);
  printer.flush();
  if (options.roots === undefined) printer.printKfuncs();
  return [HEAD, ...printer.definitions, FOOT].join('\n');
}

/** How far a type must be known: a pointer needs its target declared only, a member needs the whole type. */
type Need = 'declared' | 'complete';

class CPrinter {
  readonly definitions: string[] = [];
  readonly #btf: Btf;
  readonly #names: CNames;
  readonly #text: CText;
  /** Declarations by id that wait for the next definition: that of the struct itself makes its declaration needless. */
  readonly #forward = new Map<number, string>();
  /** Types that are printed, or are being printed, by id. */
  readonly #declared = new Set<number>();
  readonly #complete = new Map<number, 'begun' | 'done'>();
  #depth = 0;

  constructor(btf: Btf) {
    this.#btf = btf;
    this.#names = new CNames(btf);
    this.#text = new CText(btf, this.#names);
  }

  printAll(sorted: boolean): void {
    const ids = sorted ? sortForC(this.#btf) : this.#btf.ownIds();
    const enums: number[] = [];
    for (const id of ids) {
      const type = this.#btf.type(id);
      switch (type.kind) {
        case 'struct':
        case 'union':
          if (type.name !== '') this.print(id);
          break;
        case 'enum':
        case 'enum64':
          if (type.name !== '') this.print(id);
          else enums.push(id);
          break;
        case 'typedef':
        case 'fwd':
          this.print(id);
          break;
        default:
      }
    }
    // Constants: enums that no other type uses.
    for (const id of enums) if (!this.#text.inlineEnums.has(id)) this.print(id);
  }

  /** Declares the functions of a kernel that programs may call, by name. One whose name is taken, or none of C, is left out. */
  printKfuncs(): void {
    const { kfuncs, fast } = kfuncsOf(this.#btf);
    const lines = kfuncs.flatMap(([name, id]) => {
      const type = this.#btf.type(id);
      if (type.kind !== 'func' || !this.#names.isFree(name)) return [];
      this.#require(type.typeId, 'complete');
      return `extern ${fast.has(id) ? '__bpf_fastcall ' : ''}${this.#text.declarator(type.typeId, name, 0)} __weak __ksym;\n`;
    });
    this.flush();
    if (lines.length > 0) this.definitions.push(`${KFUNC_HEAD}${lines.join('')}#endif\n`);
  }

  print(id: number): void {
    const type = this.#btf.type(id);
    this.#require(id, 'complete');
    if ((type.kind === 'enum' || type.kind === 'enum64') && type.name === '')
      this.#emit(`${this.#text.enum(id, type, 0)};\n`);
  }

  /** Prints the forward declarations that wait. */
  flush(): void {
    for (const text of this.#forward.values()) {
      this.#text.charge(text.length);
      this.definitions.push(text);
    }
    this.#forward.clear();
  }

  /** Prints what must stand before a type is used. */
  #require(id: number, need: Need): void {
    if (id === 0 || this.#complete.get(id) === 'done' || (need === 'declared' && this.#declared.has(id))) return;
    if (this.#depth >= 8 * MAX_NESTING)
      throw new ObjectError(`type ${id} is the end of a chain of more than ${8 * MAX_NESTING} types`, {
        section: '.BTF',
      });
    this.#depth++;
    this.#requireOf(id, this.#btf.type(id), need);
    this.#depth--;
  }

  #requireOf(id: number, type: BtfType, need: Need): void {
    switch (type.kind) {
      case 'struct':
      case 'union':
        if (need === 'declared' && type.name !== '') this.#declare(id, type);
        else this.#define(id, type);
        break;
      case 'fwd': {
        const definition = this.#btf.find(type.of, type.name);
        if (definition === undefined) this.#declare(id, type);
        else this.#require(definition, 'declared');
        break;
      }
      case 'enum':
      case 'enum64':
        this.#complete.set(id, 'done');
        if (type.name !== '') this.#emit(`${this.#text.enum(id, type, 0)};\n`);
        break;
      case 'typedef':
        if (need === 'complete') this.#require(type.typeId, need);
        this.#typedef(id, type.name, type.typeId);
        if (need === 'complete') this.#complete.set(id, 'done');
        break;
      case 'volatile':
      case 'const':
      case 'restrict':
      case 'type_tag':
      case 'var':
        this.#once(id, need, () => this.#require(type.typeId, need));
        break;
      case 'array':
        // C wants the elements complete even where there is only a pointer to the array.
        this.#once(id, 'complete', () => this.#require(type.typeId, 'complete'));
        break;
      case 'ptr':
      case 'func':
        this.#once(id, 'complete', () => this.#require(type.typeId, 'declared'));
        break;
      case 'func_proto':
        this.#once(id, 'complete', () => {
          this.#require(type.returns, 'declared');
          for (const { typeId } of type.params) this.#require(typeId, 'declared');
        });
        break;
      case 'datasec':
        this.#once(id, 'complete', () => {
          for (const { typeId } of type.variables) this.#require(typeId, 'complete');
        });
        break;
      case 'decl_tag':
        this.#once(id, 'complete', () => this.#require(type.typeId, 'declared'));
        break;
      case 'void':
      case 'int':
      case 'float':
        break;
    }
  }

  /** Runs `visit` unless the type is being visited already, and marks it. */
  #once(id: number, need: Need, visit: () => void): void {
    if (this.#complete.has(id)) throw circle(id);
    this.#complete.set(id, 'begun');
    visit();
    if (need === 'complete') this.#complete.set(id, 'done');
    else {
      this.#complete.delete(id);
      this.#declared.add(id);
    }
  }

  #declare(id: number, type: BtfType & { readonly kind: 'struct' | 'union' | 'fwd' }): void {
    this.#declared.add(id);
    this.#forward.set(id, `${this.#names.of(id, type)};\n`);
  }

  #define(id: number, type: BtfComposite): void {
    if (this.#complete.has(id)) throw circle(id);
    this.#complete.set(id, 'begun');
    for (const member of type.members) this.#require(member.typeId, 'complete');
    this.#complete.set(id, 'done');
    this.#declared.add(id);
    this.#forward.delete(id);
    if (type.name !== '') this.#emit(`${this.#text.composite(id, type, this.#names.of(id, type), 0)};\n`);
  }

  #typedef(id: number, name: string, target: number): void {
    if (this.#declared.has(id)) return;
    if (this.#complete.has(id)) throw circle(id);
    this.#complete.set(id, 'begun');
    this.#require(target, 'declared');
    this.#complete.delete(id);
    this.#declared.add(id);
    this.#emit(`typedef ${this.#text.declarator(target, this.#names.of(id, { kind: 'typedef', name }), 0)};\n`);
  }

  #emit(text: string): void {
    this.flush();
    this.#text.charge(text.length);
    this.definitions.push(text);
  }
}

/** The functions that carry the tag of kernel functions, by name, and the ids of those that leave registers alone. */
function kfuncsOf(btf: Btf): { kfuncs: readonly (readonly [name: string, id: number])[]; fast: ReadonlySet<number> } {
  const kfuncs = new Map<string, number>();
  const fast = new Set<number>();
  for (const [id] of btf.records('decl_tag')) {
    const tag = btf.type(id);
    if (tag.kind !== 'decl_tag' || tag.component !== -1) continue;
    if (tag.name === 'bpf_kfunc') kfuncs.set(btf.type(tag.typeId).name, tag.typeId);
    if (tag.name === 'bpf_fastcall') fast.add(tag.typeId);
  }
  return { kfuncs: [...kfuncs].sort(([a], [b]) => (a < b ? -1 : 1)), fast };
}

function circle(id: number): ObjectError {
  return new ObjectError(`type ${id} contains itself, which C cannot say`, { section: '.BTF' });
}
