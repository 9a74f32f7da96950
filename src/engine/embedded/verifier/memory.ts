import type { Insn } from '../../../isa/index.ts';
import { BPF_F_RDONLY_PROG, BPF_F_STRICT_ALIGNMENT, BPF_F_WRONLY_PROG } from '../../../uapi/bpf.ts';
import { checkPointerMember } from './btf-access.ts';
import { accessContext } from './context.ts';
import { BPF_MAX_VAR_OFF, type Env } from './env.ts';
import { Int64 } from './int64.ts';
import { checkKptrAccess } from './kptr.ts';
import { accessMapPointer } from './map-pointer.ts';
import type { FieldToVerify, MapToVerify } from './program.ts';
import { RDONLY, Reg, type RegKind, UNKNOWN, UNTRUSTED } from './reg.ts';
import { Scalar } from './scalar.ts';
import { signExtended, truncated } from './scalar-alu.ts';
import { socketAccess } from './socket-access.ts';
import { checkStackBounds, readStack, writeStack } from './stack.ts';
import { formatTnum, tnumAdd, tnumConst, tnumIsAligned } from './tnum.ts';
import { kindText } from './type-text.ts';

/** One load or store. */
export interface Access {
  readonly regno: number;
  readonly offset: number;
  readonly size: number;
  readonly write: boolean;
  /** The register that is loaded or stored; -1: none. */
  readonly value: number;
  /** Of a store of a number. */
  readonly imm?: number | undefined;
  readonly signed?: boolean;
  /** Atomics: aligned, always. */
  readonly strict?: boolean;
  /** The instruction, where it is one. */
  readonly insn?: Insn;
}

const ALIGNED: Readonly<Partial<Record<RegKind, string>>> = {
  flow_keys: 'flow keys ',
  map_key: 'key ',
  map_value: 'value ',
  ctx: 'context ',
  stack: 'stack ',
  socket: 'sock ',
  sock_common: 'sock_common ',
  tcp_sock: 'tcp_sock ',
  xdp_sock: 'xdp_sock ',
};

/** Packets have their IP header aligned, so their start is not. */
const IP_ALIGN = 2;
export const MAX_PACKET_OFF = 0xffff;
const FLOW_KEYS_SIZE = 56;

export function checkMemoryAccess(env: Env, access: Access): void {
  const { regno, size, write, value } = access;
  const reg = env.reg(regno);
  checkAlignment(env, reg, access.offset, size, access.strict === true);
  const offset = access.offset + reg.off;
  if (reg.kind === 'stack') {
    checkStackBounds(env, { regno, offset, size, write });
    if (!write) readStack(env, regno, offset, size, value);
    else writeStack(env, regno, offset, size, value >= 0 ? { regno: value } : { imm: access.imm });
    narrowLoaded(env, access);
    return;
  }
  const moved = { ...access, offset };
  switch (reg.kind) {
    case 'map_key':
      if (write) env.fail('EACCES', `write to change key R${regno} not allowed`);
      checkRegion(env, regno, offset, size, reg.map?.keySize ?? 0, false);
      if (value >= 0) env.setReg(value, UNKNOWN);
      break;
    case 'map_value':
      if (!reg.mayBeNull) accessMapValue(env, reg, moved);
      else invalidAccess(env, regno, reg);
      break;
    case 'mem':
      accessMem(env, reg, moved);
      break;
    case 'ctx':
      accessContext(env, reg, moved);
      break;
    case 'packet':
    case 'packet_meta':
      if (write && !mayAccessPacket(env, true)) env.fail('EACCES', 'cannot write into packet');
      checkPacketAccess(env, regno, offset, size, false);
      load(env, moved);
      break;
    case 'flow_keys':
      if (offset < 0 || offset + size > FLOW_KEYS_SIZE)
        env.fail('EACCES', `invalid access to flow keys off=${offset} size=${size}`);
      load(env, moved);
      break;
    case 'socket':
    case 'sock_common':
    case 'tcp_sock':
    case 'xdp_sock':
      if (reg.mayBeNull) invalidAccess(env, regno, reg);
      if (write) env.fail('EACCES', `R${regno} cannot write into ${kindText(reg.kind, reg.flags)}`);
      accessSocket(env, reg, moved);
      load(env, moved);
      break;
    case 'tp_buffer':
      checkBuffer(env, 'tracepoint', reg, regno, offset, size);
      load(env, moved);
      break;
    case 'btf_id':
      if (reg.mayBeNull) invalidAccess(env, regno, reg);
      checkPointerMember(env, regno, offset, size, write, value);
      break;
    case 'map_ptr':
      if (reg.mayBeNull) invalidAccess(env, regno, reg);
      accessMapPointer(env, reg, moved);
      break;
    case 'buf':
      if (reg.mayBeNull) invalidAccess(env, regno, reg);
      if (write && reg.has(RDONLY)) env.fail('EACCES', `R${regno} cannot write into ${kindText(reg.kind, reg.flags)}`);
      checkBuffer(env, reg.has(RDONLY) ? 'rdonly' : 'rdwr', reg, regno, offset, size);
      load(env, moved);
      break;
    case 'arena':
      load(env, moved);
      break;
    default:
      invalidAccess(env, regno, reg);
  }
  narrowLoaded(env, access);
}

