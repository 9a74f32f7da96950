import type { ProgType } from '../../../uapi/bpf.ts';
import { BPF_F_RECOMPUTE_CSUM } from '../helpers/skb.ts';
import { SK_BUFF } from '../progs/skb.ts';
import { XDP_MD } from '../progs/xdp-buff.ts';
import { emitCopy, MAX_WRITTEN_OUT } from './emit-bytes.ts';
import type { FunctionText } from './function-text.ts';
import type { Op } from './graph.ts';

/** Helpers by their ids, and in which direction they copy. */
const XDP_BYTES: ReadonlyMap<number, 'load' | 'store'> = new Map([
  [189, 'load'],
  [190, 'store'],
]);
const SKB_BYTES: ReadonlyMap<number, 'load' | 'store'> = new Map([
  [9, 'store'],
  [26, 'load'],
]);
/** Types of programs whose context is a `struct __sk_buff`. */
export const SKB_TYPES: ReadonlySet<ProgType> = new Set(['sched_cls', 'sched_act', 'socket_filter', 'cgroup_skb']);

/** The number in a register if it is known, and has no other bits than these. */
export function knownFlags(text: FunctionText, reg: number, mask: number): number | undefined {
  const flags = text.value(reg);
  return flags?.kind === 'const' && flags.high === 0 && (flags.low & ~mask) === 0 ? flags.low : undefined;
}

/**
 * Bytes between the packet of a program and its stack, so many that copying them is written out; false for another call. `beyond`: calls the helper where they are not all in the packet, and leaves
 * its result on the stack.
 */
export function emitFrameBytes(text: FunctionText, op: Op, beyond: () => void): boolean {
  const { type } = text.around;
  const isXdp = type === 'xdp';
  const direction = isXdp ? XDP_BYTES.get(op.imm) : SKB_TYPES.has(type) ? SKB_BYTES.get(op.imm) : undefined;
  const [context, bytes, size] = [text.value(1), text.value(3), text.value(4)];
  // What shows the same packet may be another struct than the context.
  if (direction === undefined || !(isXdp || context?.kind === 'context')) return false;
  // What lies in the frame itself may overlap.
  if (bytes?.kind !== 'stack' || size?.kind !== 'const' || size.high !== 0) return false;
  if (size.low < 0 || size.low > MAX_WRITTEN_OUT) return false;
  const isStore = direction === 'store';
  if (isStore && !isXdp && knownFlags(text, 5, BPF_F_RECOMPUTE_CSUM) === undefined) return false;
  const { code } = text;
  const field = (offset: number): void => {
    text.read32(1);
    code.memory('i32_load', offset, 2);
  };
  text.withLocal('i32', (offset) =>
    text.withLocal('i32', (room) =>
      text.withLocal('i32', (stack) => {
        text.read32(2);
        code.set(offset);
        if (isXdp || isStore) {
          // To write is to pull: what lies behind `data_end` is brought there.
          field(isXdp ? XDP_MD.data_end : SK_BUFF.data_end);
          field(isXdp ? XDP_MD.data : SK_BUFF.data);
          code.op('i32_sub');
        } else field(SK_BUFF.len);
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
        field(isXdp ? XDP_MD.data : SK_BUFF.data);
        code.get(offset);
        code.op('i32_add');
        code.set(offset);
        text.read32(3);
        code.set(stack);
        if (isStore) emitCopy(code, offset, stack, 0, 0, size.low);
        else emitCopy(code, stack, offset, 0, 0, size.low);
        code.i32(0);
        code.end();
      }),
    ),
  );
  text.writeAs(0, 'i32', text.resultType, true);
  return true;
}
