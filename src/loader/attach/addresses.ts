/** 64-bit numbers as the kernel reads them. */
export function addressesBytes(numbers: readonly bigint[]): Uint8Array {
  const bytes = new Uint8Array(8 * numbers.length);
  const view = new DataView(bytes.buffer);
  for (const [i, number] of numbers.entries()) view.setBigUint64(8 * i, BigInt.asUintN(64, number), true);
  return bytes;
}
