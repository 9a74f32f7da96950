import { ObjectError } from '../errors.ts';
import { type Btf, MAX_RESOLVE } from './btf.ts';
import { CLayouts, type CPart, MAX_NESTING } from './print-c-layout.ts';
import { CNames, identifier, resolvedId, spellFloat, spellInteger } from './print-c-names.ts';
import type { BtfComposite, BtfEnum, BtfMember, BtfType } from './types.ts';

/** Which types {@link printC} prints. */
export interface PrintCOptions {
  /** Ids of the types that are wanted; what they need is printed too. Default: all. */
  readonly roots?: readonly number[] | undefined;
}

/** Characters of a printout, about: types without a name are written out at each use, and so multiply. That of vmlinux has 3 million. */
const MAX_TEXT = 1 << 26;

const HEAD = `#ifndef __VMLINUX_H__
#define __VMLINUX_H__

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)
#endif
`;
const FOOT = `#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute pop
#endif

#endif /* __VMLINUX_H__ */
`;

/**
 * Types as C that clang compiles for BPF, as a header with guards: every type after those that it needs, with the sizes and offsets that BTF says
 * (padding, `packed`, bit-fields). Structs carry `preserve_access_index`, unless BPF_NO_PRESERVE_ACCESS_INDEX is defined. Functions and variables are
 * not declared, only their types. Of two types with one name the second is called `NAME___2`, as with libbpf; names that are none in C are changed.
 *
 * Throws ObjectError if a type refers to one that does not exist, cannot be written in C (a struct that contains itself), or takes too much text.
 * @example
 * const header = printC(parseBtf(section), { roots: [btf.find('struct', 'flow')] });
 */
export function printC(btf: Btf, options: PrintCOptions = {}): string {
  const printer = new CPrinter(btf);
  if (options.roots === undefined) printer.printAll();
  else for (const root of options.roots) printer.print(root);
  printer.flush();
  return [HEAD, ...printer.definitions, FOOT].join('\n');
}

/** How far a type must be known: a pointer needs its target declared only, a member needs the whole type. */
type Need = 'declared' | 'complete';

class CPrinter {
  readonly definitions: string[] = [];
  readonly #btf: Btf;
  readonly #names: CNames;
  readonly #layouts: CLayouts;
  /** Declarations by id that wait for the next definition: that of the struct itself makes its declaration needless. */
  readonly #forward = new Map<number, string>();
  /** Types that are printed, or are being printed, by id. */
  readonly #declared = new Set<number>();
  readonly #complete = new Map<number, 'begun' | 'done'>();
  /** Enums without a name that were written where they are used. */
  readonly #inlineEnums = new Set<number>();
  #depth = 0;
  #pads = 0;
  #room = MAX_TEXT;

  constructor(btf: Btf) {
    this.#btf = btf;
    this.#names = new CNames(btf);
    this.#layouts = new CLayouts(btf);
  }

