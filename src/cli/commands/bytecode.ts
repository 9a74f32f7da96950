import { UsageError } from '../../errors.ts';

/** tc's text of a classic BPF program: `COUNT,CODE JT JF K,…`, all decimal, a comma at the end allowed. Returns 8 bytes an instruction. */
export function parseBytecode(text: string): Uint8Array {
  const fields = text.trim().replace(/\n+/g, ',').replace(/,+/g, ',').replace(/,$/, '').split(',');
  const [count = '', ...tuples] = fields.map((field) => field.trim());
  const length = Number(count);
  if (!/^\d+$/.test(count) || length < 1 || length > 4096)
    throw new UsageError(`bytecode: '${count}' is no number of instructions, 1 to 4096`);
  if (tuples.length !== length) {
    const relation = tuples.length > length ? 'exceeds' : 'is less than';
    throw new UsageError(
      `bytecode: the program's length, ${tuples.length} instructions, ${relation} the ${length} that it says`,
    );
  }
  const bytes = new Uint8Array(8 * length);
  const view = new DataView(bytes.buffer);
  for (const [i, tuple] of tuples.entries()) {
    const [code = -1, jt = -1, jf = -1, k = -1, more] = tuple
      .split(/\s+/)
      .map((word) => (/^\d+$/.test(word) ? Number(word) : -1));
    if (
      code < 0 ||
      code > 0xffff ||
      jt < 0 ||
      jt > 255 ||
      jf < 0 ||
      jf > 255 ||
      k < 0 ||
      k > 0xffffffff ||
      more !== undefined
    ) {
      throw new UsageError(`bytecode: error at instruction ${i}: '${tuple}' is not CODE JT JF K`);
    }
    view.setUint16(8 * i, code, true);
    view.setUint8(8 * i + 2, jt);
    view.setUint8(8 * i + 3, jf);
    view.setUint32(8 * i + 4, k, true);
  }
  return bytes;
}

/** As tc prints it: `COUNT,CODE JT JF K,…`. */
export function formatBytecode(ops: Uint8Array): string {
  const view = new DataView(ops.buffer, ops.byteOffset, ops.byteLength);
  const tuples = Array.from({ length: Math.floor(ops.length / 8) }, (_, i) =>
    [
      view.getUint16(8 * i, true),
      view.getUint8(8 * i + 2),
      view.getUint8(8 * i + 3),
      view.getUint32(8 * i + 4, true),
    ].join(' '),
  );
  return [tuples.length, ...tuples].join(',');
}
