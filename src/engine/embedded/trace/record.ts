import { UsageError } from '../../../errors.ts';

/** A field as tracefs says it, e.g. `char prev_comm[16]`, and bytes of one element where they are not those of the type (system calls: 8). */
export type RecordField = string | readonly [declaration: string, size: number];
/** What the lab gives for a field: a number, a text or the bytes of an array. */
export type FieldValue = number | bigint | string | Uint8Array | readonly (number | bigint)[];

// biome-ignore format: aligned table
const SIZES: Readonly<Record<string, number>> = {
  char: 1, bool: 1, 'unsigned char': 1, u8: 1, s8: 1, __u8: 1,
  short: 2, 'unsigned short': 2, u16: 2, s16: 2, umode_t: 2, __u16: 2,
  int: 4, 'unsigned int': 4, unsigned: 4, u32: 4, s32: 4, pid_t: 4, uid_t: 4, gid_t: 4, dev_t: 4, __u32: 4, '__data_loc char[]': 4, gfp_t: 4,
  long: 8, 'unsigned long': 8, u64: 8, s64: 8, size_t: 8, __u64: 8, 'long long': 8, 'unsigned long long': 8, sector_t: 8, ino_t: 8,
};
/** Those whose numbers may be negative. */
const SIGNED = /^(int|long|short|long long|pid_t|s8|s16|s32|s64|__data_loc char\[\])$/;

interface Field {
  readonly declaration: string;
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  readonly elementSize: number;
  readonly signed: boolean;
}

/** Bytes that every record begins with: struct trace_entry. */
const COMMON: readonly Field[] = (
  [
    ['unsigned short common_type', 0, 2, false],
    ['unsigned char common_flags', 2, 1, false],
    ['unsigned char common_preempt_count', 3, 1, false],
    ['int common_pid', 4, 4, true],
  ] as const
).map(([declaration, offset, size, signed]) => ({
  declaration,
  name: declaration.slice(declaration.lastIndexOf(' ') + 1),
  offset,
  size,
  elementSize: size,
  signed,
}));
const COMMON_SIZE = 8;
const MAX_RECORD = 4096;

/** The layout of what a tracepoint hands to programs of type tracepoint. */
export class TraceRecord {
  readonly #fields: readonly Field[];
  readonly size: number;

  /** Throws UsageError for a field that cannot be read. */
  constructor(fields: readonly RecordField[]) {
    let end = COMMON_SIZE;
    this.#fields = fields.map((given) => {
      const [declaration, stated] = typeof given === 'string' ? [given, undefined] : given;
      const field = layOut(declaration, stated, end);
      end = field.offset + field.size;
      return field;
    });
    this.size = (end + 3) & ~3;
    if (this.size > MAX_RECORD) throw new UsageError(`a record of ${this.size} bytes is longer than ${MAX_RECORD}`);
  }

  /** Throws UsageError for a field that is not there, or a value that does not fit it. Texts of `__data_loc` fields go behind the record. */
  encode(type: number, pid: number, values: Readonly<Record<string, FieldValue>>): Uint8Array {
    const unknown = Object.keys(values).find((name) => !this.#fields.some((field) => field.name === name));
    if (unknown !== undefined) {
      const known = this.#fields.map(({ name }) => name).join(', ');
      throw new UsageError(`the record has no field '${unknown}', only ${known || 'none'}`);
    }
    const texts: Uint8Array[] = [];
    const bytes = new Uint8Array(this.size);
    const view = new DataView(bytes.buffer);
    view.setUint16(0, type, true);
    view.setInt32(4, pid, true);
    let end = this.size;
    for (const field of this.#fields) {
      const value = values[field.name];
      if (value === undefined) continue;
      if (!field.declaration.startsWith('__data_loc')) {
        put(view, field, value);
        continue;
      }
      if (typeof value !== 'string') throw new UsageError(`field '${field.name}' is a text`);
      const text = new TextEncoder().encode(`${value}\0`);
      if (end + text.length > MAX_RECORD) throw new UsageError(`the text for '${field.name}' is too long`);
      view.setUint32(field.offset, (text.length << 16) | end, true);
      texts.push(text);
      end += text.length;
    }
    const whole = new Uint8Array(end);
    whole.set(bytes);
    let at = this.size;
    for (const text of texts) {
      whole.set(text, at);
      at += text.length;
    }
    return whole;
  }

  /** The lines of tracefs' `format`. */
  format(): string {
    const line = ({ declaration, offset, size, signed }: Field) =>
      `\tfield:${declaration};\toffset:${offset};\tsize:${size};\tsigned:${signed ? 1 : 0};\n`;
    return `${COMMON.map(line).join('')}\n${this.#fields.map(line).join('')}`;
  }
}

function layOut(declaration: string, stated: number | undefined, end: number): Field {
  const [, type = '', name = '', count] = /^(.*?[ *])(\w+)(?:\[(\d+)\])?$/.exec(declaration) ?? [];
  const typeName = type.trim().replace(/^const /, '');
  const elementSize = stated ?? (typeName.endsWith('*') ? 8 : typeName.startsWith('enum ') ? 4 : SIZES[typeName]);
  if (name === '' || elementSize === undefined || ![1, 2, 4, 8].includes(elementSize))
    throw new UsageError(`'${declaration}' is no field of a record, as 'int pid' or 'char comm[16]'`);
  const size = elementSize * Number(count ?? 1);
  const offset = (end + elementSize - 1) & -elementSize;
  return { declaration, name, offset, size, elementSize, signed: stated === undefined && SIGNED.test(typeName) };
}

function put(view: DataView, { name, offset, size, elementSize }: Field, value: FieldValue): void {
  const bytes =
    typeof value === 'string' ? new TextEncoder().encode(value) : value instanceof Uint8Array ? value : undefined;
  if (bytes !== undefined) {
    if (bytes.length > size) throw new UsageError(`${bytes.length} bytes for field '${name}', which has ${size}`);
    new Uint8Array(view.buffer).set(bytes, offset);
    return;
  }
  const numbers = typeof value === 'object' ? (value as readonly (number | bigint)[]) : [value as number | bigint]; // what is left
  if (numbers.length > size / elementSize)
    throw new UsageError(`${numbers.length} numbers for field '${name}', which has ${size / elementSize}`);
  for (const [i, number] of numbers.entries()) {
    const at = offset + i * elementSize;
    const word = BigInt.asUintN(8 * elementSize, toBigInt(number, name));
    for (let byte = 0; byte < elementSize; byte++) view.setUint8(at + byte, Number((word >> BigInt(8 * byte)) & 0xffn));
  }
}

function toBigInt(value: number | bigint, name: string): bigint {
  if (typeof value === 'number' && !Number.isSafeInteger(value))
    throw new UsageError(`${value} for field '${name}' is no whole number`);
  return BigInt(value);
}