  printAll(): void {
    const { typeCount } = this.#btf;
    const enums: number[] = [];
    for (let id = 1; id < typeCount; id++) {
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
    for (const id of enums) if (!this.#inlineEnums.has(id)) this.print(id);
  }

  print(id: number): void {
    const type = this.#btf.type(id);
    this.#require(id, 'complete');
    if ((type.kind === 'enum' || type.kind === 'enum64') && type.name === '')
      this.#emit(`${this.#enum(id, type, 0)};\n`);
  }

  /** Prints the forward declarations that wait. */
  flush(): void {
    for (const text of this.#forward.values()) {
      this.#charge(text.length);
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
      case 'fwd':
        this.#declare(id, type);
        break;
      case 'enum':
      case 'enum64':
        this.#complete.set(id, 'done');
        if (type.name !== '') this.#emit(`${this.#enum(id, type, 0)};\n`);
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
    if (type.name !== '') this.#emit(`${this.#composite(id, type, this.#names.of(id, type), 0)};\n`);
  }

  #typedef(id: number, name: string, target: number): void {
    if (this.#declared.has(id)) return;
    if (this.#complete.has(id)) throw circle(id);
    this.#complete.set(id, 'begun');
    this.#require(target, 'declared');
    this.#complete.delete(id);
    this.#declared.add(id);
    this.#emit(`typedef ${this.#declarator(target, this.#names.of(id, { kind: 'typedef', name }), 0)};\n`);
  }

  #emit(text: string): void {
    this.flush();
    this.#charge(text.length);
    this.definitions.push(text);
  }

  #charge(characters: number): void {
    this.#room -= characters;
    if (this.#room < 0)
      throw new ObjectError(`its types take more than ${MAX_TEXT} characters as C; give roots to print fewer`, {
        section: '.BTF',
      });
  }

  /** `struct name { … } __attribute__((packed))`; `head` is `struct name` or `struct`. */
  #composite(id: number, type: BtfComposite, head: string, level: number): string {
    if (level > MAX_NESTING)
      throw new ObjectError(`type ${id} nests more than ${MAX_NESTING} types without a name`, { section: '.BTF' });
    const { parts, packed, inexact } = this.#layouts.of(id, type);
    const indent = '\t'.repeat(level + 1);
    const lines = parts.map((part) => {
      const line = `${indent}${this.#part(part, level + 1)};\n`;
      this.#charge(line.length);
      return line;
    });
    const note = inexact ? `${indent}/* members overlap: the offsets are not those of BTF */\n` : '';
    const body = lines.length === 0 ? '{}' : `{\n${note}${lines.join('')}${'\t'.repeat(level)}}`;
    return `${head} ${body}${packed ? ' __attribute__((packed))' : ''}`;
  }

  #part(part: CPart, level: number): string {
    switch (part.kind) {
      case 'bits':
        return `long: ${part.width}`;
      case 'bytes':
        return `unsigned char __pad${++this.#pads}[${part.bytes}]`;
      case 'member': {
        const { member, width } = part;
        const text =
          member.name === ''
            ? this.#unnamed(member, level)
            : this.#declarator(member.typeId, identifier(member.name), level);
        return width === 0 ? text : `${text}: ${width}`;
      }
    }
  }

  /** A member without a name: its members written out, for C knows no other way. */
  #unnamed(member: BtfMember, level: number): string {
    const id = resolvedId(this.#btf, member.typeId);
    const type = this.#btf.type(id);
    return type.kind === 'struct' || type.kind === 'union' ? this.#composite(id, type, type.kind, level) : '';
  }

  #enum(id: number, type: BtfEnum, level: number): string {
    if (type.name === '') this.#inlineEnums.add(id);
    const head = type.name === '' ? 'enum' : this.#names.of(id, type);
    // Without enumerators there is no enum in C, and a declaration would have no size.
    if (type.values.length === 0)
      return level === 0 && type.name !== ''
        ? `${head} { ${this.#names.enumerator('__none')} = 0 }${enumMode(type)}`
        : integerOf(type);
    const indent = '\t'.repeat(level);
    const lines = type.values.map(({ name, value }) => {
      const line = `${indent}\t${this.#names.enumerator(name)} = ${enumerator(value)},\n`;
      this.#charge(line.length);
      return line;
    });
    return `${head} {\n${lines.join('')}${indent}}${enumMode(type)}`;
  }

