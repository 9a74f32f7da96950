import { BPF_PSEUDO_CALL } from '../../../isa/index.ts';
import { BPF_EXIST } from '../../../uapi/bpf.ts';
import { errno } from '../../../uapi/errno.ts';
import { BPF_RINGBUF_DISCARD_BIT } from '../../../uapi/ringbuf.ts';
import type { Helper } from '../helpers/helper.ts';
import { BPF_MAX_LOOPS } from '../helpers/loop.ts';
import { calledBy, calledNumber } from '../interp/called.ts';
import { BPF_FUNC_tail_call } from '../interp/code.ts';
import { ArrayMap } from '../maps/array.ts';
import type { BpfMap } from '../maps/map.ts';
import { PercpuArrayMap } from '../maps/percpu-array.ts';
import type { RingBuffer } from '../maps/ringbuf.ts';
import type { TailCallSlot } from './compile.ts';
import { argumentsOf, LOW } from './demand.ts';
import type { ArenaText } from './emit-arena.ts';
import { orHighWord } from './emit-bytes.ts';
import { emitFrameBytes } from './emit-frame-bytes.ts';
import { emitLock, emitUnlock } from './emit-lock.ts';
import { emitOwnHelper } from './emit-own-helper.ts';
import { emitRedirect } from './emit-redirect.ts';
import { emitSkbCall } from './emit-skb-call.ts';
import { emitTailCall } from './emit-tail-call.ts';
import type { FunctionText } from './function-text.ts';
import { calleeOf, type Op } from './graph.ts';
import { isCompiledTrie } from './lpm-trie.ts';
import { NO_NODES } from './lpm-update.ts';
import { CPU, FRAME, HIGH, LOCK, REGISTERS, ROUNDS } from './registers.ts';
import { BPF_FUNC_map_lookup_elem } from './slots.ts';
import type { Known } from './transfer.ts';

const BPF_FUNC_spin_lock = 93;
const BPF_FUNC_spin_unlock = 94;
const BPF_FUNC_loop = 181;
const BPF_FUNC_ringbuf_reserve = 131;
const BPF_FUNC_ringbuf_submit = 132;
const BPF_FUNC_ringbuf_discard = 133;

/** Helpers for which there may be functions of a map's own. */
export type MapHelper = 'lookup' | 'update' | 'delete' | 'push' | 'pop' | 'peek' | 'reserve' | 'commit';

const MAP_HELPERS: ReadonlyMap<number, MapHelper> = new Map([
  [BPF_FUNC_map_lookup_elem, 'lookup'],
  [2, 'update'],
  [3, 'delete'],
  [87, 'push'],
  [88, 'pop'],
  [89, 'peek'],
]);

/** The register that has flags, behind the addresses. */
const FLAGS_IN: Partial<Record<MapHelper, number>> = { update: 4, push: 3 };

/** What a function may call: numbers of functions of the module. */
export interface Callees {
  /** Address of the registers for calls; see registers.ts. */
  readonly registers: number;
  /** By number: see `callees`. */
  helper(number: number): number;
  /** A function of the program. */
  func(start: number): number;
  /** For tail calls: see `RESOLVE`. */
  readonly resolve: number;
  /** For tail calls: the type of (context, frame) -> r0. */
  programType(): number;
  readonly mapAt: (address: number) => BpfMap | undefined;
  /** See `Known`. */
  readonly constantAt: Known['constantAt'];
  /** Finds bytes of the packet: (size, offset) -> address, or -1. */
  readonly packetLoad: number;
  /** Functions of the program make tail calls, and come back. */
  readonly functionsTailCall: boolean;
  /** The arena of the program, where it reads or writes one. */
  readonly arena: ArenaText | undefined;
  /** Somebody asks memory how many tail calls there were. */
  readonly countIsRead: boolean;
  /** The function to go on with while a slot holds the program with this id; `undefined`: the module has none for it. */
  readonly linkOf: (slot: TailCallSlot) => { readonly id: number; readonly func: number } | undefined;
  /** The ring buffer that all records of the program are of. */
  readonly ring: RingBuffer | undefined;
  /** Several CPUs run at once. */
  readonly shared: boolean;
  /** () -> the next random number; `undefined`: the kernel's own thread gives them out. */
  readonly random: (() => number) | undefined;
  /** See `emitCsumDiff`. */
  csumDiff(): number;
  /** The function for a helper that replaces a value which a checksum covers, with flags that are known, if there is one. */
  csumReplace(helper: number, flags: number): number | undefined;
  /** (context, argument) -> result: the function that stands for a helper which changes the frame, if there is one. */
  frameFunction(helper: number): number | undefined;
  /** The function that does for a map what a helper does, if there is one: the same arguments but for the map. */
  mapFunction(helper: MapHelper, map: BpfMap): number | undefined;
}

/** Whether looking up is written out for such a map, by the key itself. */
export function takesKey(map: BpfMap): boolean {
  return map.constructor === ArrayMap || map.constructor === PercpuArrayMap;
}