function load(env: Env, { write, value }: Access): void {
  if (!write && value >= 0) env.setReg(value, UNKNOWN);
}

function narrowLoaded(env: Env, { write, value, size, signed }: Access): void {
  if (write || value < 0 || size >= 8) return;
  const reg = env.reg(value);
  if (reg.kind !== 'scalar') return;
  const num = signed === true ? signExtended(reg.num, size) : truncated(reg.num, size);
  env.setReg(value, reg.withNum(num));
}

function invalidAccess(env: Env, regno: number, reg: Reg): never {
  return env.fail('EACCES', `R${regno} invalid mem access '${kindText(reg.kind, reg.flags)}'`);
}

/** The address is a multiple of the size, where that is asked for. */
export function checkAlignment(env: Env, reg: Reg, offset: number, size: number, strict: boolean): void {
  const must = strict || (env.program.flags & BPF_F_STRICT_ALIGNMENT) !== 0;
  if (size === 1 || reg.kind === 'arena') return;
  if (reg.isPacket) {
    if (!must) return;
    const place = tnumAdd(reg.num.tnum, tnumConst(Int64.fromInt(IP_ALIGN + reg.off + offset)));
    if (!tnumIsAligned(place, size))
      env.fail(
        'EACCES',
        `misaligned packet access off ${IP_ALIGN}+${formatOffset(reg)}+${reg.off}+${offset} size ${size}`,
      );
    return;
  }
  if (!must && reg.kind !== 'stack') return;
  const place = tnumAdd(reg.num.tnum, tnumConst(Int64.fromInt(reg.off + offset)));
  const what = reg.flags === 0 ? (ALIGNED[reg.kind] ?? '') : '';
  if (!tnumIsAligned(place, size))
    env.fail('EACCES', `misaligned ${what}access off ${formatOffset(reg)}+${reg.off}+${offset} size ${size}`);
}

/** A known offset is written as a number. */
function formatOffset(reg: Reg): string {
  return reg.num.isConst ? `${reg.num.value.signed}` : formatTnum(reg.num.tnum);
}

/** The whole range of the access is within `limit` bytes. */
export function checkRegion(
  env: Env,
  regno: number,
  offset: number,
  size: number,
  limit: number,
  zeroAllowed: boolean,
): void {
  const reg = env.reg(regno);
  const { smin, umax } = reg.num;
  const low = smin.number + offset;
  if (smin.isNegative && low < 0)
    env.fail('EACCES', `R${regno} min value is negative, either use unsigned index or do a if (index >=0) check.`);
  if (!isWithin(low, size, limit, zeroAllowed)) {
    env.note(outside(reg, regno, low, size, limit));
    env.fail('EACCES', `R${regno} min value is outside of the allowed memory range`);
  }
  if (umax.unsignedNumber >= BPF_MAX_VAR_OFF)
    env.fail('EACCES', `R${regno} unbounded memory access, make sure to bounds check any such access`);
  const high = umax.number + offset;
  if (!isWithin(high, size, limit, zeroAllowed)) {
    env.note(outside(reg, regno, high, size, limit));
    env.fail('EACCES', `R${regno} max value is outside of the allowed memory range`);
  }
}

function isWithin(offset: number, size: number, limit: number, zeroAllowed: boolean): boolean {
  const sizeOk = size > 0 || (size === 0 && zeroAllowed);
  return offset >= 0 && sizeOk && offset + size <= limit;
}