  /** A declaration of `name` (empty: the type alone) with a type: C writes pointers before, arrays and parameters after what they are of. */
  #declarator(typeId: number, name: string, level: number): string {
    let id = typeId;
    let text = name;
    let qualifiers: string[] = [];
    this.#charge(name.length);
    for (let n = 0; n < 8 * MAX_RESOLVE; n++) {
      const type = this.#btf.type(id);
      this.#charge(8);
      switch (type.kind) {
        case 'const':
        case 'volatile':
          if (!qualifiers.includes(type.kind)) qualifiers.unshift(type.kind);
          id = type.typeId;
          continue;
        case 'restrict':
          if (this.#btf.type(resolvedId(this.#btf, id)).kind === 'ptr' && !qualifiers.includes('restrict'))
            qualifiers.unshift('restrict');
          id = type.typeId;
          continue;
        case 'type_tag':
          // Only what needs no quoting: a name comes from the file.
          if (/^[\w.:-]+$/.test(type.name)) qualifiers.unshift(`__attribute__((btf_type_tag("${type.name}")))`);
          id = type.typeId;
          continue;
        case 'ptr':
          text = qualifiers.length === 0 ? `*${text}` : `*${join(qualifiers.join(' '), text)}`;
          qualifiers = [];
          id = type.typeId;
          continue;
        case 'array':
          text = `${grouped(text)}[${type.length}]`;
          id = type.typeId;
          continue;
        case 'func_proto':
          text = `${grouped(text)}(${this.#parameters(type.params, level)})`;
          qualifiers = [];
          id = type.returns;
          continue;
        default:
          return join([...qualifiers, this.#specifier(id, type, level)].join(' '), text);
      }
    }
    throw new ObjectError(
      `type ${typeId} goes through more than ${8 * MAX_RESOLVE} pointers and qualifiers, or in a circle`,
      { section: '.BTF' },
    );
  }

  /** Without the names: one that is a typedef too would hide it from the parameters after it. */
  #parameters(params: readonly { readonly typeId: number }[], level: number): string {
    if (params.length === 0) return 'void';
    if (level > MAX_NESTING)
      throw new ObjectError(`functions take functions, more than ${MAX_NESTING} deep`, { section: '.BTF' });
    const variadic = params.at(-1)?.typeId === 0;
    const typed = variadic ? params.slice(0, -1) : params;
    // `(...)` alone is no C before C23, but `()` says the same.
    if (typed.length === 0) return '';
    return [...typed.map(({ typeId }) => this.#declarator(typeId, '', level + 1)), ...(variadic ? ['...'] : [])].join(
      ', ',
    );
  }

  /** The type at the end of a declarator's chain. */
  #specifier(id: number, type: BtfType, level: number): string {
    const text = this.#specifierText(id, type, level);
    this.#charge(text.length);
    return text;
  }

  #specifierText(id: number, type: BtfType, level: number): string {
    switch (type.kind) {
      case 'int':
        return spellInteger(type);
      case 'float':
        return spellFloat(type.size) ?? `struct { unsigned char bytes[${type.size}]; }`;
      case 'typedef':
        return this.#names.of(id, { kind: type.kind, name: type.name });
      case 'fwd':
        return this.#names.of(id, type);
      case 'struct':
      case 'union':
        return type.name === '' ? this.#composite(id, type, type.kind, level) : this.#names.of(id, type);
      case 'enum':
      case 'enum64':
        return type.name === '' ? this.#enum(id, type, level) : this.#names.of(id, type);
      default:
        return 'void'; // func, var and the like are no types of values; only damaged BTF has them here
    }
  }
}

function circle(id: number): ObjectError {
  return new ObjectError(`type ${id} contains itself, which C cannot say`, { section: '.BTF' });
}

/** `specifier declarator`, or the one that there is. */
function join(specifier: string, declarator: string): string {
  return declarator === '' ? specifier : `${specifier} ${declarator}`;
}

function grouped(declarator: string): string {
  return declarator.startsWith('*') ? `(${declarator})` : declarator;
}

/** The number as a literal of C. */
function enumerator(value: bigint): string {
  if (value >= -0x80000000n && value <= 0xffffffffn) return value.toString();
  if (value >= 0n) return `${value}ULL`;
  return value === -(1n << 63n) ? '(-9223372036854775807LL - 1)' : `${value}LL`;
}

/** What gives an enum the size that BTF says, where clang would choose another. */
function enumMode({ size, values }: BtfEnum): string {
  const large = values.some(({ value }) => value < -0x80000000n || value > 0xffffffffn);
  const mixed = values.some(({ value }) => value < 0n) && values.some(({ value }) => value > 0x7fffffffn);
  if (size === (large || mixed ? 8 : 4)) return '';
  return ` __attribute__((mode(${MODES[size] ?? 'SI'})))`;
}

/** GCC's names of machine modes by bytes. */
const MODES: Readonly<Record<number, string>> = { 1: 'QI', 2: 'HI', 4: 'SI', 8: 'DI' };

function integerOf({ size, signed }: BtfEnum): string {
  return spellInteger({
    kind: 'int',
    name: '',
    size,
    bits: 8 * size,
    bitOffset: 0,
    encoding: signed ? 'signed' : 'none',
  });
}
