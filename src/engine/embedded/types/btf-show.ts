import type { Btf, BtfArray, BtfComposite, BtfEnum, BtfInt, BtfMember, BtfType } from '../../../btf/index.ts';

/** How a value is shown: flags of bpf_snprintf_btf. */
export const BTF_F_COMPACT = 1;
export const BTF_F_NONAME = 2;
export const BTF_F_PTR_RAW = 4;
export const BTF_F_ZERO = 8;
export const BTF_F_ALL = 15;

/** Pointers and arrays in each other that a name has room for, and characters of a name. */
const [MAX_NESTING, MAX_NAME] = [10, 79];
/** Spaces that a line is moved in at most. */
const MAX_INDENT = 32;
/** Types are shown, and looked into, not more often than this for one value. No struct of a kernel has so many. */
const MAX_SHOWN = 1 << 16;

/**
 * A value of a type of the kernel as C, as Linux shows it with bpf_snprintf_btf: zeros are left out but for BTF_F_ZERO, and structs and arrays of zeros likewise.
 * `bytes`: those of the value and more, or fewer where the memory ends. `undefined`: the memory does not have all that was to be shown.
 */
export function showValue(btf: Btf, typeId: number, bytes: Uint8Array, flags: number): string | undefined {
  const show = new BtfShow(btf, bytes, flags);
  show.value(typeId, 0);
  return show.text;
}

class BtfShow {
  readonly #btf: Btf;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #flags: number;
  #text = '';
  #depth = 0;
  #shown = 0;
  /** Structs and arrays in each other; a BTF that nobody has looked at may have a struct in itself. */
  #nested = 0;
  #missing = false;
  /** While it is looked whether there is anything to be shown, nothing is written. */
  #looking = false;
  #found = false;
  /** It is one of an array, which has said its type: nothing in it has a name, as on Linux, up to the end of an array in it. */
  #isElement = false;

  constructor(btf: Btf, bytes: Uint8Array, flags: number) {
    this.#btf = btf;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#flags = flags;
  }

  get text(): string | undefined {
    return this.#missing ? undefined : this.#text;
  }

  value(typeId: number, at: number, member?: BtfMember): void {
    const type = this.#skip(typeId, true);
    if (this.#missing || ++this.#shown > MAX_SHOWN || this.#nested > MAX_INDENT) return;
    this.#nested++;
    this.#one(typeId, type, at, member);
    this.#nested--;
  }

  #one(typeId: number, type: BtfType, at: number, member: BtfMember | undefined): void {
    switch (type.kind) {
      case 'int':
        this.#int(typeId, type, at, member);
        break;
      case 'ptr': {
        const address = this.#read(at, 8, false).toString(16).padStart(16, '0');
        this.#number(typeId, `0x${address}`, member, /[1-9a-f]/.test(address));
        break;
      }
      case 'enum':
      case 'enum64':
        this.#enum(typeId, type, at, member);
        break;
      case 'struct':
      case 'union':
        this.#aggregate(typeId, member, '}', () => this.#members(type, at));
        break;
      case 'array':
        this.#aggregate(typeId, member, ']', () => this.#elements(type, at));
        break;
      default:
        this.#write(`<unsupported kind:${KIND_NUMBERS[type.kind] ?? 0}>`);
    }
  }

  /** One inside another one is not shown if there is nothing in it. */
  #aggregate(typeId: number, member: BtfMember | undefined, end: string, inside: () => void): void {
    if (this.#depth > 0 && (this.#flags & BTF_F_ZERO) === 0 && !this.#looking) {
      this.#looking = true;
      this.#found = false;
      inside();
      this.#looking = false;
      if (!this.#found) return;
    }
    if (this.#looking) {
      inside();
      return;
    }
    this.#write(`${this.#indent()}${this.#name(typeId, member)}${this.#newline()}`);
    this.#depth++;
    inside();
    this.#depth--;
    this.#write(`${this.#indent()}${end}${this.#delimiter()}${this.#newline()}`);
  }

  #members({ members }: BtfComposite, at: number): void {
    for (const member of members) {
      const from = at + Math.floor(member.bitOffset / 8);
      if (member.bitSize === 0) this.value(member.typeId, from, member);
      else this.#bits(member.typeId, from, member.bitOffset % 8, member.bitSize, member);
      if (this.#missing) return;
    }
  }

  #elements({ typeId, length }: BtfArray, at: number): void {
    const element = this.#skip(typeId, true);
    // Linux does not step through what has no size of its own: pointers, and arrays.
    const size = 'size' in element ? element.size : 0;
    const isText = element.kind === 'int' && size === 1;
    for (let i = 0; i < length && this.#shown <= MAX_SHOWN && !this.#missing; i++) {
      const from = at + i * size;
      const byte = isText ? Number(this.#read(from, 1, false)) : -1;
      if (byte === 0) return;
      this.#isElement = true;
      if (byte >= 0x20 && byte < 0x7f) this.#number(typeId, `'${String.fromCharCode(byte)}'`, undefined, true);
      else this.value(typeId, from);
      this.#isElement = false;
    }
  }