function outside(reg: Reg, regno: number, offset: number, size: number, limit: number): string {
  switch (reg.kind) {
    case 'map_key':
      return `invalid access to map key, key_size=${limit} off=${offset} size=${size}`;
    case 'map_value':
      return `invalid access to map value, value_size=${limit} off=${offset} size=${size}`;
    case 'packet':
    case 'packet_meta':
    case 'packet_end':
      return `invalid access to packet, off=${offset} size=${size}, R${regno}(id=${reg.id},off=${offset},r=${limit})`;
    default:
      return `invalid access to memory, mem_size=${limit} off=${offset} size=${size}`;
  }
}

export function checkMapPermission(env: Env, map: MapToVerify, offset: number, size: number, write: boolean): void {
  if (write && (map.flags & BPF_F_RDONLY_PROG) !== 0)
    env.fail('EACCES', `write into map forbidden, value_size=${map.valueSize} off=${offset} size=${size}`);
  if (!write && (map.flags & BPF_F_WRONLY_PROG) !== 0)
    env.fail('EACCES', `read from map forbidden, value_size=${map.valueSize} off=${offset} size=${size}`);
}

/** A range of a map's value, and the fields in it that may only be touched by what knows them. */
export function checkMapValue(
  env: Env,
  regno: number,
  offset: number,
  size: number,
  zeroAllowed: boolean,
  byHelper: boolean,
): void {
  const reg = env.reg(regno);
  const map = reg.map;
  if (map === undefined) env.fail('EFAULT', `R${regno} has no map`);
  checkRegion(env, regno, offset, size, map.valueSize, zeroAllowed);
  for (const field of map.fields) {
    const from = reg.num.smin.number + offset;
    const to = reg.num.umax.number + offset + size;
    if (from < field.offset + field.size && field.offset < to) checkField(env, reg, field, offset, size, byHelper);
  }
}

function checkField(env: Env, reg: Reg, field: FieldToVerify, offset: number, size: number, byHelper: boolean): void {
  if (field.kind !== 'kptr' && field.kind !== 'uptr')
    env.fail('EACCES', `${fieldName(field)} cannot be accessed directly by load/store`);
  if (byHelper) env.fail('EACCES', 'kptr cannot be accessed indirectly by helper');
  if (!reg.num.isConst) env.fail('EACCES', 'kptr access cannot have variable offset');
  const at = offset + reg.num.smin.number;
  if (field.offset !== at) env.fail('EACCES', `kptr access misaligned expected=${field.offset} off=${at}`);
  if (size !== 8) env.fail('EACCES', 'kptr access size must be BPF_DW');
}

export function fieldName({ kind, kptr }: FieldToVerify): string {
  if (kind === 'kptr') return kptr?.variant === 'percpu' ? 'percpu_kptr' : 'kptr';
  return kind === 'uptr' ? 'uptr' : `bpf_${kind}`;
}

function accessMapValue(env: Env, reg: Reg, access: Access): void {
  const { regno, offset, size, write, value } = access;
  const map = reg.map;
  if (map === undefined) return;
  checkMapPermission(env, map, offset, size, write);
  checkMapValue(env, regno, offset, size, false, false);
  const at = offset + reg.num.value.number;
  const field = reg.num.isConst
    ? map.fields.find(({ kind, offset: start }) => (kind === 'kptr' || kind === 'uptr') && start === at)
    : undefined;
  if (field !== undefined) {
    checkKptrAccess(env, field, access);
    return;
  }
  if (write || value < 0) return;
  const bytes = reg.num.isConst ? env.constantBytes(map, at, size) : undefined;
  env.setReg(value, bytes === undefined ? UNKNOWN : Reg.scalar(numberOf(bytes, access.signed === true)));
}

function numberOf(bytes: Uint8Array, signed: boolean): Scalar {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] ?? 0);
  return Scalar.known(Int64.of(signed ? BigInt.asIntN(8 * bytes.length, value) : value));
}

function accessMem(env: Env, reg: Reg, access: Access): void {
  const { regno, offset, size, write, value } = access;
  if (reg.mayBeNull) invalidAccess(env, regno, reg);
  if (write && reg.has(RDONLY)) env.fail('EACCES', `R${regno} cannot write into ${kindText(reg.kind, reg.flags)}`);
  // What is not trusted is read by instructions that survive a fault.
  const probed = reg.has(RDONLY) && reg.has(UNTRUSTED);
  if (!probed) checkRegion(env, regno, offset, size, reg.memSize, false);
  if (value >= 0 && !write) env.setReg(value, UNKNOWN);
}

