/** Characters of a line, about: compilers read long ones, people do not. */
const LINE = 78;

/** Bytes as the lines of a C statement that ends in a string literal of them; the literal has a NUL more. */
export function cBytes(bytes: Uint8Array): string[] {
  const escapes = Array.from({ length: 256 }, (_, byte) =>
    byte === 0 ? '\\0' : `\\x${byte.toString(16).padStart(2, '0')}`,
  );
  const lines: string[] = [];
  let line = '';
  for (const byte of bytes) {
    const text = escapes[byte] ?? '';
    if (line.length + text.length > LINE) {
      lines.push(`"${line}"`);
      line = '';
    }
    line += text;
  }
  lines.push(`"${line}";`);
  return lines;
}
