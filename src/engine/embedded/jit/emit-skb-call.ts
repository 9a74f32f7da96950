import { BPF_F_HDR_FIELD_MASK, L4_FLAGS, l3_csum_replace, l4_csum_replace } from '../helpers/csum.ts';
import { get_hash_recalc, skb_pull_data } from '../helpers/skb.ts';
import { SK_BUFF } from '../progs/skb.ts';
import type { Callees } from './emit-call.ts';
import { knownFlags, SKB_TYPES } from './emit-frame-bytes.ts';
import type { FunctionText } from './function-text.ts';
import type { Op } from './graph.ts';

/** Helpers on the socket buffer that is the program's context, which do the most of what is asked of them where it is; false for another. `beyond`: see `emitFrameBytes`. */
export function emitSkbCall(text: FunctionText, op: Op, callees: Callees, beyond: () => void): boolean {
  if (!SKB_TYPES.has(text.around.type) || text.value(1)?.kind !== 'context') return false;
  switch (op.imm) {
    case l3_csum_replace.id:
    case l4_csum_replace.id:
      return emitCsumReplace(text, op, callees);
    case get_hash_recalc.id:
      emitHash(text, beyond);
      return true;
    case skb_pull_data.id:
      emitPull(text, beyond);
      return true;
    default:
      return false;
  }
}

function emitCsumReplace(text: FunctionText, op: Op, callees: Callees): boolean {
  const flags = knownFlags(text, 5, L4_FLAGS);
  const from = text.value(3);
  const func = flags === undefined ? undefined : callees.csumReplace(op.imm, flags);
  if (flags === undefined || func === undefined) return false;
  // A difference instead of two values.
  if ((flags & BPF_F_HDR_FIELD_MASK) === 0 && !(from?.kind === 'const' && from.low === 0 && from.high === 0))
    return false;
  for (let reg = 1; reg <= 4; reg++) text.read32(reg);
  text.code.call(func);
  text.writeAs(0, 'i32', text.resultType, true);
  return true;
}

/** The context has it, unless nobody has asked. */
function emitHash(text: FunctionText, beyond: () => void): void {
  const { code } = text;
  text.withLocal('i32', (hash) => {
    text.read32(1);
    code.memory('i32_load', SK_BUFF.hash, 2);
    code.tee(hash);
    code.block('if', 'i32');
    code.get(hash);
    code.op('else');
    beyond();
    code.end();
  });
  text.writeAs(0, 'i32', text.resultType);
}

/** What the program sees already needs not be brought. */
function emitPull(text: FunctionText, beyond: () => void): void {
  const { code } = text;
  text.read32(2);
  text.read32(1);
  code.memory('i32_load', SK_BUFF.data_end, 2);
  text.read32(1);
  code.memory('i32_load', SK_BUFF.data, 2);
  code.op('i32_sub');
  code.op('i32_le_u');
  code.block('if', 'i32');
  code.i32(0);
  code.op('else');
  beyond();
  code.end();
  text.writeAs(0, 'i32', text.resultType, true);
}
