import { BPF_PSEUDO_BTF_ID, BPF_PSEUDO_FUNC, type Insn } from '../../../isa/index.ts';
import { pushBranch } from './branches.ts';
import { sizeOf, skipModifiers } from './btf-walk.ts';
import { clearCallerSaved, leaveSubprog } from './calls.ts';
import type { Env } from './env.ts';
import { Int64 } from './int64.ts';
import { checkPointerOffset } from './memory.ts';
import { checkResources } from './references.ts';
import { KNOWN_ZERO, PERCPU, RDONLY, Reg, UNKNOWN } from './reg.ts';
import { readReg, writeReg } from './reg-access.ts';

/** `ld_imm64`: a number, or the address of a map, a value, a function, a variable of the kernel. */
export function checkLoadImm(env: Env, insn: Insn): void {
  writeReg(env, insn.dst);
  const high = env.insns[env.insn + 1]?.imm ?? 0;
  if (insn.src === 0) {
    env.setReg(insn.dst, Reg.known(new Int64(high, insn.imm)));
    return;
  }
  if (insn.src === BPF_PSEUDO_FUNC) {
    env.setReg(insn.dst, functionAddress(env, env.insn + 1 + insn.imm));
    return;
  }
  if (insn.src === BPF_PSEUDO_BTF_ID) {
    env.setReg(insn.dst, kernelVariable(env, insn.imm, high));
    return;
  }
  const use = env.program.maps.get(env.insn);
  if (use === undefined) env.fail('EINVAL', 'bpf verifier is misconfigured');
  const { map, offset } = use;
  if (offset === undefined) env.setReg(insn.dst, Reg.pointer('map_ptr', { map }));
  else if (map.type === 'arena') env.setReg(insn.dst, UNKNOWN);
  else env.setReg(insn.dst, Reg.pointer('map_value', { map, off: offset }));
}

function functionAddress(env: Env, start: number): Reg {
  const subprogno = env.subprogAt(start);
  if (env.program.funcInfo === undefined) env.fail('EINVAL', 'missing btf func_info');
  if (subprogno >= 0 && env.subprog(subprogno).isGlobal) env.fail('EINVAL', 'callback function not static');
  if (subprogno === 0) env.fail('EINVAL', 'callback function cannot be the main program');
  return Reg.pointer('func', { subprogno });
}

/** A variable, or the address of a function, of the kernel. */
function kernelVariable(env: Env, typeId: number, fd: number): Reg {
  const btf = fd === 0 ? env.program.kernelBtf : env.program.moduleBtf?.(fd);
  if (btf === undefined)
    return env.fail('EINVAL', 'kernel is missing BTF, make sure CONFIG_DEBUG_INFO_BTF=y is specified in Kconfig.');
  const type = typeId > 0 && typeId < btf.typeCount ? btf.type(typeId) : undefined;
  if (type === undefined) return env.fail('ENOENT', `ldimm64 insn specifies invalid btf_id ${typeId}.`);
  if (type.kind === 'func') return Reg.pointer('mem', { flags: RDONLY, memSize: 0 });
  if (type.kind !== 'var') return env.fail('EINVAL', `pseudo btf_id ${typeId} in ldimm64 isn't KIND_VAR or KIND_FUNC`);
  const isPerCpu = isInPerCpu(btf, typeId);
  const [of, id] = skipModifiers(btf, type.typeId);
  if (isPerCpu) return Reg.pointer('btf_id', { flags: PERCPU, btf, btfId: id });
  if (of.kind === 'struct') return Reg.pointer('btf_id', { btf, btfId: id });
  const memSize = sizeOf(btf, id);
  if (memSize === undefined) return env.fail('EINVAL', `ldimm64 unable to resolve the size of type '${of.name}'`);
  return Reg.pointer('mem', { flags: RDONLY, memSize });
}

function isInPerCpu(btf: NonNullable<Env['program']['kernelBtf']>, typeId: number): boolean {
  const section = btf.find('datasec', '.data..percpu');
  const type = section === undefined ? undefined : btf.type(section);
  return type?.kind === 'datasec' && type.variables.some((variable) => variable.typeId === typeId);
}

/** Classic loads from the packet: a program ends if there is no such byte. Returns the instruction to go on at. */
export function checkPacketLoad(env: Env, insn: Insn, indirect: boolean): number {
  const { type } = env.program;
  if (type !== 'socket_filter' && type !== 'sched_cls' && type !== 'sched_act')
    env.fail('EINVAL', 'BPF_LD_[ABS|IND] instructions not allowed for this program type');
  env.checkFields();
  if (env.state.frames.some(({ inCallback }) => inCallback))
    env.fail('EINVAL', 'cannot use BPF_LD_[ABS|IND] within callback');
  readReg(env, 6);
  checkResources(env, 'BPF_LD_[ABS|IND]', { exception: false, locks: true });
  if (env.reg(6).kind !== 'ctx') env.fail('EINVAL', 'at the time of BPF_LD_ABS|IND R6 != pointer to skb');
  if (indirect) readReg(env, insn.src);
  checkPointerOffset(env, env.reg(6), 6, false);
  clearCallerSaved(env, env.frame);
  env.setReg(0, UNKNOWN);
  if (env.state.curframe === 0) return env.insn + 1;
  // In a function of the program it returns 0 to its caller.
  pushBranch(env, env.insn + 1, env.insn);
  env.setReg(0, KNOWN_ZERO);
  return leaveSubprog(env);
}
