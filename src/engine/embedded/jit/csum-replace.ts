import { errno } from '../../../uapi/errno.ts';
import {
  BPF_F_HDR_FIELD_MASK,
  BPF_F_MARK_ENFORCE,
  BPF_F_MARK_MANGLED_0,
  L4_FLAGS,
  l3_csum_replace,
  l4_csum_replace,
} from '../helpers/csum.ts';
import { SK_BUFF } from '../progs/skb.ts';
import { WasmCode } from './wasm-code.ts';
import type { Signature, WasmModule } from './wasm-module.ts';

/** (context, offset, from, to) -> 0 or -errno */
const SIGNATURE: Signature = { params: ['i32', 'i32', 'i32', 'i32'], result: 'i32' };
const [CONTEXT, OFFSET, FROM, TO] = [0, 1, 2, 3];
const MAX_OFFSET = 0xffff;

/** The functions of a module that stand for calls of `l3_csum_replace` and `l4_csum_replace` with flags that are known, each written when it is asked for; `undefined`: the helper has to say what is wrong with them. */
export function csumReplaceFunctions(module: WasmModule): (helper: number, flags: number) => number | undefined {
  return (helper, flags) => {
    const isL4 = helper === l4_csum_replace.id;
    if (!isL4 && helper !== l3_csum_replace.id) return undefined;
    if ((flags & ~(isL4 ? L4_FLAGS : BPF_F_HDR_FIELD_MASK)) !== 0 || ![0, 2, 4].includes(flags & BPF_F_HDR_FIELD_MASK))
      return undefined;
    return module.asked(`csum_replace ${helper} ${flags}`, SIGNATURE, () => emitReplace(isL4, flags));
  };
}

/** With a size of 0 `from` is 0, and `to` a difference. */
function emitReplace(isL4: boolean, flags: number): Uint8Array {
  const code = new WasmCode(4);
  const [at, sum] = [code.local('i32'), code.local('i32')];
  const isMangled = isL4 && (flags & BPF_F_MARK_MANGLED_0) !== 0;
  code.get(OFFSET);
  code.i32(MAX_OFFSET);
  code.op('i32_gt_u');
  code.get(OFFSET);
  code.i32(1);
  code.op('i32_and');
  code.op('i32_or');
  code.get(OFFSET);
  code.i32(2);
  code.op('i32_add');
  code.get(CONTEXT);
  code.memory('i32_load', SK_BUFF.len, 2);
  code.op('i32_gt_u');
  code.op('i32_or');
  code.answerIf(-errno.EFAULT);
  code.get(CONTEXT);
  code.memory('i32_load', SK_BUFF.data, 2);
  code.get(OFFSET);
  code.op('i32_add');
  code.tee(at);
  code.memory('i32_load16_u', 0);
  code.set(sum);
  if (isMangled && (flags & BPF_F_MARK_ENFORCE) === 0) {
    // There is none, and stays none.
    code.get(sum);
    code.op('i32_eqz');
    code.answerIf(0);
  }
  // What is added up in halves comes to the same as in words, and fits without a carry.
  complement(code, sum);
  const size = flags & BPF_F_HDR_FIELD_MASK;
  if (size > 0) {
    complement(code, FROM);
    code.op('i32_add');
  }
  if (size === 4) {
    code.get(FROM);
    code.i32(-1);
    code.op('i32_xor');
    upperHalf(code);
    code.op('i32_add');
  }
  code.get(TO);
  code.i32(0xffff);
  code.op('i32_and');
  code.op('i32_add');
  if (size !== 2) {
    code.get(TO);
    upperHalf(code);
    code.op('i32_add');
  }
  for (let folds = 0; folds < 2; folds++) fold(code, sum);
  code.i32(-1);
  code.op('i32_xor');
  code.i32(0xffff);
  code.op('i32_and');
  code.set(sum);
  code.get(at);
  if (isMangled) code.i32(0xffff);
  code.get(sum);
  if (isMangled) {
    code.get(sum);
    code.op('i32_eqz');
    code.op('select');
  }
  code.memory('i32_store16', 0);
  code.i32(0);
  return code.finish();
}

/** Puts the complement of the lower half of a local on the stack. */
function complement(code: WasmCode, local: number): void {
  code.get(local);
  code.i32(-1);
  code.op('i32_xor');
  code.i32(0xffff);
  code.op('i32_and');
}

function upperHalf(code: WasmCode): void {
  code.i32(16);
  code.op('i32_shr_u');
}

/** Of a number on the stack, both halves are added. `room`: a local for that. */
function fold(code: WasmCode, room: number): void {
  code.tee(room);
  code.i32(0xffff);
  code.op('i32_and');
  code.get(room);
  upperHalf(code);
  code.op('i32_add');
}
