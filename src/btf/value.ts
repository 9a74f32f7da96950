import { ObjectError, UsageError } from '../errors.ts';
import type { Btf } from './btf.ts';
import { Decoder } from './decode.ts';
import { Encoder } from './encode.ts';

/**
 * What bytes mean: integers up to 32 bits as numbers, wider ones and pointers as bigint, `bool` as boolean, an enumerator as its name (as a number
 * if it has none), a struct or union as an object (members of anonymous members are its own), a printable char array as a string, other arrays as
 * arrays, float and double as numbers, a DATASEC as an object of its variables. What has no value (a function, an opaque struct) comes as the bytes
 * themselves.
 */
export type BtfValue =
  | number
  | bigint
  | boolean
  | string
  | Uint8Array
  | readonly BtfValue[]
  | { readonly [member: string]: BtfValue };

/** Bytes that a value may have: the kernel has no larger map value. */
const MAX_VALUE = 1 << 30;

/** Decodes a value of type `typeId`. Throws ObjectError if the bytes are too few or the type makes no sense. */
export function decodeValue(btf: Btf, typeId: number, bytes: Uint8Array): BtfValue {
  return new Decoder(btf).decode(typeId, bytes, 0);
}

/**
 * Encodes a value of type `typeId`, into a copy of `into` (default: zeros). Members and elements left out stay as they are in it.
 * Throws UsageError with the path of what does not fit: `.packets: 300 does not fit in unsigned char (0 to 255)`.
 */
export function encodeValue(btf: Btf, typeId: number, value: BtfValue, into?: Uint8Array): Uint8Array {
  const size = btf.size(typeId);
  if (size > MAX_VALUE)
    throw new ObjectError(`type ${typeId} takes ${size} bytes, more than any map holds`, { section: '.BTF' });
  if (into !== undefined && into.length < size)
    throw new UsageError(`the value takes ${size} bytes, but there are only ${into.length} to put it into`);
  const bytes = into === undefined ? new Uint8Array(size) : new Uint8Array(into);
  new Encoder(btf).encode(typeId, value, bytes, '', 0);
  return bytes;
}
