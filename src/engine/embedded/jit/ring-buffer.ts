import {
  BPF_RB_FORCE_WAKEUP,
  BPF_RB_NO_WAKEUP,
  BPF_RINGBUF_BUSY_BIT,
  BPF_RINGBUF_DISCARD_BIT,
  BPF_RINGBUF_HDR_SZ,
} from '../../../uapi/ringbuf.ts';
import { HOST_PAGE } from '../maps/array.ts';
import { DATA, MAX_RECORD, PENDING, RESERVING, type RingBuffer } from '../maps/ringbuf.ts';
import { emitLock, emitUnlock } from './emit-lock.ts';
import { WasmCode } from './wasm-code.ts';

const CONSUMED = 0;
const PRODUCED = HOST_PAGE;

/** (size) -> address of a record's bytes, or 0. As `RingBuffer.reserve`. */
export function emitRingReserve(ring: RingBuffer): Uint8Array {
  const code = new WasmCode(1);
  const size = 0;
  const [total, header, word] = [code.local('i32'), code.local('i32'), code.local('i32')];
  const [start, end, pending] = [code.local('i64'), code.local('i64'), code.local('i64')];
  const { pages, mask, address } = ring;
  code.get(size);
  code.i32(MAX_RECORD);
  code.op('i32_gt_u');
  code.answerIf(0);
  code.get(size);
  code.i32(BPF_RINGBUF_HDR_SZ + 7);
  code.op('i32_add');
  code.i32(~7);
  code.op('i32_and');
  code.tee(total);
  code.i32(ring.attr.maxEntries);
  code.op('i32_gt_u');
  code.answerIf(0);
  code.i32(pages);
  code.memory('i64_load', PRODUCED, 3);
  code.tee(start);
  code.get(total);
  code.op('i64_extend_i32_u');
  code.op('i64_add');
  code.set(end);
  // Over the records that are written, to the oldest one that is not.
  code.i32(address);
  code.memory('i64_load', PENDING, 3);
  code.set(pending);
  code.block('block');
  code.block('loop');
  code.get(pending);
  code.get(start);
  code.op('i64_ge_u');
  code.brIf(1);
  emitPlace(code, pending, ring);
  code.memory('i32_load', 0, 2);
  code.tee(word);
  code.i32(BPF_RINGBUF_BUSY_BIT | 0);
  code.op('i32_and');
  code.brIf(1);
  code.get(pending);
  code.get(word);
  code.i32(~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT));
  code.op('i32_and');
  code.i32(BPF_RINGBUF_HDR_SZ + 7);
  code.op('i32_add');
  code.i32(~7);
  code.op('i32_and');
  code.op('i64_extend_i32_u');
  code.op('i64_add');
  code.set(pending);
  code.br(0);
  code.end();
  code.end();
  code.i32(address);
  code.get(pending);
  code.memory('i64_store', PENDING, 3);
  for (const from of ['consumed', 'pending'] as const) {
    code.get(end);
    if (from === 'pending') code.get(pending);
    else {
      code.i32(pages);
      code.memory('i64_load', CONSUMED, 3);
    }
    code.op('i64_sub');
    code.i64(mask, 0);
    code.op('i64_gt_u');
    code.answerIf(0);
  }
  emitPlace(code, start, ring);
  code.tee(header);
  code.get(size);
  code.i32(BPF_RINGBUF_BUSY_BIT | 0);
  code.op('i32_or');
  code.memory('i32_store', 0, 2);
  code.get(header);
  code.get(header);
  code.i32(pages);
  code.op('i32_sub');
  code.i32(12);
  code.op('i32_shr_u');
  code.memory('i32_store', 4, 2);
  code.i32(pages);
  code.get(end);
  code.memory('i64_store', PRODUCED, 3);
  code.get(header);
  code.i32(BPF_RINGBUF_HDR_SZ);
  code.op('i32_add');
  return code.finish();
}

/** As `reserve`, a function that {@link emitRingReserve} wrote, where several CPUs may call it at once. */
export function emitSharedReserve(ring: RingBuffer, reserve: number): Uint8Array {
  const code = new WasmCode(1);
  const lock = () => code.i32(ring.address + RESERVING);
  emitLock(code, lock);
  code.get(0);
  code.call(reserve);
  emitUnlock(code, lock);
  return code.finish();
}

/** (address of a record's bytes, flags, whether it is given up). As `RingBuffer.commit`. `wake`: wakes who waits for something to read. */
export function emitRingCommit(ring: RingBuffer, wake: number): Uint8Array {
  const code = new WasmCode(3);
  const [record, flags, discard] = [0, 1, 2];
  const [header, position] = [code.local('i32'), code.local('i64')];
  code.get(record);
  code.i32(BPF_RINGBUF_HDR_SZ);
  code.op('i32_sub');
  code.tee(header);
  code.get(header);
  code.memory('i32_load', 0, 2);
  code.i32(~BPF_RINGBUF_BUSY_BIT);
  code.op('i32_and');
  code.get(discard);
  code.op('i32_or');
  code.memory('i32_store', 0, 2);
  code.i32(ring.pages);
  code.memory('i64_load', CONSUMED, 3);
  code.set(position);
  emitPlace(code, position, ring);
  code.get(header);
  code.op('i32_eq');
  code.get(flags);
  code.i32(BPF_RB_NO_WAKEUP);
  code.op('i32_and');
  code.op('i32_eqz');
  code.op('i32_and');
  code.get(flags);
  code.i32(BPF_RB_FORCE_WAKEUP);
  code.op('i32_and');
  code.op('i32_or');
  code.block('if');
  code.call(wake);
  code.end();
  return code.finish();
}

/** Puts the address of a position on the stack. */
function emitPlace(code: WasmCode, position: number, { mask, pages }: RingBuffer): void {
  code.get(position);
  code.op('i32_wrap_i64');
  code.i32(mask);
  code.op('i32_and');
  code.i32(pages + DATA);
  code.op('i32_add');
}
