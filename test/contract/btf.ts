const STRINGS = '\0int\0long\0key\0x\0.data\0value\0';

/**
 * BTF of five types: 1 `int` (4 bytes), 2 `long` (8 bytes), 3 `struct key { int x; }`, 4 a variable `value` of type long, 5 the data section
 * `.data` that holds it.
 */
export function mapBtf(): Uint8Array {
  const name = (text: string): number => STRINGS.indexOf(`\0${text}\0`) + 1;
  const kind = (n: number, count = 0): number => (n << 24) | count;
  // biome-ignore format: one type a line
  const types = [
    name('int'),   kind(1),     4, 0x01000020,
    name('long'),  kind(1),     8, 0x01000040,
    name('key'),   kind(4, 1),  4, name('x'), 1, 0,
    name('value'), kind(14),    2, 1,
    name('.data'), kind(15, 1), 8, 4, 0, 8,
  ];
  const strings = new TextEncoder().encode(STRINGS);
  const bytes = new Uint8Array(24 + 4 * types.length + strings.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 0xeb9f, true);
  view.setUint8(2, 1);
  [24, 0, 4 * types.length, 4 * types.length, strings.length].forEach((word, i) => {
    view.setUint32(4 + 4 * i, word, true);
  });
  types.forEach((word, i) => {
    view.setUint32(24 + 4 * i, word, true);
  });
  bytes.set(strings, 24 + 4 * types.length);
  return bytes;
}
