import { roundUp } from '../bytes/round.ts';
import { ObjectError } from '../errors.ts';
import type { Btf } from './btf.ts';
import { resolvedId, spellFloat } from './print-c-names.ts';
import type { BtfComposite, BtfMember } from './types.ts';

/**
 * A struct or union as it must be written so that clang lays it out as BTF says. `packed`: with the attribute. A member without a name that is no
 * struct or union is left out: what follows it is padded.
 */
export interface CLayout {
  readonly packed: boolean;
  /** Bytes. */
  readonly align: number;
  readonly parts: readonly CPart[];
  /** Members overlap or lie outside, so that C cannot say it: the parts are the members in the order of their offsets, and no more. */
  readonly inexact: boolean;
}

export type CPart =
  | { readonly kind: 'member'; readonly member: BtfMember; readonly width: number }
  /** An unnamed bit-field of type `long`, of 1 to 64 bits: it takes room, but aligns nothing. */
  | { readonly kind: 'bits'; readonly width: number }
  /** A gap too large for bit-fields. */
  | { readonly kind: 'bytes'; readonly bytes: number };

/** Structs that may be nested by value, and arrays of arrays; the kernel allows 32. */
export const MAX_NESTING = 64;
/** Bits of a gap up to which it is written as unnamed bit-fields. */
const MAX_BITS = 64 * 64;
interface Field {
  readonly member: BtfMember;
  /** Bits from the start of the struct. */
  readonly at: number;
  /** Bits. */
  readonly size: number;
  /** Bits that its type is aligned to; a bit-field does not cross multiples of it. */
  readonly align: number;
  /** Bits of a bit-field; 0: none. */
  readonly width: number;
}

/** Layouts of the structs and unions of one BTF, worked out once each. Sizes of pointers and alignments are those of BPF: 8 bytes. */
export class CLayouts {
  readonly #btf: Btf;
  readonly #known = new Map<number, CLayout>();
  #depth = 0;

  constructor(btf: Btf) {
    this.#btf = btf;
  }

  /** Throws ObjectError if the struct contains itself or a type without a size. */
  of(id: number, type: BtfComposite): CLayout {
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    if (this.#depth >= MAX_NESTING)
      throw new ObjectError(`type ${id} nests more than ${MAX_NESTING} structs, or contains itself`, {
        section: '.BTF',
      });
    this.#depth++;
    try {
      const layout = this.#make(type);
      this.#known.set(id, layout);
      return layout;
    } finally {
      this.#depth--;
    }
  }

  /** Whether a member is written as an unnamed struct or union; every other member without a name is padding. */
  isInline(member: BtfMember): boolean {
    if (member.name !== '') return false;
    const { kind } = this.#btf.type(resolvedId(this.#btf, member.typeId));
    return kind === 'struct' || kind === 'union';
  }

  /** Bytes that clang aligns a type to. */
  align(typeId: number): number {
    let id = resolvedId(this.#btf, typeId);
    for (let n = 0; n < MAX_NESTING; n++) {
      const type = this.#btf.type(id);
      switch (type.kind) {
        case 'array':
          id = resolvedId(this.#btf, type.typeId);
          break;
        case 'struct':
        case 'union':
          return this.of(id, type).align;
        case 'int':
        case 'enum':
        case 'enum64':
          return type.size;
        case 'float':
          return spellFloat(type.size) === undefined ? 1 : type.size;
        case 'ptr':
          return 8;
        default:
          return 1;
      }
    }
    throw new ObjectError(`type ${typeId} nests more than ${MAX_NESTING} arrays`, { section: '.BTF' });
  }

  #make(type: BtfComposite): CLayout {
    const fields = type.members
      .filter((member) => member.name !== '' || this.isInline(member))
      .map((member) => this.#field(member));
    if (type.kind === 'struct') fields.sort((a, b) => a.at - b.at); // Rust lists them in the order of the source
    const bits = 8 * type.size;
    const align = Math.max(8, ...fields.map((field) => field.align));
    const packed = bits % align !== 0 || fields.some((field) => !isNatural(field));
    const parts = type.kind === 'struct' ? structParts(fields, bits, packed, align) : unionParts(fields, bits, align);
    return {
      packed,
      align: packed ? 1 : align / 8,
      parts: parts ?? fields.map(({ member, width }) => ({ kind: 'member', member, width })),
      inexact: parts === undefined,
    };
  }

  #field(member: BtfMember): Field {
    const { typeId, bitOffset, bitSize } = member;
    const size = 8 * this.#btf.size(typeId);
    const align = 8 * this.align(typeId);
    const type = this.#btf.resolve(typeId);
    // Older BTF has no widths: the integer itself has fewer bits than its bytes.
    const narrow = type.kind === 'int' && type.bits < size ? type : undefined;
    const width = bitSize !== 0 ? bitSize : (narrow?.bits ?? 0);
    const at = bitOffset + (bitSize === 0 ? (narrow?.bitOffset ?? 0) : 0);
    return { member, at, size: width === 0 ? size : width, align, width };
  }
}

/** Whether clang would put it there if nothing were packed. */
function isNatural({ at, align, width }: Field): boolean {
  return width === 0 ? at % align === 0 : (at % align) + width <= align;
}

/** `undefined`: C cannot say it. All numbers are bits. */
function structParts(fields: readonly Field[], size: number, packed: boolean, align: number): CPart[] | undefined {
  const parts: CPart[] = [];
  let end = 0;
  for (const field of fields) {
    if (field.at < end || field.at + field.size > size || (packed && field.width === 0 && field.at % 8 !== 0))
      return undefined;
    if (field.at !== natural(field, end, packed)) parts.push(...gap(end, field.at, packed));
    parts.push({ kind: 'member', member: field.member, width: field.width });
    end = field.at + field.size;
  }
  if (roundUp(end, packed ? 8 : align) !== size) parts.push(...gap(end, size, packed));
  return parts;
}

function unionParts(fields: readonly Field[], size: number, align: number): CPart[] | undefined {
  if (fields.some((field) => field.at !== 0 || field.size > size)) return undefined;
  const parts: CPart[] = fields.map(({ member, width }) => ({ kind: 'member', member, width }));
  const largest = roundUp(Math.max(0, ...fields.map((field) => field.size)), 8);
  if (roundUp(largest, size % align === 0 ? align : 8) !== size) parts.push({ kind: 'bytes', bytes: size / 8 });
  return parts;
}

/** Where clang puts a member after `end` bits. */
function natural({ align, width }: Field, end: number, packed: boolean): number {
  if (width !== 0) return packed || (end % align) + width <= align ? end : roundUp(end, align);
  return roundUp(end, packed ? 8 : align);
}

/** What fills the bits from `from` to `to`; outside packed structs none crosses a multiple of 64, for clang would move it. */
function* gap(from: number, to: number, packed: boolean): Generator<CPart> {
  let at = from;
  if (to - from > MAX_BITS) {
    // Bit-fields before and after, so that the array starts and ends with a byte.
    const first = roundUp(from, 8);
    const last = to - (to % 8);
    yield* gap(from, first, packed);
    yield { kind: 'bytes', bytes: (last - first) / 8 };
    at = last;
  }
  while (at < to) {
    const width = Math.min(packed ? at + 64 : at - (at % 64) + 64, to) - at;
    yield { kind: 'bits', width };
    at += width;
  }
}