  #int(typeId: number, type: BtfInt, at: number, member: BtfMember | undefined): void {
    const { bits, bitOffset, size, encoding } = type;
    if (bitOffset !== 0 || bits !== 8 * size || size > 8) this.#bits(typeId, at, bitOffset, bits, member);
    else {
      const value = this.#read(at, size, encoding === 'signed');
      this.#number(typeId, String(value), member, value !== 0n);
    }
  }

  #bits(typeId: number, at: number, shift: number, bits: number, member: BtfMember | undefined): void {
    const bytes = Math.ceil((shift + bits) / 8);
    const value = BigInt.asUintN(bits, this.#read(at, bytes, false) >> BigInt(shift));
    this.#number(typeId, `0x${value.toString(16)}`, member, true);
  }

  #enum(typeId: number, { values, size, signed }: BtfEnum, at: number, member: BtfMember | undefined): void {
    const value = this.#read(at, size, signed);
    const name = values.find((one) => one.value === value)?.name;
    this.#number(typeId, name ?? String(value), member, name !== undefined || value !== 0n);
  }

  #number(typeId: number, value: string, member: BtfMember | undefined, isSomething: boolean): void {
    if (!isSomething && (this.#flags & BTF_F_ZERO) === 0 && this.#depth > 0) return;
    this.#found = true;
    this.#write(`${this.#indent()}${this.#name(typeId, member)}${value}${this.#delimiter()}${this.#newline()}`);
  }

  /** `.member = (struct name *[]){`, as far as there is such. */
  #name(typeId: number, member: BtfMember | undefined): string {
    if (this.#isElement) return '';
    let type = this.#skip(typeId, false);
    let [name, stars, brackets, isTypedef] = ['', '', '', false];
    for (let i = 0; type.kind === 'typedef' || type.kind === 'ptr' || type.kind === 'array'; i++) {
      if (i === MAX_NESTING) return '';
      if (type.kind === 'ptr') stars += '*';
      else if (type.kind === 'array') brackets += '[]';
      else {
        name ||= type.name;
        isTypedef = true;
      }
      type = this.#skip(type.typeId, false);
    }
    const isStruct = type.kind === 'struct' || type.kind === 'union';
    const opening = stars !== '' ? '' : brackets !== '' ? '[' : isStruct ? '{' : '';
    if ((this.#flags & BTF_F_NONAME) !== 0) return opening;
    const kind = isTypedef ? '' : isStruct ? type.kind : type.kind === 'enum' || type.kind === 'enum64' ? 'enum' : '';
    name ||= type.name;
    const space = kind !== '' && name !== '' ? ' ' : '';
    const called = member !== undefined && member.name !== '' ? `.${member.name} = ` : '';
    const pointer = stars === '' ? '' : ` ${stars}`;
    return `${called}(${kind}${space}${name}${pointer}${brackets})${opening}`.slice(0, MAX_NAME);
  }

  /** Behind qualifiers, and `typedefs`. */
  #skip(typeId: number, typedefs: boolean): BtfType {
    let type = this.#btf.type(typeId);
    for (let i = 0; i < MAX_INDENT; i++) {
      const skips = isQualifier(type) || (typedefs && type.kind === 'typedef');
      if (!skips || !('typeId' in type)) break;
      type = this.#btf.type(type.typeId);
    }
    return type;
  }

  #read(at: number, size: number, signed: boolean): bigint {
    if (at + size > this.#bytes.length) {
      this.#missing = true;
      return 0n;
    }
    let value = 0n;
    for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.#view.getUint8(at + i));
    return signed ? BigInt.asIntN(8 * size, value) : value;
  }

  #write(text: string): void {
    if (!this.#looking) this.#text += text;
  }
  #indent(): string {
    return (this.#flags & BTF_F_COMPACT) !== 0 ? '' : ' '.repeat(Math.min(this.#depth, MAX_INDENT));
  }
  #newline(): string {
    return (this.#flags & BTF_F_COMPACT) !== 0 ? '' : '\n';
  }
  #delimiter(): string {
    return this.#depth === 0 ? '' : ',';
  }
}

function isQualifier({ kind }: BtfType): boolean {
  return kind === 'const' || kind === 'volatile' || kind === 'restrict' || kind === 'type_tag';
}

/** Kinds that have no values that are shown. */
const KIND_NUMBERS: Readonly<Partial<Record<BtfType['kind'], number>>> = {
  fwd: 7,
  func: 12,
  func_proto: 13,
  var: 14,
  datasec: 15,
  float: 16,
  decl_tag: 17,
};
