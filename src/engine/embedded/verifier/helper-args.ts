import type { Btf } from '../../../btf/index.ts';
import { BPF_F_RDONLY_PROG } from '../../../uapi/bpf.ts';
import type { HelperName } from '../../../uapi/helpers.ts';
import { helperFunction } from '../../../uapi/helpers.ts';
import { structMatches } from './btf-walk.ts';
import { canInitDynptr, dynptrAt, dynptrSlot, initDynptr, readDynptr } from './dynptr.ts';
import type { DynptrKind } from './dynptr-kind.ts';
import type { Env } from './env.ts';
import { checkHelperMemory, checkMemorySize } from './helper-memory.ts';
import { matchKptr } from './kptr.ts';
import { fieldsAt } from './local-struct.ts';
import { lockArgument } from './locks.ts';
import { checkAlignment, checkMapValue, checkPointerOffset, mayAccessPacket } from './memory.ts';
import { markPrecise, markSlotPrecise } from './precision.ts';
import type { FieldToVerify, MapToVerify } from './program.ts';
import type { ArgProto, HelperProto } from './prototypes.ts';
import {
  ALLOC,
  MAYBE_NULL,
  PACKET_SLICE,
  PERCPU,
  RCU,
  RDONLY,
  type Reg,
  type RegKind,
  RINGBUF,
  TRUSTED,
} from './reg.ts';
import { readReg } from './reg-access.ts';
import { frameOf, type RawMode, spiOf } from './stack.ts';
import { isSpilledScalar, SPILL, typeOf, ZERO } from './stack-slot.ts';
import { kindText } from './type-text.ts';

/** What the arguments of one call say about each other and about the result. */
export interface CallMeta extends RawMode {
  readonly name: HelperName;
  readonly proto: HelperProto;
  map: MapToVerify | undefined;
  mapUid: number;
  /** The argument that is given back. */
  releaseRegno: number;
  refObjId: number;
  /** Bytes of memory that is returned. */
  memSize: number;
  maxSize: number;
  subprogno: number;
  dynptrId: number;
  kptr: FieldToVerify | undefined;
  resultBtf: Btf | undefined;
  resultType: number;
  /** A key that is known. */
  constKey: number | undefined;
}

export function createMeta(name: HelperName, proto: HelperProto): CallMeta {
  return {
    name,
    proto,
    raw: false,
    size: 0,
    regno: 0,
    map: undefined,
    mapUid: 0,
    releaseRegno: 0,
    refObjId: 0,
    memSize: 0,
    maxSize: 0,
    subprogno: 0,
    dynptrId: 0,
    kptr: undefined,
    resultBtf: undefined,
    resultType: 0,
    constKey: undefined,
  };
}

type Accepted = readonly (readonly [kind: RegKind, flags: number])[];

const SOCKS: Accepted = [
  ['sock_common', 0],
  ['socket', 0],
  ['tcp_sock', 0],
  ['xdp_sock', 0],
];
const MEMORY: Accepted = [
  ['stack', 0],
  ['packet', 0],
  ['packet_meta', 0],
  ['map_key', 0],
  ['map_value', 0],
  ['mem', 0],
  ['mem', RINGBUF],
  ['buf', 0],
  ['btf_id', TRUSTED],
];
const BTF_POINTERS: Accepted = [
  ['btf_id', 0],
  ['btf_id', TRUSTED],
  ['btf_id', RCU],
];

