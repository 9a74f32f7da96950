import type { FunctionText } from './function-text.ts';
import type { Op } from './graph.ts';
import type { NumberType } from './wasm-op.ts';

/** `skb[imm]`, `skb[src + imm]`, in network byte order. Outside of the packet the function ends, and gives back 0. `find`: (size, offset) -> address, or -1. */
export function emitPacketLoad(text: FunctionText, op: Op, find: number, result: NumberType): void {
  const { operation } = op;
  if (operation.kind !== 'ld_abs' && operation.kind !== 'ld_ind') return;
  const { code } = text;
  const { size } = operation;
  text.withLocal('i32', (word) => {
    code.i32(size);
    code.i32(op.imm);
    if (operation.kind === 'ld_ind') {
      text.read32(op.src);
      code.op('i32_add');
    }
    code.call(find);
    code.tee(word);
    code.i32(0);
    code.op('i32_lt_s');
    code.block('if');
    if (result === 'i32') code.i32(0);
    else code.i64(0, 0);
    code.op('return');
    code.end();
    // Byte by byte: it is not what counts.
    for (let i = 0; i < size; i++) {
      code.get(word);
      code.memory('i32_load8_u', i);
      const shift = 8 * (size - 1 - i);
      if (shift > 0) {
        code.i32(shift);
        code.op('i32_shl');
      }
      if (i > 0) code.op('i32_or');
    }
    text.writeAs(0, 'i32', text.resultType);
  });
}