/** Parameters of the function that is written. */
export interface Parameters {
  readonly frame: number;
  /** Tail calls so far; `undefined`: the registers say so. */
  readonly count: number | undefined;
}

export function emitCall(text: FunctionText, op: Op, callees: Callees, { frame, count }: Parameters): void {
  const callee = calleeOf({ opcode: 0x85, src: op.src, imm: op.imm }, op.slot);
  if (op.src === BPF_PSEUDO_CALL && callee !== undefined) {
    emitOwnCall(text, op, callees.func(callee));
    return;
  }
  const helper = calledBy(op);
  if (helper === undefined) {
    text.code.op('unreachable');
    return;
  }
  if (op.src !== 0) {
    emitHelperCall(text, op, helper, callees);
    return;
  }
  if (helper.id === BPF_FUNC_loop && emitCountedLoop(text, op, callees)) return;
  // What is not in the frame itself may be in its fragments.
  const beyond = () => emitImportCall(text, op, helper, callees);
  if (emitOwnHelper(text, op, callees, beyond)) return;
  if (callees.shared && (helper.id === BPF_FUNC_spin_lock || helper.id === BPF_FUNC_spin_unlock))
    emitSpinLock(text, callees.registers, helper.id === BPF_FUNC_spin_lock);
  else if (helper.id === BPF_FUNC_tail_call) emitTailCall(text, callees, frame, count);
  else if (!emitMapCall(text, op, callees, beyond) && !emitPacketCall(text, op, callees, beyond))
    emitHelperCall(text, op, helper, callees);
}

function emitPacketCall(text: FunctionText, op: Op, callees: Callees, beyond: () => void): boolean {
  return (
    emitFrameBytes(text, op, beyond) ||
    emitSkbCall(text, op, callees, beyond) ||
    emitRedirect(text, op, callees, beyond)
  );
}

/** Another CPU may hold it. */
function emitSpinLock(text: FunctionText, registers: number, taken: boolean): void {
  const { code } = text;
  text.withLocal('i32', (lock) => {
    text.read32(1);
    code.set(lock);
    (taken ? emitLock : emitUnlock)(code, () => code.get(lock));
    code.i32(registers);
    if (taken) code.get(lock);
    else code.i32(0);
    code.memory('i32_store', LOCK, 2);
  });
}

function emitOwnCall(text: FunctionText, op: Op, func: number): void {
  for (let reg = 1; reg <= 5; reg++) text.read64(reg);
  text.calleeFrame(op.depth);
  text.code.call(func);
  text.writeAs(0, 'i64', text.resultType);
}

function emitHelperCall(text: FunctionText, op: Op, helper: Helper, callees: Callees): void {
  const { code } = text;
  emitImportCall(text, op, helper, callees);
  const type = text.resultType;
  if (helper.returns !== 'u64' || type === 'i32') {
    text.writeAs(0, 'i32', type, helper.returns === 'integer');
    return;
  }
  code.op('i64_extend_i32_u');
  orHighWord(code, callees.registers, 0);
  text.writeAs(0, 'i64', type);
}

/** Leaves the low word of the result on the stack. The registers go through memory: what JavaScript is given as numbers of 64 bits costs more than all else. */
function emitImportCall(text: FunctionText, op: Op, helper: Helper, { registers, helper: importOf }: Callees): void {
  const { code } = text;
  const wanted = argumentsOf(op);
  for (let reg = 1; reg <= helper.args.length; reg++) {
    code.i32(registers);
    text.read32(reg);
    code.memory('i32_store', REGISTERS + 4 * reg, 2);
    code.i32(registers);
    if (wanted[reg - 1] === LOW) code.i32(0);
    else text.readHigh(reg);
    code.memory('i32_store', HIGH + 4 * reg, 2);
  }
  if (helper.args.includes('func')) {
    code.i32(registers);
    text.calleeFrame(op.depth);
    code.memory('i32_store', FRAME, 2);
  }
  code.call(importOf(calledNumber(op) ?? 0));
}

/** bpf_loop with a function and flags that are known; false for another. */
function emitCountedLoop(text: FunctionText, op: Op, callees: Callees): boolean {
  const [func, flags] = [text.value(2), text.value(4)];
  if (func?.kind !== 'const' || flags?.kind !== 'const' || flags.low !== 0 || flags.high !== 0) return false;
  const { code } = text;
  text.withLocal('i32', (count) =>
    text.withLocal('i32', (done) => {
      text.read32(1);
      code.tee(count);
      code.i32(BPF_MAX_LOOPS);
      code.op('i32_gt_u');
      code.block('if', 'i32');
      code.i32(-errno.E2BIG);
      code.op('else');
      code.i32(0);
      code.set(done);
      code.block('block');
      code.block('loop');
      code.get(done);
      code.get(count);
      code.op('i32_ge_u');
      code.brIf(1);
      emitRound(text, callees.registers);
      code.get(done);
      code.op('i64_extend_i32_u');
      text.read64(3);
      for (let unused = 3; unused <= 5; unused++) code.i64(0, 0);
      text.calleeFrame(op.depth);
      code.call(callees.func(func.low));
      code.get(done);
      code.i32(1);
      code.op('i32_add');
      code.set(done);
      code.op('i64_eqz');
      code.brIf(0);
      code.end();
      code.end();
      code.get(done);
      code.end();
    }),
  );
  text.writeAs(0, 'i32', text.resultType, true);
  return true;
}

