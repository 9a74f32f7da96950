/**
 * Fixed C structs as tables: `{ field: [kind, offset] }`. One row gives the type, the decoder and the encoder. Little-endian unless said.
 * `char[n]` is a NUL-padded string, `bytes[n]` a copy of n raw bytes.
 */
export type FieldKind = 'u8' | 'u16' | 'u32' | 'i32' | 'u64' | `char[${number}]` | `bytes[${number}]`;
export type StructFields = Readonly<Record<string, readonly [FieldKind, number]>>;

type FieldValue<K extends FieldKind> = K extends 'u64'
  ? bigint
  : K extends `char[${number}]`
    ? string
    : K extends `bytes[${number}]`
      ? Uint8Array
      : number;
export type StructValue<F extends StructFields> = { -readonly [N in keyof F]: FieldValue<F[N][0]> };

export interface Struct<F extends StructFields> {
  /** Bytes. */
  readonly size: number;
  readonly fields: F;
  /** Fields that lie past the end of `bytes` read as zero, as a shorter struct of an older kernel means. */
  decode(bytes: Uint8Array, offset?: number): StructValue<F>;
  /** A buffer of `size` bytes: a new one, in which fields left out are zero, or `into`, in which they stay as they are. */
  encode(value: Partial<StructValue<F>>, into?: Uint8Array): Uint8Array;
}

export function struct<const F extends StructFields>(size: number, fields: F): Struct<F> {
  const rows = Object.entries(fields);
  return {
    size,
    fields,
    decode(bytes, offset = 0) {
      let from = bytes.subarray(offset);
      if (from.length < size) {
        from = new Uint8Array(size);
        from.set(bytes.subarray(offset));
      }
      const view = new DataView(from.buffer, from.byteOffset, from.byteLength);
      // Each value has the kind its row says; the mapped type cannot be built up field by field.
      return Object.fromEntries(rows.map(([name, [kind, at]]) => [name, getField(view, kind, at)])) as StructValue<F>;
    },
    encode(value, into) {
      const bytes = into ?? new Uint8Array(size);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      for (const [name, [kind, at]] of rows) {
        const field = value[name];
        if (field !== undefined) setField(view, kind, at, field);
      }
      return bytes;
    },
  };
}

function getField(view: DataView, kind: FieldKind, at: number): number | bigint | string | Uint8Array {
  switch (kind) {
    case 'u8':
      return view.getUint8(at);
    case 'u16':
      return view.getUint16(at, true);
    case 'u32':
      return view.getUint32(at, true);
    case 'i32':
      return view.getInt32(at, true);
    case 'u64':
      return view.getBigUint64(at, true);
    default: {
      const raw = new Uint8Array(view.buffer, view.byteOffset + at, arrayLength(kind));
      return kind.startsWith('char') ? cString(raw) : raw.slice();
    }
  }
}

function setField(view: DataView, kind: FieldKind, at: number, value: number | bigint | string | Uint8Array): void {
  switch (kind) {
    case 'u8':
      view.setUint8(at, Number(value));
      return;
    case 'u16':
      view.setUint16(at, Number(value), true);
      return;
    case 'u32':
      view.setUint32(at, Number(value), true);
      return;
    case 'i32':
      view.setInt32(at, Number(value), true);
      return;
    case 'u64':
      view.setBigUint64(at, BigInt(value as bigint), true); // a u64 row takes bigint by FieldValue
      return;
    default: {
      const raw = typeof value === 'string' ? new TextEncoder().encode(value) : (value as Uint8Array); // by FieldValue
      new Uint8Array(view.buffer, view.byteOffset + at, arrayLength(kind)).set(raw.subarray(0, arrayLength(kind)));
    }
  }
}

function arrayLength(kind: string): number {
  return Number(kind.slice(kind.indexOf('[') + 1, -1));
}

/** Arguments of one call: an engine has a limit for them. */
const CHUNK = 4096;

/** The text before the first NUL, or all of it if there is none. Latin-1: the kernel's names are bytes. */
export function cString(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  const length = end < 0 ? bytes.length : end;
  let text = '';
  for (let at = 0; at < length; at += CHUNK) {
    text += String.fromCharCode(...bytes.subarray(at, Math.min(at + CHUNK, length)));
  }
  return text;
}
