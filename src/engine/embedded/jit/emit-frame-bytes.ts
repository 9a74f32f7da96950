import { XDP_MD } from '../progs/xdp-buff.ts';
import { emitCopy, MAX_WRITTEN_OUT } from './emit-bytes.ts';
import type { FunctionText } from './function-text.ts';
import type { Op } from './graph.ts';

const BPF_FUNC_xdp_load_bytes = 189;
const BPF_FUNC_xdp_store_bytes = 190;

/** Bytes between the frame of an XDP program and its stack, so many that copying them is written out; false for another call. `beyond`: calls the helper where they are not all in the frame, and leaves its result on the stack. */
export function emitFrameBytes(text: FunctionText, op: Op, beyond: () => void): boolean {
  const loads = op.imm === BPF_FUNC_xdp_load_bytes;
  if (text.around.type !== 'xdp' || !(loads || op.imm === BPF_FUNC_xdp_store_bytes)) return false;
  const [bytes, size] = [text.value(3), text.value(4)];
  // What lies in the frame itself may overlap.
  if (bytes?.kind !== 'stack' || size?.kind !== 'const' || size.high !== 0) return false;
  if (size.low < 0 || size.low > MAX_WRITTEN_OUT) return false;
  const { code } = text;
  text.withLocal('i32', (offset) =>
    text.withLocal('i32', (room) =>
      text.withLocal('i32', (stack) => {
        text.read32(2);
        code.set(offset);
        text.read32(1);
        code.memory('i32_load', XDP_MD.data_end, 2);
        text.read32(1);
        code.memory('i32_load', XDP_MD.data, 2);
        code.op('i32_sub');
        code.set(room);
        code.get(offset);
        code.get(room);
        code.op('i32_gt_u');
        code.get(room);
        code.get(offset);
        code.op('i32_sub');
        code.i32(size.low);
        code.op('i32_lt_u');
        code.op('i32_or');
        code.block('if', 'i32');
        beyond();
        code.op('else');
        text.read32(1);
        code.memory('i32_load', XDP_MD.data, 2);
        code.get(offset);
        code.op('i32_add');
        code.set(offset);
        text.read32(3);
        code.set(stack);
        if (loads) emitCopy(code, stack, offset, 0, 0, size.low);
        else emitCopy(code, offset, stack, 0, 0, size.low);
        code.i32(0);
        code.end();
      }),
    ),
  );
  text.writeAs(0, 'i32', text.resultType, true);
  return true;
}