/** What a register may be for each kind of argument. */
// biome-ignore format: aligned table
const ACCEPTED: Readonly<Record<string, Accepted>> = {
  map_key: MEMORY, map_value: MEMORY, mem: MEMORY,
  const_size: [['scalar', 0]], const_size_or_zero: [['scalar', 0]], const_alloc_size_or_zero: [['scalar', 0]],
  const_map_ptr: [['map_ptr', 0]], ctx: [['ctx', 0]], sock_common: SOCKS, socket: [['socket', 0]],
  btf_id_sock_common: [...SOCKS, ['btf_id', 0], ['btf_id', TRUSTED]], btf_id: BTF_POINTERS,
  spin_lock: [['map_value', 0], ['btf_id', ALLOC]], ringbuf_mem: [['mem', RINGBUF]],
  percpu_btf_id: [['btf_id', PERCPU], ['btf_id', PERCPU | RCU], ['btf_id', PERCPU | TRUSTED]],
  func: [['func', 0]], stack: [['stack', 0]], const_str: [['map_value', 0]], timer: [['map_value', 0]],
  kptr_xchg_dest: [['map_value', 0], ['btf_id', ALLOC]],
  dynptr: [['stack', 0], ['dynptr', 0]],
};

/** Checks the argument in register `argument` + 1. */
export function checkArgument(env: Env, argument: number, meta: CallMeta): void {
  const given = meta.proto.args[argument];
  if (given === undefined) return;
  const regno = argument + 1;
  const reg = readReg(env, regno);
  if (given.base === 'anything') return;
  if (reg.isPacket && !mayUsePacket(env, meta)) env.fail('EACCES', 'helper access to the packet is not allowed');
  const base = given.base === 'map_value' ? resolveMapValue(env, meta) : given.base;
  // Linux 6.18 forgets that it has to be NULL: where paths meet, it lets any number pass.
  if (reg.isNull && given.null) markPrecise(env, regno);
  else {
    checkType(env, regno, base, given, meta);
    checkOffset(env, regno, given);
  }
  noteReferences(env, regno, given, meta);
  checkKind(env, regno, argument, base, given, meta);
}

function mayUsePacket(env: Env, meta: CallMeta): boolean {
  return mayAccessPacket(env, false) && (meta.proto.pktAccess || env.program.type === 'cgroup_sockopt');
}

/** What a map's value is to helpers. */
function resolveMapValue(env: Env, meta: CallMeta): string {
  const { map } = meta;
  if (map === undefined) return env.fail('EACCES', 'invalid map_ptr to access map->type');
  return map.type === 'sockmap' || map.type === 'sockhash' ? 'btf_id_sock_common' : 'map_value';
}

function checkType(env: Env, regno: number, base: string, given: ArgProto, meta: CallMeta): void {
  const reg = env.reg(regno);
  const accepted = ACCEPTED[base];
  if (accepted === undefined) env.fail('EFAULT', `unsupported arg type ${base}`);
  let flags = reg.flags;
  if (given.rdonly) flags &= ~RDONLY;
  if (given.null) flags &= ~MAYBE_NULL;
  if (base === 'mem') flags &= ~PACKET_SLICE;
  if (meta.name === 'kptr_xchg' && regno === 2 && (flags & ALLOC) !== 0) flags &= ~(ALLOC | PERCPU);
  if (!accepted.some(([kind, wanted]) => kind === reg.kind && wanted === flags)) {
    const expected = accepted.map(([kind, wanted]) => kindText(kind, wanted)).join(', ');
    env.fail('EACCES', `R${regno} type=${kindText(reg.kind, reg.flags)} expected=${expected}`);
  }
  if (reg.kind === 'btf_id') checkStruct(env, regno, base, given, meta);
}

function checkStruct(env: Env, regno: number, base: string, given: ArgProto, meta: CallMeta): void {
  const reg = env.reg(regno);
  if (ACCEPTED[base] === MEMORY) {
    if (!given.rdonly)
      env.fail(
        'EACCES',
        `bpf_${meta.name}() may write into memory pointed by R${regno} type=${kindText(reg.kind, reg.flags)}`,
      );
    return;
  }
  if (reg.has(ALLOC)) {
    if (meta.name === 'kptr_xchg' && regno === 2 && meta.kptr !== undefined) matchKptr(env, meta.kptr, reg, regno);
    return;
  }
  if (reg.has(PERCPU)) return;
  if (reg.mayBeNull && (!given.null || given.release))
    env.fail('EACCES', `Possibly NULL pointer passed to helper arg${regno}`);
  if (meta.name === 'kptr_xchg') {
    if (meta.kptr !== undefined) matchKptr(env, meta.kptr, reg, regno);
    return;
  }
  const struct = given.struct ?? 'sock_common';
  const wanted = env.structNamed(struct);
  if (reg.btf === undefined || wanted === undefined) return;
  const strict = given.release && meta.name !== 'sk_release';
  if (!structMatches(reg.btf, reg.btfId, reg.off, wanted.btf, wanted.btfId, strict))
    env.fail('EACCES', `R${regno} is of type ${reg.btf.type(reg.btfId).name} but ${struct} is expected`);
}

