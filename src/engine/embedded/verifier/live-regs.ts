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
  const effects = new Int32Array(liveRegs.length);
  for (let i = 0; i < effects.length; i++) effects[i] = effectOf(env, i);
  for (const subprog of env.subprogs) {
    const order = env.subprogOrder(subprog);
    for (let changed = true; changed; ) {
      changed = false;
      for (let at = 0; at < order.length; at++) {
        const i = order[at] ?? 0;
        const [next = -1, target = -1] = [successors[2 * i], successors[2 * i + 1]];
        const after = (next < 0 ? 0 : (liveRegs[next] ?? 0)) | (target < 0 ? 0 : (liveRegs[target] ?? 0));
        const uses = effects[i] ?? 0;
        const before = ((after & ~(uses >>> 16)) | uses) & 0xffff;
        if (before === liveRegs[i]) continue;
        liveRegs[i] = before;
        changed = true;
      }
    }
  }
}

/** Registers that an instruction reads and those that it writes, 16 bits each: no object for each of a million. */
function effect(uses: number, defines: number): number {
  return uses | (defines << 16);
}

function effectOf(env: Env, index: number): number {
  const insn = env.insnAt(index);
  const operation = env.operations[index];
  const dst = 1 << insn.dst;
  const src = 1 << insn.src;
  switch (operation?.kind) {
    case 'alu': {
      const source = operation.source === 'reg' ? src : 0;
      return operation.op === 'mov' ? effect(source, dst) : effect(source | dst, dst);
    }
    case 'neg':
    case 'end':
      return effect(dst, dst);
    case 'load':
      return effect(src, dst);
    case 'store':
      return effect(operation.source === 'reg' ? dst | src : dst, 0);
    case 'atomic': {
      const atomic = atomicOf(insn.imm);
      if (atomic?.op === 'load') return effect(src, dst);
      if (atomic?.op === 'cmpxchg') return effect(dst | src | 1, 1);
      return effect(dst | src, atomic?.fetch === true ? src : 0);
    }
    case 'ld_imm64':
      return effect(0, dst);
    case 'ld_abs':
    case 'ld_ind':
      return effect(ALL, 0);
    case 'jump':
      return effect(operation.source === 'reg' ? dst | src : dst, 0);
    case 'exit':
      return effect(1, 0);
    case 'call':
      return effect(argumentsOf(env, index), CALLER_SAVED);
    default:
      return effect(0, 0);
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
