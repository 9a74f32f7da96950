import { atomicOf } from '../../../isa/index.ts';
import type { Env } from './env.ts';
import { isHelperCall, isKfuncCall } from './flow.ts';
import { argumentCount } from './helper-facts.ts';

/** r0 to r5, which a call does not keep. Bits. */
export const CALLER_SAVED = 0b11_1111;
const ALL = 0b11_1111_1111;

/** Which registers each instruction may need: what is not read before it is written again does not count when states are compared. */
export function computeLiveRegs(env: Env): void {
  const { successors } = env;
  const { liveRegs } = env.facts;
  const uses = new Uint16Array(liveRegs.length);
  const defines = new Uint16Array(liveRegs.length);
  for (let i = 0; i < liveRegs.length; i++) [uses[i], defines[i]] = usesOf(env, i);
  for (const subprog of env.subprogs) {
    const order = env.subprogOrder(subprog);
    for (let changed = true; changed; ) {
      changed = false;
      for (let at = 0; at < order.length; at++) {
        const i = order[at] ?? 0;
        const [next = -1, target = -1] = [successors[2 * i], successors[2 * i + 1]];
        const after = (next < 0 ? 0 : (liveRegs[next] ?? 0)) | (target < 0 ? 0 : (liveRegs[target] ?? 0));
        const before = (after & ~(defines[i] ?? 0)) | (uses[i] ?? 0);
        if (before === liveRegs[i]) continue;
        liveRegs[i] = before;
        changed = true;
      }
    }
  }
}

/** Registers that an instruction reads, and those that it writes. Bits. */
function usesOf(env: Env, index: number): readonly [uses: number, defines: number] {
  const insn = env.insnAt(index);
  const operation = env.operations[index];
  const dst = 1 << insn.dst;
  const src = 1 << insn.src;
  switch (operation?.kind) {
    case 'alu': {
      const source = operation.source === 'reg' ? src : 0;
      return operation.op === 'mov' ? [source, dst] : [source | dst, dst];
    }
    case 'neg':
    case 'end':
      return [dst, dst];
    case 'load':
      return [src, dst];
    case 'store':
      return [operation.source === 'reg' ? dst | src : dst, 0];
    case 'atomic': {
      const atomic = atomicOf(insn.imm);
      if (atomic?.op === 'load') return [src, dst];
      if (atomic?.op === 'cmpxchg') return [dst | src | 1, 1];
      return [dst | src, atomic?.fetch === true ? src : 0];
    }
    case 'ld_imm64':
      return [0, dst];
    case 'ld_abs':
    case 'ld_ind':
      return [ALL, 0];
    case 'jump':
      return [operation.source === 'reg' ? dst | src : dst, 0];
    case 'exit':
      return [1, 0];
    case 'call':
      return [argumentsOf(env, index), CALLER_SAVED];
    default:
      return [0, 0];
  }
}

/** Of one that the program must not call Linux knows nothing. */
function argumentsOfKfunc(env: Env, index: number): number {
  const kfunc = env.kfuncs.get(index);
  return kfunc?.allowed === true ? kfunc.params.length : 5;
}

function argumentsOf(env: Env, index: number): number {
  const insn = env.insnAt(index);
  let count = 5;
  if (isHelperCall(insn)) count = argumentCount(env, insn.imm) ?? 5;
  else if (isKfuncCall(insn)) count = argumentsOfKfunc(env, index);
  return ((1 << Math.min(count, 5)) - 1) << 1;
}
