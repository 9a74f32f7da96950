import { checkPointerMember } from './btf-access.ts';
import type { Env } from './env.ts';
import { BPF_MAX_VAR_SIZ } from './env.ts';
import {
  checkBuffer,
  checkMapPermission,
  checkMapValue,
  checkMemoryAccess,
  checkPacketAccess,
  checkRegion,
} from './memory.ts';
import { markPrecise } from './precision.ts';
import { MAYBE_NULL, RDONLY, type Reg } from './reg.ts';
import { checkStackRange, type RawMode } from './stack.ts';
import { kindText } from './type-text.ts';

/** Memory that a function is given: `size` bytes behind the register are read, or written. */
export function checkHelperMemory(
  env: Env,
  regno: number,
  size: number,
  write: boolean,
  zeroAllowed: boolean,
  meta: RawMode | undefined,
): void {
  const reg = env.reg(regno);
  const text = kindText(reg.kind, reg.flags);
  const offset = reg.off;
  switch (reg.kind) {
    case 'packet':
    case 'packet_meta':
      checkPacketAccess(env, regno, offset, size, zeroAllowed);
      return;
    case 'map_key':
      if (write) env.fail('EACCES', `R${regno} cannot write into ${text}`);
      checkRegion(env, regno, offset, size, reg.map?.keySize ?? 0, false);
      return;
    case 'map_value':
      if (reg.map === undefined) return;
      checkMapPermission(env, reg.map, offset, size, write);
      checkMapValue(env, regno, offset, size, zeroAllowed, true);
      return;
    case 'mem':
      if (write && reg.has(RDONLY)) env.fail('EACCES', `R${regno} cannot write into ${text}`);
      checkRegion(env, regno, offset, size, reg.memSize, zeroAllowed);
      return;
    case 'buf':
      if (write && reg.has(RDONLY)) env.fail('EACCES', `R${regno} cannot write into ${text}`);
      checkBuffer(env, reg.has(RDONLY) ? 'rdonly' : 'rdwr', reg, regno, offset, size);
      return;
    case 'stack':
      checkStackRange(env, { regno, offset, size, write }, zeroAllowed, meta);
      return;
    case 'btf_id':
      checkPointerMember(env, regno, offset, size, false, -1);
      return;
    case 'ctx':
      if (hasPlainContext(env)) {
        if (size === 0) {
          if (!zeroAllowed) env.fail('EACCES', `R${regno} invalid zero-sized read`);
          return;
        }
        checkMemoryAccess(env, { regno, offset: size - 1, size: 1, write, value: -1 });
        return;
      }
      break;
    default:
      if (zeroAllowed && size === 0 && reg.isNull) return;
  }
  env.fail('EACCES', `R${regno} type=${text} expected=fp`);
}

/** Contexts that programs see as they are. */
function hasPlainContext(env: Env): boolean {
  switch (env.program.type) {
    case 'syscall':
    case 'kprobe':
    case 'tracepoint':
    case 'raw_tracepoint':
    case 'raw_tracepoint_writable':
    case 'tracing':
    case 'lsm':
    case 'struct_ops':
      return true;
    default:
      return false;
  }
}

/** Memory at the register before `regno`, as many bytes as `regno` says. Returns the most that they may be. */
export function checkMemorySize(
  env: Env,
  regno: number,
  write: boolean,
  zeroAllowed: boolean,
  meta: RawMode | undefined,
): number {
  const { num } = env.reg(regno);
  if (num.smin.isNegative) env.fail('EACCES', `R${regno} min value is negative, either use unsigned or 'var &= const'`);
  if (num.umin.isZero && !zeroAllowed)
    env.fail('EACCES', `R${regno} invalid zero-sized read: u64=[${num.umin.unsigned},${num.umax.unsigned}]`);
  if (num.umax.unsignedNumber >= BPF_MAX_VAR_SIZ)
    env.fail('EACCES', `R${regno} unbounded memory access, use 'var &= const' or 'if (var < const)'`);
  checkHelperMemory(env, regno - 1, num.umax.number, write, zeroAllowed, num.isConst ? meta : undefined);
  markPrecise(env, regno);
  return num.umax.number;
}

/** Runs a check as if a pointer that may be NULL were not. */
export function ifNotNull(env: Env, regno: number, check: () => void): void {
  const reg = env.reg(regno);
  if (!reg.mayBeNull) {
    check();
    return;
  }
  env.frame.regs[regno] = notNull(reg);
  check();
  env.frame.regs[regno] = reg;
}

/** The pointer once it is known not to be NULL. */
export function notNull(reg: Reg): Reg {
  const flags = reg.flags & ~MAYBE_NULL;
  if (reg.kind !== 'map_value' || reg.map === undefined) return reg.with({ flags });
  const { map } = reg;
  if (map.inner !== undefined) {
    // Each map that is found in another may be another one: timers and locks of it must not be mixed up.
    const mapUid = map.inner.fields.some(({ kind }) => kind === 'timer' || kind === 'wq') ? reg.id : 0;
    return reg.with({ kind: 'map_ptr', flags, map: map.inner, mapUid });
  }
  if (map.type === 'xskmap') return reg.with({ kind: 'xdp_sock', flags, map: undefined });
  if (map.type === 'sockmap' || map.type === 'sockhash') return reg.with({ kind: 'socket', flags, map: undefined });
  return reg.with({ flags });
}

/** Memory of `size` bytes, read and written; or NULL. */
export function checkMemoryArgument(env: Env, regno: number, size: number): void {
  if (env.reg(regno).isNull) return;
  ifNotNull(env, regno, () => {
    checkHelperMemory(env, regno, size, false, true, undefined);
    checkHelperMemory(env, regno, size, true, true, undefined);
  });
}

/** The same with the size in the register that follows. */
export function checkSizedArgument(env: Env, sizeRegno: number): void {
  ifNotNull(env, sizeRegno - 1, () => {
    checkMemorySize(env, sizeRegno, false, true, undefined);
    checkMemorySize(env, sizeRegno, true, true, undefined);
  });
}
