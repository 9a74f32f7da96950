/** Bytes as bpftool prints them: two hex digits each, 16 a row, an extra blank after the eighth. */
export function hexRow(bytes: Uint8Array): string {
  return Array.from(bytes, (byte, i) => {
    const gap = i === 0 ? '' : i % 16 === 0 ? '\n' : i % 8 === 0 ? '  ' : ' ';
    return `${gap}${byte.toString(16).padStart(2, '0')}`;
  }).join('');
}

/** Bytes as hexdump prints them: offset, 16 a row, ASCII. */
export function hexDump(bytes: Uint8Array): string {
  const rows: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.subarray(at, at + 16);
    const hex = Array.from({ length: 16 }, (_, i) =>
      row[i] === undefined ? '  ' : row[i].toString(16).padStart(2, '0'),
    );
    const text = Array.from(row, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
    rows.push(`${at.toString(16).padStart(7, '0')}\t${hex.slice(0, 8).join(' ')}  ${hex.slice(8).join(' ')}   ${text}`);
  }
  return rows.join('\n');
}

/** Aligned columns, two blanks apart; the first row is the heading. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows
    .map((row) =>
      row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join('  '),
    )
    .join('\n');
}