/** Counts a round of a loop that the verifier has not counted. */
function emitRound({ code }: FunctionText, registers: number): void {
  code.i32(registers);
  code.i32(registers);
  code.memory('i32_load', ROUNDS, 2);
  code.i32(1);
  code.op('i32_sub');
  code.memory('i32_store', ROUNDS, 2);
  code.i32(registers);
  code.memory('i32_load', ROUNDS, 2);
  code.op('i32_eqz');
  code.block('if');
  code.op('unreachable');
  code.end();
}

/** False: it is a call of another kind, or of a map that is not known, or is of a type that has no functions. `beyond`: calls the helper, and leaves its result on the stack. */
function emitMapCall(text: FunctionText, op: Op, callees: Callees, beyond: () => void): boolean {
  if (callees.ring !== undefined && emitRingCall(text, op, callees.ring, callees)) return true;
  const kind = MAP_HELPERS.get(op.imm);
  const first = text.value(1);
  const map = first?.kind === 'const' ? callees.mapAt(first.low) : undefined;
  if (kind === undefined || map === undefined) return false;
  if (kind === 'lookup' && (map instanceof ArrayMap || map instanceof PercpuArrayMap)) {
    emitArrayLookup(text, op, map, callees.registers);
    return true;
  }
  // Other flags are the helper's.
  const flagsIn = FLAGS_IN[kind];
  const flags = flagsIn === undefined ? undefined : text.value(flagsIn);
  if (
    flagsIn !== undefined &&
    !(flags?.kind === 'const' && flags.high === 0 && flags.low >= 0 && flags.low <= BPF_EXIST)
  )
    return false;
  const func = callees.mapFunction(kind, map);
  if (func === undefined) return false;
  for (let reg = 2; reg <= (flagsIn ?? 2); reg++) text.read32(reg);
  text.code.call(func);
  if (kind === 'update' && isCompiledTrie(map)) emitInstead(text, NO_NODES, beyond);
  text.writeAs(0, 'i32', text.resultType, kind !== 'lookup');
  return true;
}

/** Where the result on the stack is this one, that of another call takes its place. */
function emitInstead(text: FunctionText, result: number, other: () => void): void {
  const { code } = text;
  text.withLocal('i32', (local) => {
    code.tee(local);
    code.i32(result);
    code.op('i32_eq');
    code.block('if', 'i32');
    other();
    code.op('else');
    code.get(local);
    code.end();
  });
}

/** Records of a ring buffer; false: it is another call, or has flags that are not known. */
function emitRingCall(text: FunctionText, op: Op, ring: RingBuffer, callees: Callees): boolean {
  const { code } = text;
  switch (op.imm) {
    case BPF_FUNC_ringbuf_reserve: {
      const flags = text.value(3);
      const reserve = callees.mapFunction('reserve', ring);
      if (reserve === undefined || flags?.kind !== 'const' || flags.low !== 0 || flags.high !== 0) return false;
      text.read32(2);
      code.call(reserve);
      text.writeAs(0, 'i32', text.resultType);
      return true;
    }
    case BPF_FUNC_ringbuf_submit:
    case BPF_FUNC_ringbuf_discard: {
      const commit = callees.mapFunction('commit', ring);
      if (commit === undefined) return false;
      text.read32(1);
      text.read32(2);
      code.i32(op.imm === BPF_FUNC_ringbuf_discard ? BPF_RINGBUF_DISCARD_BIT : 0);
      code.call(commit);
      return true;
    }
    default:
      return false;
  }
}

/** index < max ? values + index * stride : 0 */
function emitArrayLookup(text: FunctionText, op: Op, map: ArrayMap | PercpuArrayMap, registers: number): void {
  const { code } = text;
  const type = text.resultType;
  if (type === undefined) return;
  const { maxEntries } = map.attr;
  text.withLocal('i32', (index) => {
    if (op.key !== undefined) text.read32(op.key);
    else code.memory('i32_load', text.address(2, 0));
    code.set(index);
    code.get(index);
    emitScaled(text, map.stride);
    code.i32(map.values);
    code.op('i32_add');
    if (map instanceof PercpuArrayMap) {
      code.i32(registers);
      code.memory('i32_load', CPU, 2);
      emitScaled(text, map.cpuStride);
      code.op('i32_add');
    }
    code.i32(0);
    code.get(index);
    code.i32(maxEntries);
    code.op('i32_lt_u');
    code.op('select');
  });
  text.writeAs(0, 'i32', type);
}

function emitScaled({ code }: FunctionText, by: number): void {
  if ((by & (by - 1)) === 0) {
    code.i32(31 - Math.clz32(by));
    code.op('i32_shl');
  } else {
    code.i32(by);
    code.op('i32_mul');
  }
}
