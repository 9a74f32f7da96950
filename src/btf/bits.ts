/**
 * Numbers of any width, at any bit. `bitOffset` counts as BTF does: from the first byte on, within it from the lowest bit on little-endian and from
 * the highest on big-endian machines.
 */

/** `bits` bits from `bitOffset` on, unsigned. The caller has seen that they are there. */
export function readBits(bytes: Uint8Array, bitOffset: number, bits: number, littleEndian: boolean): bigint {
  if (bitOffset === 0 && (bits === 64 || bits === 32)) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return bits === 64 ? view.getBigUint64(0, littleEndian) : BigInt(view.getUint32(0, littleEndian));
  }
  let value = 0n;
  for (let i = 0; i < bits; i++) {
    const { byte, bit } = placeOf(i, bits, bitOffset, littleEndian);
    if (((bytes[byte] ?? 0) >> bit) & 1) value |= 1n << BigInt(i);
  }
  return value;
}

/** Puts the low `bits` bits of `value` at `bitOffset` and leaves the others. */
export function writeBits(
  bytes: Uint8Array,
  bitOffset: number,
  bits: number,
  value: bigint,
  littleEndian: boolean,
): void {
  for (let i = 0; i < bits; i++) {
    const { byte, bit } = placeOf(i, bits, bitOffset, littleEndian);
    const old = bytes[byte] ?? 0;
    bytes[byte] = (value >> BigInt(i)) & 1n ? old | (1 << bit) : old & ~(1 << bit);
  }
}

/** Where bit `i` of a value, 0 being its lowest, is stored. */
function placeOf(i: number, bits: number, start: number, littleEndian: boolean): { byte: number; bit: number } {
  if (littleEndian) return { byte: (start + i) >> 3, bit: (start + i) & 7 };
  const fromTop = start + bits - 1 - i;
  return { byte: fromTop >> 3, bit: 7 - (fromTop & 7) };
}