/** Which pointers may have an offset. */
function checkOffset(env: Env, regno: number, given: ArgProto): void {
  const reg = env.reg(regno);
  if (given.release) {
    if (given.base === 'dynptr' && reg.kind === 'stack') return;
    checkReleaseOffset(env, reg, regno);
    return;
  }
  checkArgumentOffset(env, reg, regno);
}

/** What is given back is given back by its start. */
export function checkReleaseOffset(env: Env, reg: Reg, regno: number): void {
  if (reg.off !== 0)
    env.fail('EINVAL', `R${regno} must have zero offset when passed to release func or trusted arg to kfunc`);
  checkPointerOffset(env, reg, regno, false);
}

/** Pointers to memory may have any offset, pointers to structs a fixed one, all others none. */
export function checkArgumentOffset(env: Env, reg: Reg, regno: number): void {
  switch (reg.kind) {
    case 'not_init':
      env.fail('EACCES', 'variable ? access var_off=(0x0; 0xffffffffffffffff) disallowed');
      break;
    case 'stack':
    case 'packet':
    case 'packet_meta':
    case 'map_key':
    case 'arena':
    case 'scalar':
      return;
    case 'map_value':
      if (reg.flags === 0) return;
      break;
    case 'mem':
    case 'buf':
      if ((reg.flags & ~(RDONLY | RINGBUF | PACKET_SLICE)) === 0) return;
      break;
    case 'btf_id':
      if (!reg.mayBeNull && !reg.has(PERCPU)) {
        checkPointerOffset(env, reg, regno, true);
        return;
      }
      break;
    default:
  }
  checkPointerOffset(env, reg, regno, false);
}

function noteReferences(env: Env, regno: number, given: ArgProto, meta: CallMeta): void {
  const reg = env.reg(regno);
  if (given.release) {
    if (given.base === 'dynptr') {
      const spi = reg.kind === 'stack' ? dynptrSlot(env, reg) : undefined;
      if (reg.kind !== 'stack') env.fail('EINVAL', 'cannot release unowned const bpf_dynptr');
      if (typeof spi !== 'number' || frameOf(env, reg).slot(spi).reg.refObjId === 0)
        env.fail('EINVAL', `arg ${regno} is an unacquired reference`);
    } else if (reg.refObjId === 0 && !reg.isNull) {
      env.fail('EINVAL', `R${regno} must be referenced when passed to release function`);
    }
    meta.releaseRegno = regno;
  }
  if (reg.refObjId === 0 || given.base === 'kptr_xchg_dest') return;
  if (meta.refObjId !== 0)
    env.fail('EACCES', `more than one arg with ref_obj_id R${regno} ${reg.refObjId} ${meta.refObjId}`);
  meta.refObjId = reg.refObjId;
}

