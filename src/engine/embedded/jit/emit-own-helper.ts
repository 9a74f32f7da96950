import { XDP_LIMIT } from '../progs/xdp-buff.ts';
import type { Callees } from './emit-call.ts';
import type { FunctionText } from './function-text.ts';
import type { Op } from './graph.ts';
import { CPU } from './registers.ts';

const BPF_FUNC_get_prandom_u32 = 7;
const BPF_FUNC_get_smp_processor_id = 8;
const BPF_FUNC_csum_diff = 28;
const BPF_FUNC_xdp_adjust_tail = 65;

/** Helpers that are written out, or are functions of the module, whatever program calls them; false for another. `beyond`: see `emitFrameBytes`. */
export function emitOwnHelper(text: FunctionText, op: Op, callees: Callees, beyond: () => void): boolean {
  const { code } = text;
  switch (op.imm) {
    case BPF_FUNC_get_smp_processor_id:
      code.i32(callees.registers);
      code.memory('i32_load', CPU, 2);
      break;
    case BPF_FUNC_get_prandom_u32:
      if (callees.random === undefined) return false;
      code.call(callees.random());
      break;
    case BPF_FUNC_csum_diff:
      for (let reg = 1; reg <= 5; reg++) text.read32(reg);
      code.call(callees.csumDiff());
      break;
    default:
      return emitFrameCall(text, op, callees, beyond);
  }
  text.writeAs(0, 'i32', text.resultType);
  return true;
}

/** What changes where the frame of an XDP program begins and ends. */
function emitFrameCall(text: FunctionText, op: Op, callees: Callees, beyond: () => void): boolean {
  const func = text.around.type === 'xdp' ? callees.frameFunction(op.imm) : undefined;
  if (func === undefined) return false;
  const { code } = text;
  const call = (): void => {
    text.read32(1);
    text.read32(2);
    code.call(func);
  };
  if (op.imm === BPF_FUNC_xdp_adjust_tail) {
    text.read32(1);
    code.memory('i32_load', XDP_LIMIT, 2);
    code.block('if', 'i32');
    call();
    code.op('else');
    beyond();
    code.end();
  } else call();
  text.writeAs(0, 'i32', text.resultType, true);
  return true;
}
