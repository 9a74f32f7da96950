import { type Btf, MAX_RESOLVE } from './btf.ts';
import type { BtfInt } from './types.ts';

/** Words that no name may be. Those of C23 are not here: Linux itself has an enumerator `true` and a typedef `bool`. */
const KEYWORDS = new Set(
  (
    'asm auto break case char const continue default do double else enum extern float for goto if inline int long register restrict return ' +
    'short signed sizeof static struct switch typedef typeof union unsigned void volatile while _Alignas _Alignof _Atomic _Bool _Complex ' +
    '_Generic _Imaginary _Noreturn _Static_assert _Thread_local'
  ).split(' '),
);

/** Names that clang declares itself for BPF, as another type than the compiler that wrote the BTF. */
const BUILTIN = ['__builtin_va_list'] as const;

/** Integers by the sorted words of their name, and their bytes on BPF: `long int unsigned` is `unsigned long`. */
// biome-ignore format: aligned table
const INTEGERS: Readonly<Record<string, number>> = {
  'char': 1,  'char signed': 1,  'char unsigned': 1,  '_Bool': 1,
  'short': 2, 'short signed': 2, 'short unsigned': 2,
  'int': 4,   'signed': 4,       'unsigned': 4,
  'long': 8,  'long signed': 8,  'long unsigned': 8,
  'long long': 8, 'long long signed': 8, 'long long unsigned': 8,
  '__int128': 16, '__int128 signed': 16, '__int128 unsigned': 16,
};

/** What stands for an integer whose name is none of C: one of Rust, or of a machine with other sizes. */
// biome-ignore format: aligned table
const BY_SIZE: Readonly<Record<number, readonly [unsigned: string, signed: string]>> = {
  1: ['unsigned char', 'signed char'],
  2: ['unsigned short', 'short'],
  4: ['unsigned int', 'int'],
  8: ['unsigned long long', 'long long'],
  16: ['unsigned __int128', '__int128'],
};

/** Numbers that stand for floating-point ones of these bytes; on BPF `long double` has 8, so an integer keeps the place of larger ones. */
const FLOATS: Readonly<Record<number, string>> = {
  2: 'unsigned short',
  4: 'float',
  8: 'double',
  16: 'unsigned __int128',
};

/** An integer as C spells it; that of BTF where C has it with that size. */
export function spellInteger(type: BtfInt): string {
  if (INTEGERS[integerKey(type.name)] === type.size) return type.name;
  if (type.encoding === 'bool' && type.size === 1) return '_Bool';
  return BY_SIZE[type.size]?.[type.encoding === 'signed' ? 1 : 0] ?? 'int';
}

/** `undefined`: C on BPF has no number of so many bytes. */
export function spellFloat(bytes: number): string | undefined {
  return FLOATS[bytes];
}

function integerKey(name: string): string {
  const words = name.split(' ').sort();
  return (words.length === 1 ? words : words.filter((word) => word !== 'int')).join(' ');
}

/** A name as an identifier of C: what C does not allow becomes `_`, a keyword gets one at its end. */
export function identifier(name: string): string {
  if (/^[A-Za-z_]\w*$/.test(name)) return KEYWORDS.has(name) ? `${name}_` : name;
  const plain = name.replace(/\W/g, '_');
  return /^(\d|$)/.test(plain) ? `_${plain}` : plain;
}

/** What a type with a name is known by. */
export type CNamed =
  | { readonly kind: 'struct' | 'union' | 'enum' | 'enum64' | 'typedef'; readonly name: string }
  | { readonly kind: 'fwd'; readonly name: string; readonly of: 'struct' | 'union' };

/**
 * Names for the types of one printout: of several types with one name the first that is asked for keeps it, the others get `___2`, `___3`, … as
 * with libbpf. Structs, unions and enums share one space of names, typedefs and enumerators the other.
 */
export class CNames {
  readonly #btf: Btf;
  readonly #byType = new Map<number | string, string>();
  readonly #tags = new NameSpace();
  readonly #identifiers = new NameSpace();

  constructor(btf: Btf) {
    this.#btf = btf;
    for (const name of BUILTIN) this.#identifiers.take(name);
  }

  /** `struct x`, `union x`, `enum x`, or the name of a typedef; always the same for one type. */
  of(id: number, type: CNamed): string {
    const known = this.#byType.get(id);
    if (known !== undefined) return known;
    const name = this.#make(type);
    this.#byType.set(id, name);
    return name;
  }

  /** A name for an enumerator that is about to be defined. */
  enumerator(name: string): string {
    return this.#identifiers.take(identifier(name));
  }

  /** Whether a function can be declared by this name, which cannot be another. */
  isFree(name: string): boolean {
    return name === identifier(name) && !this.#identifiers.has(name);
  }

  #make(type: CNamed): string {
    switch (type.kind) {
      case 'typedef':
        return this.#identifiers.take(identifier(type.name));
      case 'enum':
      case 'enum64':
        return `enum ${this.#tags.take(identifier(type.name))}`;
      case 'fwd': {
        // A declaration is of the same type as the definition with that name, and as all other declarations.
        const definition = this.#btf.find(type.of, type.name);
        if (definition !== undefined) return this.of(definition, { kind: type.of, name: type.name });
        const key = `${type.of} ${type.name}`;
        const name = this.#byType.get(key) ?? `${type.of} ${this.#tags.take(identifier(type.name))}`;
        this.#byType.set(key, name);
        return name;
      }
      default:
        return `${type.kind} ${this.#tags.take(identifier(type.name))}`;
    }
  }
}

/** Names that are taken. */
class NameSpace {
  readonly #taken = new Map<string, number>();

  has(name: string): boolean {
    return this.#taken.has(name);
  }

  /** The name, or it with the next free number. */
  take(name: string): string {
    for (;;) {
      const count = (this.#taken.get(name) ?? 0) + 1;
      this.#taken.set(name, count);
      if (count === 1) return name;
      const numbered = `${name}___${count}`;
      if (this.#taken.has(numbered)) continue;
      this.#taken.set(numbered, 1);
      return numbered;
    }
  }
}

/** The id of the type behind typedefs and qualifiers; 0 if they lead there or in a circle. */
export function resolvedId(btf: Btf, id: number): number {
  let at = id;
  for (let n = 0; n <= MAX_RESOLVE; n++) {
    const type = btf.type(at);
    switch (type.kind) {
      case 'typedef':
      case 'volatile':
      case 'const':
      case 'restrict':
      case 'type_tag':
        at = type.typeId;
        break;
      default:
        return at;
    }
  }
  return 0;
}
