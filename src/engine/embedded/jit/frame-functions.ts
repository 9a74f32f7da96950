import { errno } from '../../../uapi/errno.ts';
import { ETH_HLEN } from '../progs/frame.ts';
import { XDP_FRAME_SIZE, XDP_HEAD, XDP_LIMIT, XDP_MD } from '../progs/xdp-buff.ts';
import { WasmCode } from './wasm-code.ts';
import type { Signature, WasmModule } from './wasm-module.ts';

/** Helpers that change where the frame of an XDP program begins and ends, by their ids. They do what {@link XdpBuff} does. */
const ADJUST: ReadonlyMap<number, () => Uint8Array> = new Map([
  [44, emitAdjustHead],
  [54, emitAdjustMeta],
  [65, emitAdjustTail],
]);

/** (context, delta) -> 0, or -EINVAL */
const SIGNATURE: Signature = { params: ['i32', 'i32'], result: 'i32' };
const [CONTEXT, DELTA] = [0, 1];
/** The least distance from the context at which metadata or the frame begins. */
const FIRST = XDP_HEAD + XDP_FRAME_SIZE;
/** Bytes of metadata that there are at most. */
const MAX_META = 255;

/** The functions of a module that stand for helpers, each written when it is asked for. */
export function frameFunctions(module: WasmModule): (helper: number) => number | undefined {
  return (helper) => {
    const emit = ADJUST.get(helper);
    return emit && module.asked(`frame ${helper}`, SIGNATURE, emit);
  };
}

/** Puts the distance of an address of the context from the context on the stack: no `delta` that is added to it comes out as one that is allowed by turning over. */
function offset(code: WasmCode, field: number): void {
  code.get(CONTEXT);
  code.memory('i32_load', field, 2);
  code.get(CONTEXT);
  code.op('i32_sub');
}

/** Stores the address at a distance, which is in a local, from the context. */
function storeAddress(code: WasmCode, field: number, distance: number): void {
  code.get(CONTEXT);
  code.get(CONTEXT);
  code.get(distance);
  code.op('i32_add');
  code.memory('i32_store', field, 2);
}

/** Puts a distance plus `delta` on the stack, and in a local. */
function moved(code: WasmCode, field: number, into: number): void {
  offset(code, field);
  code.get(DELTA);
  code.op('i32_add');
  code.tee(into);
}

function emitAdjustHead(): Uint8Array {
  const code = new WasmCode(2);
  const [data, meta] = [code.local('i32'), code.local('i32')];
  moved(code, XDP_MD.data_meta, meta);
  code.i32(FIRST);
  code.op('i32_lt_s');
  moved(code, XDP_MD.data, data);
  offset(code, XDP_MD.data_end);
  code.i32(ETH_HLEN);
  code.op('i32_sub');
  code.op('i32_gt_s');
  code.op('i32_or');
  code.answerIf(-errno.EINVAL);
  code.get(data);
  code.get(meta);
  code.op('i32_ne');
  code.block('if');
  code.get(CONTEXT);
  code.get(meta);
  code.op('i32_add');
  code.get(CONTEXT);
  code.memory('i32_load', XDP_MD.data_meta, 2);
  code.get(data);
  code.get(meta);
  code.op('i32_sub');
  code.copy();
  code.end();
  storeAddress(code, XDP_MD.data_meta, meta);
  storeAddress(code, XDP_MD.data, data);
  code.i32(0);
  return code.finish();
}

function emitAdjustMeta(): Uint8Array {
  const code = new WasmCode(2);
  const [meta, length] = [code.local('i32'), code.local('i32')];
  moved(code, XDP_MD.data_meta, meta);
  code.i32(FIRST);
  code.op('i32_lt_s');
  offset(code, XDP_MD.data);
  code.get(meta);
  code.op('i32_sub');
  code.tee(length);
  code.i32(MAX_META);
  code.op('i32_gt_u');
  code.op('i32_or');
  code.get(length);
  code.i32(3);
  code.op('i32_and');
  code.op('i32_or');
  code.answerIf(-errno.EINVAL);
  storeAddress(code, XDP_MD.data_meta, meta);
  code.i32(0);
  return code.finish();
}

function emitAdjustTail(): Uint8Array {
  const code = new WasmCode(2);
  const end = code.local('i32');
  moved(code, XDP_MD.data_end, end);
  offset(code, XDP_LIMIT);
  code.op('i32_gt_s');
  code.get(end);
  offset(code, XDP_MD.data);
  code.i32(ETH_HLEN);
  code.op('i32_add');
  code.op('i32_lt_s');
  code.op('i32_or');
  code.answerIf(-errno.EINVAL);
  code.get(DELTA);
  code.i32(0);
  code.op('i32_gt_s');
  code.block('if');
  code.get(CONTEXT);
  code.memory('i32_load', XDP_MD.data_end, 2);
  code.i32(0);
  code.get(DELTA);
  code.fill();
  code.end();
  storeAddress(code, XDP_MD.data_end, end);
  code.i32(0);
  return code.finish();
}
