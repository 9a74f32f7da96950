import { ObjectError } from '../errors.ts';
import { type Btf, MAX_RESOLVE } from './btf.ts';
import { CLayouts, type CPart, MAX_NESTING } from './print-c-layout.ts';
import { type CNames, identifier, resolvedId, spellFloat, spellInteger } from './print-c-names.ts';
import type { BtfComposite, BtfEnum, BtfMember, BtfType } from './types.ts';

/** Characters of a printout, about: types without a name are written out at each use, and so multiply. That of vmlinux has 3 million. */
const MAX_TEXT = 1 << 25;
/** Pointers, arrays and qualifiers of one declaration. */
const MAX_DECLARATOR = 8 * MAX_RESOLVE;
/** GCC's names of machine modes by bytes. */
const MODES: Readonly<Record<number, string>> = { 1: 'QI', 2: 'HI', 4: 'SI', 8: 'DI' };

/** How declarations are written, where BPF's own C is not wanted. */
export interface CTextOptions {
  /** Without const, volatile, restrict and type tags. */
  readonly unqualified?: boolean;
  /** The type of one byte that holds true or false: `bool` is one of C with <stdbool.h> and one of C++, `_Bool` is not. */
  readonly bool?: 'bool' | '_Bool';
}

/** Writes single types and declarations as C. In which order they must stand is decided elsewhere. */
export class CText {
  /** Enums without a name that were written so far, by id. */
  readonly inlineEnums = new Set<number>();
  readonly #btf: Btf;
  readonly #names: CNames;
  readonly #layouts: CLayouts;
  readonly #options: CTextOptions;
  #pads = 0;
  #room = MAX_TEXT;

  constructor(btf: Btf, names: CNames, options: CTextOptions = {}) {
    this.#btf = btf;
    this.#names = names;
    this.#layouts = new CLayouts(btf);
    this.#options = options;
  }

  /** Counts characters of the printout. Throws ObjectError when there are too many. */
  charge(characters: number): void {
    this.#room -= characters;
    if (this.#room < 0)
      throw new ObjectError(`its types take more than ${MAX_TEXT} characters as C; give roots to print fewer`, {
        section: '.BTF',
      });
  }

  /** `struct name { … } __attribute__((packed))`; `head` is `struct name` or `struct`. */
  composite(id: number, type: BtfComposite, head: string, level: number): string {
    if (level > MAX_NESTING)
      throw new ObjectError(`type ${id} nests more than ${MAX_NESTING} types without a name`, { section: '.BTF' });
    const { parts, packed, inexact } = this.#layouts.of(id, type);
    const indent = '\t'.repeat(level + 1);
    const lines = parts.map((part) => {
      const line = `${indent}${this.#part(part, level + 1)};\n`;
      this.charge(line.length);
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
            : this.declarator(member.typeId, identifier(member.name), level);
        return width === 0 ? text : `${text}: ${width}`;
      }
    }
  }

  /** A member without a name: its members written out, for C knows no other way. */
  #unnamed(member: BtfMember, level: number): string {
    const id = resolvedId(this.#btf, member.typeId);
    const type = this.#btf.type(id);
    return type.kind === 'struct' || type.kind === 'union' ? this.composite(id, type, type.kind, level) : '';
  }

  /** `enum name { … }`, with what gives it its size. */
  enum(id: number, type: BtfEnum, level: number): string {
    if (type.name === '') this.inlineEnums.add(id);
    const head = type.name === '' ? 'enum' : this.#names.of(id, type);
    // Without enumerators there is no enum in C, and a declaration would have no size.
    if (type.values.length === 0)
      return level === 0 && type.name !== ''
        ? `${head} { ${this.#names.enumerator('__none')} = 0 }${enumMode(type)}`
        : integerOf(type);
    const indent = '\t'.repeat(level);
    const lines = type.values.map(({ name, value }) => {
      const line = `${indent}\t${this.#names.enumerator(name)} = ${enumerator(value)},\n`;
      this.charge(line.length);
      return line;
    });
    return `${head} {\n${lines.join('')}${indent}}${enumMode(type)}`;
  }

  /** A declaration of `name` (empty: the type alone) with a type: C writes pointers before, arrays and parameters after what they are of. */
  declarator(typeId: number, name: string, level: number): string {
    let id = typeId;
    let text = name;
    let qualifiers: string[] = [];
    this.charge(name.length);
    for (let n = 0; n < MAX_DECLARATOR; n++) {
      const type = this.#btf.type(id);
      this.charge(8);
      if (this.#options.unqualified === true && isQualifier(type)) {
        id = type.typeId;
        continue;
      }
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
      `type ${typeId} goes through more than ${MAX_DECLARATOR} pointers and qualifiers, or in a circle`,
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
    return [...typed.map(({ typeId }) => this.declarator(typeId, '', level + 1)), ...(variadic ? ['...'] : [])].join(
      ', ',
    );
  }

  /** The type at the end of a declarator's chain. */
  #specifier(id: number, type: BtfType, level: number): string {
    const text = this.#specifierText(id, type, level);
    this.charge(text.length);
    return text;
  }

  #specifierText(id: number, type: BtfType, level: number): string {
    switch (type.kind) {
      case 'int':
        return type.encoding === 'bool' && type.size === 1
          ? (this.#options.bool ?? spellInteger(type))
          : spellInteger(type);
      case 'float':
        return spellFloat(type.size) ?? `struct { unsigned char bytes[${type.size}]; }`;
      case 'typedef':
        return this.#names.of(id, { kind: type.kind, name: type.name });
      case 'fwd':
        return this.#names.of(id, type);
      case 'struct':
      case 'union':
        return type.name === '' ? this.composite(id, type, type.kind, level) : this.#names.of(id, type);
      case 'enum':
      case 'enum64':
        return type.name === '' ? this.enum(id, type, level) : this.#names.of(id, type);
      default:
        return 'void'; // func, var and the like are no types of values; only damaged BTF has them here
    }
  }
}

function isQualifier(
  type: BtfType,
): type is BtfType & { readonly kind: 'const' | 'volatile' | 'restrict' | 'type_tag' } {
  return type.kind === 'const' || type.kind === 'volatile' || type.kind === 'restrict' || type.kind === 'type_tag';
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