function checkKind(env: Env, regno: number, argument: number, base: string, given: ArgProto, meta: CallMeta): void {
  const reg = env.reg(regno);
  switch (base) {
    case 'const_map_ptr':
      noteMap(env, reg, meta);
      return;
    case 'map_key':
      if (meta.map === undefined) env.fail('EACCES', 'invalid map_ptr to access map->key');
      checkHelperMemory(env, regno, meta.map.keySize, false, false, undefined);
      meta.constKey = constantKey(env, reg, meta.map);
      return;
    case 'map_value':
      if (given.null && reg.isNull) return;
      if (meta.map === undefined) env.fail('EACCES', 'invalid map_ptr to access map->value');
      meta.raw = given.uninit && !(meta.map.type === 'bloom_filter' && meta.name === 'map_peek_elem');
      checkHelperMemory(
        env,
        regno,
        meta.map.valueSize,
        given.write && !(meta.map.type === 'bloom_filter' && meta.name === 'map_peek_elem'),
        false,
        meta,
      );
      return;
    case 'percpu_btf_id':
      meta.resultBtf = reg.btf;
      meta.resultType = reg.btfId;
      return;
    case 'spin_lock':
      lockArgument(env, regno, meta.name === 'spin_lock' ? 'lock' : 'unlock');
      return;
    case 'timer':
      timerArgument(env, regno, meta);
      return;
    case 'func':
      meta.subprogno = reg.subprogno;
      return;
    case 'mem':
      meta.raw = given.uninit;
      if (given.size === undefined) return;
      checkHelperMemory(env, regno, given.size, given.write, false, meta);
      if (given.aligned) checkAlignment(env, reg, 0, given.size, true);
      return;
    case 'const_size':
    case 'const_size_or_zero': {
      const memory = meta.proto.args[argument - 1];
      meta.maxSize = checkMemorySize(env, regno, memory?.write === true, base === 'const_size_or_zero', meta);
      return;
    }
    case 'dynptr':
      dynptrArgument(env, regno, given);
      return;
    case 'const_alloc_size_or_zero':
      if (!reg.num.isConst) env.fail('EACCES', `R${regno} is not a known constant'`);
      meta.memSize = reg.num.value.unsignedNumber;
      markPrecise(env, regno);
      return;
    case 'const_str':
      checkConstString(env, regno);
      return;
    case 'kptr_xchg_dest':
      kptrArgument(env, regno, meta);
      return;
    default:
  }
}

function noteMap(env: Env, reg: Reg, meta: CallMeta): void {
  if (meta.map !== undefined && (meta.map !== reg.map || meta.mapUid !== reg.mapUid))
    env.fail(
      'EINVAL',
      `timer pointer in R1 map_uid=${meta.mapUid} doesn't match map pointer in R2 map_uid=${reg.mapUid}`,
    );
  meta.map = reg.map;
  meta.mapUid = reg.mapUid;
}

/** The key of an array that the program wrote to its stack, if it is known: the element is there. */
function constantKey(env: Env, key: Reg, map: MapToVerify): number | undefined {
  if ((map.type !== 'array' && map.type !== 'percpu_array') || key.kind !== 'stack' || !key.num.isConst)
    return undefined;
  const offset = key.off + key.num.smin.number;
  const frame = frameOf(env, key);
  const spi = spiOf(offset);
  const slot = frame.slot(spi);
  const first = (-offset - 1) & 7;
  let zeros = 0;
  for (let byte = first; byte >= 0 && typeOf(slot, byte) === ZERO; byte--) zeros++;
  if (zeros >= map.keySize) return 0;
  if (!isSpilledScalar(slot)) return undefined;
  let spilled = 0;
  for (let byte = first; byte >= 0 && typeOf(slot, byte) === SPILL; byte--) spilled++;
  if (spilled !== map.keySize || !slot.reg.num.isConst) return undefined;
  markSlotPrecise(env, frame.frameno, spi);
  return slot.reg.num.value.unsignedNumber;
}

function timerArgument(env: Env, regno: number, meta: CallMeta): void {
  const reg = env.reg(regno);
  const { map } = reg;
  if (!reg.num.isConst)
    env.fail('EINVAL', `R${regno} doesn't have constant offset. bpf_timer has to be at the constant offset`);
  if (map === undefined) return;
  if (map.btf === undefined) env.fail('EINVAL', `map '${map.name}' has to have BTF in order to use bpf_timer`);
  const field = map.fields.find(({ kind }) => kind === 'timer');
  if (field === undefined) env.fail('EINVAL', `map '${map.name}' has no valid bpf_timer`);
  const at = reg.off + reg.num.smin.number;
  if (field.offset !== at)
    env.fail('EINVAL', `off ${at} doesn't point to 'struct bpf_timer' that is at ${field.offset}`);
  meta.map = map;
  meta.mapUid = reg.mapUid;
}

