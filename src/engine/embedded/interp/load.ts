/** By the two bits of an opcode that say the size: bytes. */
const SIZES = [4, 2, 1, 8] as const;
/** The mode of loads that extend the sign, beside the one of plain loads: 0x80 and 0x60. */
const SIGNED = 0x80;
const LOAD_U64 = 0x79;

/** Bytes that a load, a store or an atomic is about. */
export function sizeOf(opcode: number): 1 | 2 | 4 | 8 {
  return SIZES[(opcode >> 3) & 3] ?? 8;
}

/** Loads into register `d` from an address; 0 if that is negative. */
export function loadInto(
  low: Int32Array,
  high: Int32Array,
  d: number,
  view: DataView,
  opcode: number,
  from: number,
): void {
  const word = from < 0 ? 0 : loadWord(view, opcode, from);
  low[d] = word;
  high[d] = (opcode & SIGNED) === 0 ? 0 : word >> 31;
  if (from >= 0 && opcode === LOAD_U64) high[d] = view.getInt32(from + 4, true);
}

/** The low word of a load. */
function loadWord(view: DataView, opcode: number, from: number): number {
  const signed = (opcode & SIGNED) !== 0;
  switch (sizeOf(opcode)) {
    case 1:
      return signed ? view.getInt8(from) : view.getUint8(from);
    case 2:
      return signed ? view.getInt16(from, true) : view.getUint16(from, true);
    default:
      return view.getInt32(from, true);
  }
}
