import { concatBytes } from '../bytes/plain.ts';
import { cString } from '../bytes/struct.ts';
import { SysError } from '../errors.ts';
import { errno } from '../uapi/errno.ts';
import { type AttributeKind, type AttributeTable, NLA_F_NESTED, NLA_TYPE_MASK } from '../uapi/netlink.ts';

/**
 * struct nlattr, then the payload, padded to 4 bytes:
 *
 *     0          2                     4
 *     +----------+---+---+-------------+---------------+
 *     | nla_len  | N | B | nla_type:14 | payload … pad |    nla_len counts header and payload, not the padding
 *     +----------+---+---+-------------+---------------+
 */
const HEADER = 4;

type AttributeValue<K extends AttributeKind> = K extends 'string'
  ? string
  : K extends 'bytes' | 'nest'
    ? Uint8Array
    : number;

/** The attributes of one table that a message has, by their ABI name. */
export type Attributes<T extends AttributeTable> = { -readonly [N in keyof T]?: AttributeValue<T[N][1]> | undefined };

/**
 * The attributes of `table` in `bytes`; others are left out, and of several of one type the last counts. `bytes` payloads are views. Throws
 * SysError: EINVAL if the bytes are not a list of attributes, ERANGE if a payload is shorter than its kind.
 */
export function decodeAttributes<T extends AttributeTable>(table: T, bytes: Uint8Array): Attributes<T> {
  const found: Record<string, number | string | Uint8Array> = {};
  const byType = rowsByType(table);
  for (const [type, payload] of listAttributes(bytes)) {
    const row = byType.get(type);
    if (row !== undefined) found[row[0]] = decodeValue(row[0], row[1], payload);
  }
  return found as Attributes<T>; // each value has the kind that its row says
}

/** In the order of the table, which is the order of the numbers. */
export function encodeAttributes<T extends AttributeTable>(table: T, values: Attributes<T>): Uint8Array {
  const given: Readonly<Record<string, number | string | Uint8Array | undefined>> = values;
  return concatBytes(
    Object.entries(table).flatMap(([name, [type, kind]]) => {
      const value = given[name];
      const flag = kind === 'nest' ? NLA_F_NESTED : 0;
      return value === undefined ? [] : [encodeAttribute(type | flag, encodeValue(kind, value))];
    }),
  );
}

/** One attribute with its padding. */
export function encodeAttribute(type: number, payload: Uint8Array): Uint8Array {
  if (HEADER + payload.length > 0xffff) {
    throw new SysError(errno.EMSGSIZE, 'netlink', {
      detail: `a netlink attribute of ${payload.length} bytes is longer than 65531`,
    });
  }
  const bytes = new Uint8Array(align4(HEADER + payload.length));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, HEADER + payload.length, true);
  view.setUint16(2, type, true);
  bytes.set(payload, HEADER);
  return bytes;
}

/** Every attribute as its type, without flag bits, and its payload. For tables by position, as of actions; else {@link decodeAttributes}. */
export function listAttributes(bytes: Uint8Array): (readonly [type: number, payload: Uint8Array])[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const list: (readonly [number, Uint8Array])[] = [];
  let at = 0;
  // The kernel does not mind up to three stray bytes of padding.
  while (bytes.length - at >= HEADER) {
    const length = view.getUint16(at, true);
    if (length < HEADER || length > bytes.length - at) {
      throw new SysError(errno.EINVAL, 'netlink', {
        detail: `a netlink attribute at offset ${at} says it is ${length} bytes long, but ${bytes.length - at} are left`,
      });
    }
    list.push([view.getUint16(at + 2, true) & NLA_TYPE_MASK, bytes.subarray(at + HEADER, at + length)]);
    at += align4(length);
  }
  return list;
}

type Row = readonly [name: string, kind: AttributeKind];
const byTypeOf = new WeakMap<AttributeTable, ReadonlyMap<number, Row>>();

function rowsByType(table: AttributeTable): ReadonlyMap<number, Row> {
  let rows = byTypeOf.get(table);
  if (rows === undefined) {
    rows = new Map(Object.entries(table).map(([name, [type, kind]]): [number, Row] => [type, [name, kind]]));
    byTypeOf.set(table, rows);
  }
  return rows;
}

const KIND_SIZE = { u8: 1, u16: 2, u32: 4, bits: 8, string: 0, bytes: 0, nest: 0 } as const satisfies Record<
  AttributeKind,
  number
>;

function decodeValue(name: string, kind: AttributeKind, payload: Uint8Array): number | string | Uint8Array {
  if (payload.length < KIND_SIZE[kind]) {
    throw new SysError(errno.ERANGE, 'netlink', {
      detail: `${name} has ${payload.length} bytes, at least ${KIND_SIZE[kind]} are needed`,
    });
  }
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  switch (kind) {
    case 'u8':
      return view.getUint8(0);
    case 'u16':
      return view.getUint16(0, true);
    case 'u32':
      return view.getUint32(0, true);
    case 'bits':
      return (view.getUint32(0, true) & view.getUint32(4, true)) >>> 0;
    case 'string':
      return cString(payload);
    case 'bytes':
    case 'nest':
      return payload;
  }
}

function encodeValue(kind: AttributeKind, value: number | string | Uint8Array): Uint8Array {
  if (kind === 'bytes' || kind === 'nest') return value instanceof Uint8Array ? value : new Uint8Array(0);
  if (kind === 'string') return latin1(`${value}\0`);
  const bytes = new Uint8Array(KIND_SIZE[kind]);
  const view = new DataView(bytes.buffer);
  if (kind === 'u32' || kind === 'bits') view.setUint32(0, Number(value), true);
  else if (kind === 'u16') view.setUint16(0, Number(value), true);
  else view.setUint8(0, Number(value));
  if (kind === 'bits') view.setUint32(4, Number(value), true);
  return bytes;
}

/** The inverse of {@link cString}: names are bytes. Characters beyond one byte become `?`. */
function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (c) => {
    const code = c.codePointAt(0) ?? 0;
    return code < 256 ? code : 0x3f;
  });
}

export function align4(n: number): number {
  return (n + 3) & ~3;
}