/** What a function wants of a dynptr. */
export interface DynptrWanted {
  readonly uninit: boolean;
  readonly rdonly: boolean;
  readonly dynptr?: DynptrKind;
}

export function dynptrArgument(env: Env, regno: number, given: DynptrWanted): void {
  const reg = env.reg(regno);
  if (given.uninit) {
    if (!canInitDynptr(env, reg)) env.fail('EINVAL', 'Dynptr has to be an uninitialized dynptr');
    initializeDynptr(env, regno, given.dynptr ?? 'local');
    return;
  }
  if (reg.kind === 'dynptr' && !given.rdonly)
    env.fail('EINVAL', 'cannot pass pointer to const bpf_dynptr, the helper mutates it');
  const held = dynptrAt(env, reg);
  if (held === undefined) env.fail('EINVAL', `Expected an initialized dynptr as arg #${regno - 1}`);
  if (given.dynptr !== undefined && held.dynptr?.kind !== given.dynptr)
    env.fail('EINVAL', `Expected a dynptr of type ${given.dynptr} as arg #${regno - 1}`);
  readDynptr(env, reg);
}

/** The stack that the register points to becomes a dynptr: both slots are written. */
export function initializeDynptr(env: Env, regno: number, kind: DynptrKind, original?: Reg): void {
  for (const offset of [0, 8]) env.writeMemory(regno, offset, 8);
  initDynptr(env, env.reg(regno), kind, original);
}

/** A text that cannot change, with its end. */
export function checkConstString(env: Env, regno: number): void {
  const reg = env.reg(regno);
  const { map } = reg;
  if (reg.kind !== 'map_value' || map === undefined) env.fail('EINVAL', `R${regno} is no text`);
  if (!map.frozen || (map.flags & BPF_F_RDONLY_PROG) === 0)
    env.fail('EACCES', `R${regno} does not point to a readonly map'`);
  if (!reg.num.isConst) env.fail('EACCES', `R${regno} is not a constant address'`);
  if (map.read === undefined) env.fail('EACCES', 'no direct value access support for this map type');
  checkMapValue(env, regno, reg.off, map.valueSize - reg.off, false, true);
  const at = reg.off + reg.num.smin.number;
  const bytes = map.read?.(at, map.valueSize - at);
  if (bytes === undefined || !bytes.includes(0)) env.fail('EINVAL', 'string is not zero-terminated');
}

function kptrArgument(env: Env, regno: number, meta: CallMeta): void {
  const reg = env.reg(regno);
  if (reg.kind === 'map_value') {
    if (reg.map?.btf === undefined)
      env.fail('EINVAL', `map '${reg.map?.name}' has to have BTF in order to use bpf_kptr_xchg`);
    meta.map = reg.map;
  }
  if (!reg.num.isConst)
    env.fail('EINVAL', `R${regno} doesn't have constant offset. kptr has to be at the constant offset`);
  const pointers = fieldsAt(env, reg).filter(({ kptr }) => kptr !== undefined && kptr.variant !== 'uptr');
  if (pointers.length === 0) env.fail('EINVAL', `R${regno} has no valid kptr`);
  const at = reg.off + reg.num.smin.number;
  const field = pointers.find(({ offset }) => offset === at);
  if (field === undefined) env.fail('EACCES', `off=${at} doesn't point to kptr`);
  if (field.kptr?.variant === 'unref') env.fail('EACCES', `off=${at} kptr isn't referenced kptr`);
  meta.kptr = field;
}

export function functionText(id: number): string {
  return `${helperFunction(id) ?? 'unknown'}#${id}`;
}