/** The bytes that were proved to be there. */
export function checkPacketAccess(env: Env, regno: number, offset: number, size: number, zeroAllowed: boolean): void {
  const reg = env.reg(regno);
  if (reg.num.smin.isNegative)
    env.fail('EACCES', `R${regno} min value is negative, either use unsigned index or do a if (index >=0) check.`);
  if (reg.range < 0) env.fail('EINVAL', `R${regno} offset is outside of the packet`);
  if (!isWithin(offset, size, reg.range, zeroAllowed)) {
    env.note(outside(reg, regno, offset, size, reg.range));
    env.fail('EACCES', `R${regno} offset is outside of the packet`);
  }
}

/** Whether programs of this type may touch the packet directly. */
export function mayAccessPacket(env: Env, write: boolean): boolean {
  switch (env.program.type) {
    case 'lwt_in':
    case 'lwt_out':
    case 'lwt_seg6local':
    case 'sk_reuseport':
    case 'flow_dissector':
    case 'cgroup_skb':
      return !write;
    case 'sched_cls':
    case 'sched_act':
    case 'xdp':
    case 'lwt_xmit':
    case 'sk_skb':
    case 'sk_msg':
    case 'cgroup_sockopt':
      return true;
    default:
      return false;
  }
}

function accessSocket(env: Env, reg: Reg, { regno, offset, size }: Access): void {
  if (reg.num.smin.isNegative)
    env.fail('EACCES', `R${regno} min value is negative, either use unsigned index or do a if (index >=0) check.`);
  const ok = reg.num.isZero && socketAccess(reg.kind, offset, size);
  if (!ok) env.fail('EACCES', `R${regno} invalid ${kindText(reg.kind, reg.flags)} access off=${offset} size=${size}`);
}

export function checkBuffer(env: Env, what: string, reg: Reg, regno: number, offset: number, size: number): void {
  if (offset < 0) env.fail('EACCES', `R${regno} invalid ${what} buffer access: off=${offset}, size=${size}`);
  if (!reg.num.isZero)
    env.fail('EACCES', `R${regno} invalid variable buffer offset: off=${offset}, var_off=${formatTnum(reg.num.tnum)}`);
  if (what === 'rdonly' || what === 'rdwr') env.bufferReach[what] = Math.max(env.bufferReach[what], offset + size);
}

/** A pointer with an offset, where only some are fine. */
export function checkPointerOffset(env: Env, reg: Reg, regno: number, fixedAllowed: boolean): void {
  const text = kindText(reg.kind, reg.flags);
  if (reg.off < 0) env.fail('EACCES', `negative offset ${text} ptr R${regno} off=${reg.off} disallowed`);
  if (!fixedAllowed && reg.off !== 0)
    env.fail('EACCES', `dereference of modified ${text} ptr R${regno} off=${reg.off} disallowed`);
  if (!reg.num.isZero) env.fail('EACCES', `variable ${text} access var_off=${formatTnum(reg.num.tnum)} disallowed`);
}

/** A pointer is used in one way by an instruction, whatever path leads to it: its load is rewritten. */
export function notePointer(env: Env, reg: Reg, trustMayDiffer: boolean): void {
  const { pointerKinds, pointerFlags } = env.facts;
  const kind = pointerKinds[env.insn];
  const flags = pointerFlags[env.insn] ?? 0;
  if (kind === undefined) {
    pointerKinds[env.insn] = reg.kind;
    pointerFlags[env.insn] = reg.flags;
    return;
  }
  if (kind === reg.kind && flags === reg.flags) return;
  if (!isRewritten(kind) && !isRewritten(reg.kind)) return;
  const untrusted = trustMayDiffer && isProbed(reg.kind, reg.flags) && isProbed(kind, flags);
  if (!untrusted) env.fail('EINVAL', 'same insn cannot be used with different pointers');
  const isMem = kind === 'mem' || reg.kind === 'mem';
  pointerKinds[env.insn] = isMem ? 'mem' : 'btf_id';
  pointerFlags[env.insn] = isMem ? RDONLY | UNTRUSTED : UNTRUSTED;
}

/** Loads through such a pointer are zero where it leads nowhere. */
export function isProbed(kind: RegKind, flags: number): boolean {
  return kind === 'btf_id' || (kind === 'mem' && (flags & UNTRUSTED) !== 0);
}

function isRewritten(kind: RegKind): boolean {
  return (
    kind === 'ctx' ||
    kind === 'socket' ||
    kind === 'sock_common' ||
    kind === 'tcp_sock' ||
    kind === 'xdp_sock' ||
    kind === 'btf_id' ||
    kind === 'arena'
  );
}
